// What the errors say for wrong arguments: before anything is sent, and without the secret.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { maxSecretFile } from "../src/credential.js";
import { scopedToken, secretFile } from "../src/index.js";
import { Fake, host } from "./fake.js";

const folder = mkdtempSync(join(tmpdir(), "acrkit-usage-"));
after(() => rmSync(folder, { recursive: true }));

const file = (content: string | Uint8Array) => {
  const path = join(folder, "secret");
  writeFileSync(path, content);
  return path;
};

// biome-ignore lint/suspicious/noExplicitAny: callers without types give anything
type Any = any;

const give = "give the registry's name, its login server or its https URL";

const mistakes: [call: () => unknown, message: string, code?: string][] = [
  [
    () => scopedToken("http://myregistry.azurecr.io", "n", "p"),
    `"http://myregistry.azurecr.io" is a plain-HTTP address; ${give}`,
  ],
  [() => scopedToken("", "n", "p"), `"" names no registry; ${give}`],
  [
    () => scopedToken(undefined as Any, "n", "p"),
    "the registry's name must be a string, not undefined; is the environment variable set?",
  ],
  [
    () => scopedToken(new URL("https://x.azurecr.io") as Any, "n", "p"),
    "the registry's name must be a string, not object",
  ],
  [
    () => scopedToken("https://ci:s3cret@myregistry.azurecr.io", "n", "p"),
    `"…@myregistry.azurecr.io" names no registry; ${give}`,
  ],
  [
    () => scopedToken("registry.contoso.com", "n", "p"),
    "registry.contoso.com is not a login server of Azure Container Registry, and no credential goes there\n" +
      "a login server is NAME.azurecr.io (or .us, .cn); if this host is your registry's, set customLoginServer",
    "host_refused",
  ],
  [() => scopedToken("127.1", "n", "p"), `"127.1" names no registry; ${give}`], // to a URL parser, 127.0.0.1
  [() => scopedToken("r", "", "p"), "the token's name is empty"],
  [
    () => scopedToken("r", undefined as Any, "p"),
    "the token's name must be a string, not undefined; is the environment variable set?",
  ],
  [() => scopedToken("r", "n", ""), "the password is empty"],
  [
    () => scopedToken("r", "n", undefined as Any),
    "the password must be a string, not undefined; is the environment variable set?",
  ],
  [() => scopedToken("r", "n", null as Any), "the password must be a string, not object"],
  [() => scopedToken("r", "n", Buffer.from("s3cret") as Any), "the password must be a string, not object"],
  [
    () => scopedToken("r", "n", "s3cret\r\n"),
    "the password begins or ends with white space; a line feed from a file? secretFile(path) takes it off",
  ],
  [() => scopedToken("r", "n", " s3cret"), "the password begins or ends with white space"],
  [() => scopedToken("r", "n", "s3\0cret"), "the password has a control character, or is not UTF-8"],
  [() => scopedToken("r", "n", "p", { secondPassword: "" }), "the password is empty"],
  [() => secretFile(file("")), `the secret in ${join(folder, "secret")} is empty`],
  [() => secretFile(file("\r\n")), `the secret in ${join(folder, "secret")} is empty`],
  [
    () => secretFile(file("s3cret\n\n")),
    `the secret in ${join(folder, "secret")} begins or ends with white space; a line feed from a file? ` +
      "one is taken off, not more",
  ],
  ...["s3\tcret", new Uint8Array([0x73, 0xff])].map((content): (typeof mistakes)[number] => [
    () => secretFile(file(content)),
    `the secret in ${join(folder, "secret")} has a control character, or is not UTF-8`,
  ]),
  [
    () => secretFile(file("s".repeat(maxSecretFile + 1))),
    `the secret in ${join(folder, "secret")} has more than 65536 bytes`,
  ],
];
for (const [call, message, code = "usage"] of mistakes) {
  test(message.slice(0, 100), () => {
    assert.throws(call, (error: Error & { code?: string }) => {
      assert.equal(error.message, message);
      assert.equal(error.code, code);
      assert.doesNotMatch(error.stack ?? "", /s3.?cret/);
      return true;
    });
  });
}

test("a file that is not there is named", () => {
  assert.throws(() => secretFile("/no/such/file"), /\/no\/such\/file/);
});

for (const content of ["s3cret", "s3cret\n", "s3cret\r\n"]) {
  test(`the secret of ${JSON.stringify(content)}`, () => {
    assert.equal(secretFile(file(content)), "s3cret");
  });
}

test("a secret file at its limit is read", () => {
  assert.equal(secretFile(file("s".repeat(maxSecretFile))).length, maxSecretFile);
});

test("a login server with a name of its own is taken if it is said to be one", () => {
  const { endpoint } = scopedToken("registry.contoso.com", "n", "p", { customLoginServer: true });
  assert.equal(endpoint, "https://registry.contoso.com");
});

test("the endpoint is the https URL, for every form of the name", () => {
  for (const given of ["myregistry", host, `https://${host}/`]) {
    assert.equal(scopedToken(given, "n", "p").endpoint, `https://${host}`);
  }
});

test("a client that was made without the options says so", async () => {
  const fake = new Fake();
  const acr = scopedToken("myregistry", "n", "p", { httpClient: fake });
  const client = new ContainerRegistryClient(acr.endpoint, acr.credential, { httpClient: fake }); // not acr.options
  await assert.rejects(
    client.listRepositoryNames().next(),
    /the client was made without acrkit's options: pass acr.options as its last argument/,
  );
});

test("the SDK takes a name and password for options, and goes on without a credential", async () => {
  const fake = new Fake();
  const options = { username: "ci-pull", password: "s3cret", httpClient: fake };
  await new ContainerRegistryClient(`https://${host}`, options)
    .listRepositoryNames()
    .next()
    .catch(() => {});
  assert.deepEqual(
    fake.sent.map((s) => [s.form.grant_type, s.form.username, s.form.password]),
    [
      [undefined, undefined, undefined],
      ["password", undefined, undefined],
    ],
  );
  // @ts-expect-error: what the types refuse; at run time the options are lost
  void (() => new ContainerRegistryContentClient("https://r.azurecr.io", "a", scopedToken("r", "n", "p").options));
});
