// Builds dist/: ES modules and CommonJS, each with types of its own.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));
rmSync("dist", { recursive: true, force: true });
build("esm", "module", "--module nodenext");
build("commonjs", "commonjs", "--module commonjs --moduleResolution bundler --verbatimModuleSyntax false");

function build(folder, type, flags) {
  const args = `-p tsconfig.build.json --outDir dist/${folder} ${flags}`.split(" ");
  execFileSync("node_modules/.bin/tsc", args, { stdio: "inherit" });
  mkdirSync(`dist/${folder}`, { recursive: true });
  // The nearest package.json says what a .js file is, to Node and to the compiler.
  writeFileSync(`dist/${folder}/package.json`, `${JSON.stringify({ type })}\n`);
}
