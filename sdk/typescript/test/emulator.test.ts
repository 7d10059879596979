// Microsoft's unmodified clients against the emulator, by a token's name and password.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { ClientSecretCredential } from "@azure/identity";
import { refusalOf, type ScopedToken, scopedToken, scopedTokenFrom, secretFile } from "../src/index.js";
import { Emulator, long, longTags, passwords, principal } from "./emulator.js";
import { failure } from "./fake.js";

let emulator: Emulator;
before(async () => {
  emulator = await Emulator.start("--blob-redirects", "--blob-host", "127.0.0.1");
});
after(() => emulator.stop());

type Name = keyof typeof passwords;

const as = (name: Name) => scopedToken(emulator.host, name, passwords[name]);

/** The SDK's clients, as a user makes them. Trust in the emulator's certificate is an option of the SDK. */
function clients(acr: Pick<ScopedToken, "endpoint"> & { credential: never; options: object }, repository: string) {
  const options = { ...acr.options, tlsOptions: { ca: emulator.ca }, retryOptions: { retryDelayInMs: 1 } };
  const client = new ContainerRegistryClient(acr.endpoint, acr.credential, options);
  return {
    client,
    content: new ContainerRegistryContentClient(acr.endpoint, repository, acr.credential, options),
    async tags(of = repository): Promise<string[]> {
      const names: string[] = [];
      for await (const tag of client.getArtifact(of, "v1").listTagProperties()) {
        names.push(tag.name);
      }
      return names;
    },
  };
}
const sdk = (acr: ScopedToken, repository = "samples/app") => clients(acr as never, repository);

/** The unmodified SDK as a service principal. */
function sdkAsPrincipal(repository = "samples/app") {
  const credential = new ClientSecretCredential(principal.tenant, principal.client, principal.secret, {
    authorityHost: `https://${emulator.host}`,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: emulator.ca },
  });
  return clients({ endpoint: `https://${emulator.host}`, credential: credential as never, options: {} }, repository);
}

test("a token's name and password list tags, read, write, lock and delete", async () => {
  const { client, content, tags } = sdk(as("ci-push"));
  assert.deepEqual((await tags()).sort(), ["latest", "v1"]);
  const image = await content.getManifest("v1");
  const blob = await content.uploadBlob(Readable.from([Buffer.alloc(5 << 20, 1)]));
  assert.equal((await buffer((await content.downloadBlob(blob.digest)).content)).length, 5 << 20);
  await content.setManifest(image.content, { tag: "approved", mediaType: image.mediaType as never });
  const artifact = client.getArtifact("samples/app", "approved");
  await artifact.updateTagProperties("approved", { canWrite: false });
  assert.equal((await artifact.getTagProperties("approved")).canWrite, false);
  await artifact.updateTagProperties("approved", { canWrite: true });
  await artifact.deleteTag("approved");
  await content.deleteBlob(blob.digest);
});

// Requests, token requests included, by the emulator's decision log. What it costs is a promise of
// the README and of docs/azure-sdks.md.
test("the requests of counts.json", async (t) => {
  const file = new URL("../counts.json", import.meta.url);
  const big = randomBytes(25 << 20);
  const { digest } = await sdk(as("ci-push")).content.uploadBlob(big);
  const operations: Record<string, (c: ReturnType<typeof clients>) => Promise<unknown>> = {
    "list tags": (c) => c.tags(),
    "get manifest": (c) => c.content.getManifest("v1"),
    "upload of 25 MiB": (c) => c.content.uploadBlob(big),
    "download of 25 MiB": async (c) => buffer((await c.content.downloadBlob(digest)).content),
    "paging over 2,300 tags": async (c) => assert.equal((await c.tags(long)).length, longTags),
  };
  const counts: Record<string, Record<string, number>> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const ours = sdk(as("ci-push"));
    const count = async (c: typeof ours) => (await emulator.decisions(() => operation(c))).length;
    counts[name] = {
      "acrkit cold": await count(ours),
      "acrkit warm": await count(ours),
      "service principal": await count(sdkAsPrincipal()),
    };
  }
  t.diagnostic(JSON.stringify(counts));
  if (process.env.ACRKIT_UPDATE) {
    writeFileSync(file, `${JSON.stringify(counts, null, 2)}\n`);
  }
  assert.deepEqual(counts, JSON.parse(readFileSync(file, "utf8")), "run: ACRKIT_UPDATE=1 ./check");
});

const refusals: [what: string, call: () => Promise<unknown>, sentence: string, text: RegExp][] = [
  [
    "a right is missing",
    () => sdk(as("ci-content")).tags(),
    "missing_action",
    /^the token "ci-content" does not have metadata\/read on "samples\/app"$/,
  ],
  [
    "a push without the right",
    () => sdk(as("ci-pull")).content.uploadBlob(Buffer.from("x")),
    "missing_some",
    /^the token "ci-pull" has content\/read but not content\/write on "samples\/app"$/,
  ],
  [
    "another repository",
    () => sdk(as("ci-pull")).tags("private/app"),
    "missing_action",
    /metadata\/read on "private\/app"/,
  ],
  [
    "the catalog without a root scope map",
    () => sdk(as("ci-pull")).client.listRepositoryNames().next(),
    "catalog",
    /may not list the repositories/,
  ],
  [
    "a wrong password",
    () => sdk(scopedToken(emulator.host, "ci-pull", "wrong")).tags(),
    "not_accepted",
    /^the token "ci-pull" and its password are not accepted: wrong, expired, disabled or not yet active$/,
  ],
  ["an expired password", () => sdk(as("ci-old")).tags(), "not_accepted", /are not accepted/],
  ["a disabled token", () => sdk(as("ci-off")).tags(), "not_accepted", /are not accepted/],
  [
    "no such repository",
    () => sdk(as("ci-push")).tags("samples/gone"),
    "no_repository",
    /has no repository "samples\/gone"$/,
  ],
  ["no such tag", () => sdk(as("ci-pull")).content.getManifest("v9"), "no_manifest", /has no tag or manifest "v9"$/],
];
for (const [what, call, sentence, text] of refusals) {
  test(`refused: ${what}`, async () => {
    const error = await failure(call());
    assert.match(error.message, text);
    assert.equal(refusalOf(error)?.sentence, sentence);
    assert.ok(error.statusCode === 401 || error.statusCode === 404);
  });
}

test("a root scope map lists the repositories", async () => {
  const names: string[] = [];
  for await (const name of sdk(as("ci-names")).client.listRepositoryNames()) {
    names.push(name);
  }
  assert.ok(names.includes("private/app"));
});

test("nothing listens there", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const error = await failure(sdk(scopedToken(`127.0.0.1:${port}`, "n", "p")).tags());
  assert.equal(error.message, `127.0.0.1:${port} cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}`);
  assert.equal(error.code, "ECONNREFUSED");
});

test("an untrusted certificate", async () => {
  const acr = as("ci-pull");
  const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
  const error = await failure(client.listRepositoryNames().next());
  assert.match(error.message, /cannot be reached: .*certificate/);
});

test("a look-alike host gets nothing", () => {
  for (const host of ["myregistry.azurecr.io.evil.example", "myregistry.azurecr.io.", "myregistry-azurecr.io"]) {
    assert.throws(() => scopedToken(host, "ci-pull", passwords["ci-pull"]));
  }
});

test("an access token that has ended is replaced within the call", async () => {
  const { tags } = sdk(as("ci-pull"));
  await tags();
  await emulator.control("POST", "/clock/advance", { by: "2h" });
  const decisions = await emulator.decisions(() => tags());
  assert.deepEqual(
    decisions.map((d) => `${d.method} ${d.path.split("?")[0]}`),
    ["GET /acr/v1/samples%2Fapp/_tags", "POST /oauth2/token", "GET /acr/v1/samples%2Fapp/_tags"].map((p) =>
      p.replace("%2F", decisions[0]?.path.includes("%2F") ? "%2F" : "/"),
    ),
  );
});

// The emulator's storage answers 400 to any Authorization header, as Azure's does.
test("a download is redirected to storage without the header", async () => {
  const { content } = sdk(as("ci-push"));
  const { digest } = await content.uploadBlob(Buffer.from("content"));
  assert.equal(String(await buffer((await content.downloadBlob(digest)).content)), "content");
  const fault = await emulator.control<{ id: number }>("POST", "/faults", {
    kind: "unauthorized",
    routes: ["storage"],
  });
  const decisions = await emulator.decisions(async () => {
    const error = await failure(content.downloadBlob(digest));
    assert.equal(error.statusCode, 403); // storage's answer, as it is
  });
  await emulator.control("DELETE", `/faults/${fault.id}`);
  assert.ok(!decisions.some((d) => d.path.startsWith("/oauth2/")), "the SDK has tried to sign in by itself");
});

test("a throttled token service is waited for", async () => {
  await emulator.control("POST", "/faults", { kind: "throttle", routes: ["token"], count: 1, retryAfter: 1 });
  const began = performance.now();
  await sdk(as("ci-pull")).tags();
  assert.ok(performance.now() - began >= 900);
});

test("a second password, after the first was taken away", async () => {
  const acr = scopedToken(emulator.host, "ci-push", "taken-away", { secondPassword: passwords["ci-push 2"] });
  assert.equal((await sdk(acr).tags()).includes("v1"), true);
});

test("a password rotated under a running client: no call fails", async () => {
  const file = join(emulator.folder, "password");
  writeFileSync(file, `${passwords["ci-list"]}\n`);
  const acr = scopedTokenFrom(emulator.host, async () => ({ name: "ci-list", password: secretFile(file) }));
  const { tags } = sdk(acr);
  const v1 = async () => assert.ok((await tags()).includes("v1"));
  await v1();
  const made = await emulator.control<{ passwords: { value: string }[] }>(
    "POST",
    "/registries/myregistry/tokens/ci-list/passwords",
    { names: ["password1"] },
  );
  writeFileSync(file, `${made.passwords[0]?.value}\r\n`);
  await emulator.control("POST", "/clock/advance", { by: "2h" }); // the access token has ended, too
  await Promise.all([v1(), v1(), v1()]);
});

test("20 cold calls at once, one token request", async () => {
  const { tags } = sdk(as("ci-pull"));
  const decisions = await emulator.decisions(() => Promise.all(Array.from({ length: 20 }, () => tags())));
  assert.equal(decisions.filter((d) => d.path.startsWith("/oauth2/token")).length, 1);
  assert.equal(decisions.length, 21);
});

test("1,000 repositories in turn, in bounded memory", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const { tags } = sdk(as("ci-names"));
  const heap = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      await tags(`turn/repository-${i}`).catch(() => {}); // there is none of that name
    }
    gc();
    return process.memoryUsage().heapUsed;
  };
  const first = await heap(0, 100);
  const grown = (await heap(100, 1000)) - first;
  assert.ok(grown < 20 << 20, `the heap has grown by ${grown} bytes`);
});

test("an upload of 200 MiB outlives its access token", async () => {
  const chunk = randomBytes(1 << 20);
  async function* chunks() {
    for (let i = 0; i < 200; i++) {
      if (i === 100) {
        await emulator.control("POST", "/clock/advance", { by: "2h" });
      }
      yield chunk;
    }
  }
  const { content } = sdk(as("ci-push"));
  let size = 0;
  const decisions = await emulator.decisions(async () => {
    size = (await content.uploadBlob(Readable.from(chunks()))).sizeInBytes;
  });
  assert.equal(size, 200 << 20);
  assert.equal(decisions.filter((d) => d.path.startsWith("/oauth2/token")).length, 2);
});

test("an Entra token as the password", async () => {
  const identity = new ClientSecretCredential(principal.tenant, principal.client, principal.secret, {
    authorityHost: `https://${emulator.host}`,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: emulator.ca },
  });
  const { token } = await identity.getToken("https://containerregistry.azure.net/.default");
  assert.ok((await sdk(scopedToken(emulator.host, "token", token)).tags()).includes("v1"));
});
