// The package as a user has it: packed, installed into an empty project, its programs run word for word.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Emulator, passwords } from "./emulator.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(here, "node_modules/.bin/tsc");

/** The time for a program, in milliseconds. */
const programTime = 60_000;

let emulator: Emulator;
let project: string;
before(async () => {
  project = mkdtempSync(join(tmpdir(), "acrkit-project-"));
  const installed = (async () => {
    await run(project, "npm", ["pack", "--silent", here]);
    // The versions are those of the lock file, so that a release of the SDK fails no test of ours.
    const { version, devDependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
    const sdk = `@azure/container-registry@${devDependencies["@azure/container-registry"]}`;
    await run(project, "npm", ["install", "--prefer-offline", `./acrkit-${version}.tgz`, sdk]);
  })();
  emulator = await Emulator.start("--blob-redirects", "--blob-host", "127.0.0.1");
  await installed;
});
after(async () => {
  await emulator.stop();
  rmSync(project, { recursive: true });
});

interface Ended {
  code: number;
  output: string;
}

function exec(cwd: string, command: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(ACR|AZURE|NODE_TEST)_/.test(name));
  const options = { cwd, env: { ...Object.fromEntries(clean), ...env }, timeout: programTime };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

async function run(cwd: string, command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, output } = await exec(cwd, command, args, env);
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${output}`);
  return output;
}

/** The programs of a page: blocks behind "<!-- file: NAME -->". */
function programs(page: string): Record<string, string> {
  const text = readFileSync(page, "utf8");
  return Object.fromEntries(
    [...text.matchAll(/<!-- file: (\S+) -->\n```js\n(.*?)```\n/gs)].map((m) => [m[1] as string, m[2] as string]),
  );
}

const inFolder = (folder: string) =>
  Object.fromEntries(
    readdirSync(join(here, folder)).map((file) => [file, readFileSync(join(here, folder, file), "utf8")]),
  );
const readme: Record<string, string> = { ...programs(join(here, "README.md")), ...inFolder("examples") };
const copy = inFolder("copy");

/** The environment of a program, for one of the seed's tokens. */
function env(name: keyof typeof passwords, password = passwords[name]): Record<string, string> {
  return {
    ACR_NAME: emulator.host,
    ACR_ENDPOINT: `https://${emulator.host}`,
    ACR_TOKEN_NAME: name,
    ACR_TOKEN_PASSWORD: password,
    NODE_EXTRA_CA_CERTS: emulator.caFile,
  };
}

const node = (file: string, args: string[], vars: Record<string, string>) => {
  writeFileSync(join(project, file), readme[file] ?? assert.fail(`README.md has no ${file}`));
  return exec(project, process.execPath, [file, ...args], vars);
};

test("there is one copy of the SDK's HTTP layer", async () => {
  assert.ok(!existsSync(join(project, "node_modules/acrkit/node_modules")));
  const found = readdirSync(join(project, "node_modules"), { recursive: true }).map(String);
  assert.equal(found.filter((path) => /core-rest-pipeline$/.test(path)).length, 1);
  const { dependencies } = JSON.parse(readFileSync(join(project, "node_modules/acrkit/package.json"), "utf8"));
  assert.deepEqual(Object.keys(dependencies), ["@azure/core-rest-pipeline"]);
});

test("what is packed", () => {
  assert.deepEqual(readdirSync(join(project, "node_modules/acrkit")).sort(), [
    "LICENSE",
    "README.md",
    "dist",
    "package.json",
  ]);
});

test("README: list-tags", async () => {
  const { code, output } = await node("list-tags.mjs", ["samples/app"], env("ci-list"));
  assert.deepEqual([code, output.trim().split("\n").sort()], [0, ["latest", "v1"]]);
});

test("README: list-tags with nothing in the environment", async () => {
  const { code, output } = await node("list-tags.mjs", ["samples/app"], {});
  assert.equal(code, 1);
  assert.match(output, /the registry's name must be a string, not undefined; is the environment variable set\?/);
});

test("README: list-tags with a wrong password", async () => {
  const { code, output } = await node("list-tags.mjs", ["samples/app"], env("ci-list", "not-the-password-0000"));
  assert.equal(code, 1);
  assert.match(output, /the token "ci-list" and its password are not accepted: wrong, expired, disabled/);
  assert.ok(!output.includes("not-the-password-0000"));
});

test("README: list-tags behind a proxy, token requests too", async (t) => {
  const connected: string[] = [];
  const proxy = createServer().on("connect", (request, socket: Socket) => {
    connected.push(request.url ?? "");
    const [name, port] = emulator.host.split(":");
    const upstream = connect(Number(port), name, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const vars = { ...env("ci-list"), HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: "" };
  const { code, output } = await node("list-tags.mjs", ["samples/app"], vars);
  assert.equal(code, 0, output);
  assert.deepEqual(connected, [emulator.host, emulator.host]);
});

test("README: refused", async () => {
  const { code, output } = await node("refused.mjs", ["private/app"], env("ci-pull"));
  assert.equal(code, 0, output);
  const shown = readFileSync(join(here, "README.md"), "utf8");
  const [first, last] = [output.split("\n")[0] as string, output.trim().split("\n").at(-1) as string];
  // The line between is a command of az, which no registry on loopback has.
  assert.ok(shown.includes(`\`\`\`\n${first}\n`) && shown.includes(`\n${last}\n\`\`\``), output);
});

test("README: from-a-file", async () => {
  const file = join(project, "password");
  writeFileSync(file, `${passwords["ci-content"]}\r\n`);
  const vars = { ...env("ci-content", "unused"), ACR_TOKEN_PASSWORD_FILE: file };
  const { code, output } = await node("from-a-file.mjs", ["samples/app", "v1"], vars);
  assert.equal(code, 0, output);
  assert.match(output, /^sha256:[0-9a-f]{64}\n$/);
});

test("README: approve, and a token that may not", async () => {
  const { code, output } = await node("approve.mjs", ["samples/app", "v1"], env("ci-push"));
  assert.equal(code, 0, output);
  assert.match(output, /report: sha256:[0-9a-f]{64} 82\nlocked: v1-approved true\n/);
  const refused = await node("approve.mjs", ["samples/app", "v1"], env("ci-pull"));
  assert.equal(refused.code, 1);
  assert.match(refused.output, /the token "ci-pull" has content\/read but not content\/write on "samples\/app"/);
});

test("the most talkative log of the SDK holds no password and no token", async () => {
  const vars = { ...env("ci-push"), AZURE_LOG_LEVEL: "verbose", NODE_DEBUG: "" };
  const { code, output } = await node("approve.mjs", ["samples/app", "v1"], vars);
  assert.equal(code, 1); // the tag is locked
  assert.match(output, /azure:.*Request:/);
  assert.doesNotMatch(output, /eyJ/);
  assert.ok(!output.includes(passwords["ci-push"]) && !output.includes(encodeURIComponent(passwords["ci-push"])));
  assert.ok(!output.includes(Buffer.from(passwords["ci-push"]).toString("base64url")));
});

test("every program of README.md is run here", () => {
  const source = readFileSync(fileURLToPath(import.meta.url), "utf8");
  for (const file of Object.keys(readme)) {
    assert.ok(source.includes(`node("${file}"`), file);
  }
});

const typed = `
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { refusalOf, type ScopedToken, type ScopedTokenOptions, scopedToken, scopedTokenFrom, secretFile } from "acrkit";

const options: ScopedTokenOptions = { secondPassword: "second", customLoginServer: true };
const acr: ScopedToken = scopedToken(process.env["ACR_NAME"] ?? "", "ci-list", process.env["ACR_TOKEN_PASSWORD"] ?? "", options);
const client = new ContainerRegistryClient(acr.endpoint, acr.credential, { ...acr.options, retryOptions: { maxRetries: 1 } });
new ContainerRegistryContentClient(acr.endpoint, "samples/app", acr.credential, acr.options);
scopedTokenFrom("myregistry", async () => ({ name: "ci-list", password: secretFile("/run/secrets/acr") }));
async function main(): Promise<void> {
  for await (const tag of client.getArtifact("samples/app", "v1").listTagProperties()) {
    console.log(tag.name);
  }
}
main().catch((error: unknown) => console.log(refusalOf(error)?.sentence satisfies string | undefined));
// @ts-expect-error: a password is a string
scopedToken.bind(undefined, "myregistry", "ci-list", undefined);
`;

for (const [file, ran, ...flags] of [
  ["consumer.mts", "consumer.mjs", "--module", "node16"],
  ["consumer.cts", "consumer.cjs", "--module", "node16"],
  ["bundled.ts", "", "--module", "esnext", "--moduleResolution", "bundler"],
] as [string, string, ...string[]][]) {
  test(`a strict TypeScript project: ${file} ${flags.join(" ")}`, async () => {
    writeFileSync(join(project, file), typed);
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022"];
    const types = ["--types", "node", "--typeRoots", join(here, "node_modules/@types")];
    await run(project, tsc, [file, "--ignoreConfig", ...strict, ...types, ...flags]);
    if (ran !== "") {
      const output = await run(project, process.execPath, [ran], env("ci-list"));
      assert.match(output, /^v1$/m);
    }
  });
}

test("the programs of README.md are what the types allow", async () => {
  const files = Object.keys(readme);
  for (const file of files) {
    writeFileSync(join(project, file), readme[file] as string);
  }
  const flags =
    "--allowJs --checkJs --noEmit --strict --strictNullChecks false --useUnknownInCatchVariables false --module node16 --target es2022".split(
      " ",
    );
  const types = ["--types", "node", "--typeRoots", join(here, "node_modules/@types")];
  await run(project, tsc, [...files, "--ignoreConfig", ...flags, ...types]);
});

// The folder copy, beside nothing but the SDK.
test("the file to copy", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "acrkit-copy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
  for (const [file, text] of Object.entries(copy)) {
    writeFileSync(join(folder, file), text);
  }
  const lines = (copy["acr.mjs"] ?? "").trim().split("\n").length;
  assert.ok(lines <= 64, `acr.mjs has ${lines} lines`);
  const list = (vars: Record<string, string>) =>
    exec(folder, process.execPath, ["list-tags.mjs", "samples/app"], { AZURE_LOG_LEVEL: "verbose", ...vars });
  const listed = await list(env("ci-list"));
  assert.equal(listed.code, 0, listed.output);
  assert.match(listed.output, /^v1$/m);

  const wrong = await list(env("ci-list", "not-the-password-0000"));
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /the token ci-list and its password are not accepted/);

  const missing = await list(env("ci-content"));
  assert.match(missing.output, /the token ci-content does not have all of repository:samples\/app:metadata_read/);

  const plain = await list({ ...env("ci-list"), ACR_ENDPOINT: `http://${emulator.host}` });
  assert.match(plain.output, /give the registry's https URL/);

  // Storage answers 400 to any Authorization header: a redirect carries none.
  const program = `
import { ContainerRegistryContentClient } from "@azure/container-registry";
import { text } from "node:stream/consumers";
import { scopedToken } from "./acr.mjs";
const acr = scopedToken(process.env.ACR_ENDPOINT, process.env.ACR_TOKEN_NAME, process.env.ACR_TOKEN_PASSWORD);
const content = new ContainerRegistryContentClient(acr.endpoint, "samples/app", acr.credential, acr.options);
const { digest } = await content.uploadBlob(Buffer.alloc(5 << 20, "a"));
console.log((await text((await content.downloadBlob(digest)).content)).length);
`;
  writeFileSync(join(folder, "blob.mjs"), program);
  const vars = { AZURE_LOG_LEVEL: "verbose", ...env("ci-push") };
  const blob = await exec(folder, process.execPath, ["blob.mjs"], vars);
  assert.match(blob.output, /^5242880$/m);
  for (const { output } of [listed, wrong, missing, blob]) {
    assert.doesNotMatch(output, /eyJ|-password-0000/);
  }
});
