// Writes src/sentences.ts, the package's copy of the sentences that all languages print.
// Run it, then "npm run format", when testdata/vectors/sentences.json has changed.
import { readFileSync, writeFileSync } from "node:fs";

const original = new URL("../../testdata/vectors/sentences.json", import.meta.url);
const head = "// Written by sentences.mjs from testdata/vectors/sentences.json.\n";
const text = readFileSync(original, "utf8").trim();
writeFileSync(new URL("src/sentences.ts", import.meta.url), `${head}export const sentences = ${text} as const;\n`);
