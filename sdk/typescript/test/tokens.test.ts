import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createPipelineRequest, isRestError } from "@azure/core-rest-pipeline";
import { maxToken, unknownLife } from "../src/claims.js";
import { Credential, type NameAndPassword, sourceTimeout } from "../src/credential.js";
import { refusalOf, scopedToken } from "../src/index.js";
import { maxCachedTokens, maxTokenAnswer, tokenTimeout } from "../src/tokens.js";
import { abortError, bind, Fake, failure, home, host, jwt, login, password, type Reply, sdk } from "./fake.js";

const exchange = "POST /oauth2/exchange";
const token = "POST /oauth2/token";
const list = "GET /acr/v1/samples%2Fapp/_tags Bearer";

const get = (path: string, abortSignal?: AbortSignal) =>
  createPipelineRequest({ url: home + path, ...(abortSignal && { abortSignal }) });

/** Holds token requests back until it is opened. */
function gate(fake: Fake): { open: () => void; waiting: Promise<void> } {
  let open = () => {};
  let arrived = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  fake.intercept = async ({ url, request }) => {
    if (url.pathname !== "/oauth2/token") {
      return undefined;
    }
    arrived();
    const aborted = new Promise<never>((_, reject) => {
      request.abortSignal?.addEventListener("abort", () => reject(abortError()));
    });
    await Promise.race([opened, aborted]);
    return undefined;
  };
  return { open, waiting };
}

test("20 cold calls share one token request", async () => {
  const fake = new Fake();
  const { open, waiting } = gate(fake);
  const { tags } = sdk(bind(fake));
  const calls = Array.from({ length: 20 }, () => tags());
  await waiting;
  open();
  await Promise.all(calls);
  assert.equal(fake.sent.filter((s) => s.url.pathname === "/oauth2/token").length, 1);
  assert.equal(fake.sent.length, 21);
});

for (const passwords of [["wrong"], ["wrong", "wrong as well"]]) {
  test(`20 calls with ${passwords.length} wrong passwords share the failure`, async () => {
    const fake = new Fake();
    const { open, waiting } = gate(fake);
    const { tags } = sdk(bind(fake, login(...passwords)));
    const calls = Array.from({ length: 20 }, () => failure(tags()));
    await waiting;
    open();
    const errors = await Promise.all(calls);
    assert.deepEqual(
      fake.take(),
      passwords.map(() => token),
    );
    assert.equal(new Set(errors).size, 20); // each request has an error of its own
    const what = passwords.length === 1 ? "password" : "two passwords";
    for (const error of errors) {
      assert.equal(error.statusCode, 401);
      assert.match(error.message, new RegExp(`^the token "ci-pull" and its ${what} are not accepted: wrong, expired`));
    }
  });
}

test("a caller that gives up does not fail the others", async () => {
  const fake = new Fake();
  const { open, waiting } = gate(fake);
  const { tags } = sdk(bind(fake));
  const controller = new AbortController();
  const first = tags("samples/app", controller.signal);
  const second = tags();
  await waiting;
  controller.abort();
  await assert.rejects(first, { name: "AbortError" });
  open();
  assert.deepEqual(await second, ["v1"]);
  assert.equal(fake.sent.filter((s) => s.url.pathname === "/oauth2/token").length, 1);
});

test("a token request that all callers have given up goes on for the next one", async () => {
  const fake = new Fake();
  const { open, waiting } = gate(fake);
  const client = bind(fake);
  const controller = new AbortController();
  const calls = [1, 2].map(() => client.sendRequest(get("/acr/v1/a/_tags", controller.signal)));
  await waiting;
  controller.abort();
  for (const call of calls) {
    await assert.rejects(call, { name: "AbortError" });
  }
  const next = client.sendRequest(get("/acr/v1/a/_tags"));
  open();
  assert.equal((await next).status, 200);
  assert.deepEqual(fake.take(), [token, "GET /acr/v1/a/_tags Bearer"]);
});

test("a request that was given up already sends nothing", async () => {
  const fake = new Fake();
  await assert.rejects(bind(fake).sendRequest(get("/acr/v1/a/_tags", AbortSignal.abort())), { name: "AbortError" });
  assert.deepEqual(fake.take(), []);
});

test("tokens of 1,024 scopes are kept, the least recently used is dropped first", async () => {
  const fake = new Fake();
  const client = bind(fake);
  const read = (i: number) => client.sendRequest(get(`/acr/v1/repository${i}/_tags`));
  for (let i = 0; i < maxCachedTokens; i++) {
    await read(i);
  }
  fake.take();
  await read(0); // kept, and now the most recently used
  assert.equal(fake.take().length, 1);
  await read(maxCachedTokens); // drops repository1
  fake.take();
  await read(0);
  await read(2);
  assert.equal(fake.take().length, 2);
  await read(1);
  assert.deepEqual(fake.take(), [token, "GET /acr/v1/repository1/_tags Bearer"]);
});

/** A client with a clock; each call lists, and returns what was sent. A renewal begins with it. */
function clocked(fake: Fake, credential = login()) {
  let now = 0;
  const { tags } = sdk(bind(fake, credential, () => now));
  return async (seconds: number): Promise<string[]> => {
    now = seconds * 1000;
    await tags();
    await new Promise(setImmediate); // what goes on in the background is done
    return fake.take();
  };
}

test("the life of a token counts from the service's clock, not this machine's", async () => {
  for (const clock of [1, 4_000_000_000]) {
    const fake = new Fake();
    fake.clock = clock;
    const at = clocked(fake);
    assert.deepEqual(await at(0), [token, list]);
    assert.deepEqual(await at(2879), [list]);
    assert.deepEqual(await at(2880), [token, list]); // 80 % of an hour: renewed behind the request
    assert.deepEqual(await at(2881), [list]);
  }
});

test("a token without a life of its own is used for a minute, less a tenth", async () => {
  const fake = new Fake();
  fake.intercept = ({ url }) =>
    url.pathname === "/oauth2/token" ? { status: 200, body: '{"access_token":"opaque"}' } : { status: 200, body: "{}" };
  let now = 0;
  const client = bind(fake, login(), () => now);
  await client.sendRequest(get("/acr/v1/a/_tags"));
  fake.take();
  for (const [seconds, requests] of [
    [0.8 * unknownLife - 1, 1],
    [0.9 * unknownLife, 2],
  ] as const) {
    now = seconds * 1000;
    await client.sendRequest(get("/acr/v1/a/_tags"));
    assert.equal(fake.take().length, requests);
  }
});

test("while a renewal fails the old token is used, and the next is tried after 30 seconds", async () => {
  for (const reply of [{ status: 429 }, { status: 503 }, { status: 401 }, undefined]) {
    const fake = new Fake();
    const at = clocked(fake);
    await at(0);
    fake.intercept = ({ url, request }) => {
      if (url.pathname !== "/oauth2/token") {
        return undefined;
      }
      if (reply === undefined) {
        throw new Error(`no route to ${request.url}`);
      }
      return reply;
    };
    assert.deepEqual(await at(2900), [token, list]);
    assert.deepEqual(await at(2929), [list]);
    assert.deepEqual(await at(2930), [token, list]);
    assert.deepEqual(await at(3589), [token, list]);
    await assert.rejects(at(3590)); // its end
  }
});

test("while a renewal is under way, other requests go on", async () => {
  const fake = new Fake();
  const at = clocked(fake);
  await at(0);
  const { open } = gate(fake);
  assert.deepEqual(await at(2900), [token, list]);
  assert.deepEqual(await at(2901), [list]);
  open();
  assert.deepEqual(await at(2902), [list]);
});

const noToken = /answers 200; its answer \(at most 262144 bytes\) holds no access_token of at most 65536 characters\n/;

const refusals: [name: string, reply: Reply, text: RegExp][] = [
  [
    "a redirect",
    { status: 307, headers: { Location: "https://evil.example/" } },
    /^the token service answers 307\nto find/,
  ],
  [
    "400",
    { status: 400, body: '{"errors":[{"message":"bad scope"}]}' },
    /answers 400; the registry answered: bad scope\n/,
  ],
  ["403", { status: 403, body: '{"errors":[{"code":"DENIED"}]}' }, /answers 403; the registry answered: DENIED\n/],
  ["404", { status: 404, body: "<html>" }, /^the token service answers 404\n/],
  ["no JSON", { status: 200, body: "<html>" }, noToken],
  ["null", { status: 200, body: "null" }, noToken],
  ["a number", { status: 200, body: '{"access_token":1}' }, noToken],
  ["a line feed", { status: 200, body: '{"access_token":"a\\nb"}' }, noToken],
  ["a long token", { status: 200, body: `{"access_token":"${"a".repeat(maxToken + 1)}"}` }, noToken],
  ["a long answer", { status: 200, body: `{"access_token":"a"${" ".repeat(maxTokenAnswer)}}` }, noToken],
];
for (const [name, reply, text] of refusals) {
  test(`the token service answers with ${name}`, async () => {
    const fake = new Fake();
    fake.intercept = ({ url }) => (url.pathname === "/oauth2/token" ? reply : undefined);
    const error = await failure(sdk(bind(fake)).tags());
    assert.match(error.message, text);
    assert.equal(refusalOf(error)?.sentence, "service_refused");
    assert.deepEqual(fake.take(), [token]);
  });
}

test("an answer and a token at their limits are taken", async () => {
  const fake = new Fake();
  const whole = `{"access_token":"${"a".repeat(maxToken)}"}`.padEnd(maxTokenAnswer);
  fake.intercept = ({ url, authorization }) => {
    if (url.pathname === "/oauth2/token") {
      return { status: 200, body: whole };
    }
    return authorization?.length === "Bearer ".length + maxToken ? { status: 200, body: "{}" } : { status: 500 };
  };
  assert.equal((await bind(fake).sendRequest(get("/acr/v1/a/_tags"))).status, 200);
});

test("a token request has 30 seconds", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const fake = new Fake();
    const { waiting } = gate(fake);
    const call = failure(bind(fake).sendRequest(get("/acr/v1/a/_tags")));
    await waiting;
    mock.timers.tick(tokenTimeout - 1);
    assert.equal(fake.sent[0]?.request.abortSignal?.aborted, false);
    mock.timers.tick(1);
    const error = await call;
    assert.equal(error.message, `${host} cannot be reached: no answer within 30 seconds`);
    assert.equal(error.code, "ETIMEDOUT"); // which the SDK tries again
  } finally {
    mock.timers.reset();
  }
});

test("the other password is tried when one is refused, and the good one is remembered", async () => {
  const fake = new Fake();
  const { tags } = sdk(bind(fake, login("old", password)));
  await tags();
  assert.deepEqual(
    fake.sent.map((s) => s.form.password),
    ["old", password, undefined],
  );
  fake.take();
  await tags("samples/other");
  assert.deepEqual(fake.take(), [token, "GET /acr/v1/samples%2Fother/_tags Bearer"]);
});

/** A source that gives each of the passwords in turn, then the last one again. */
function source(...passwords: string[]) {
  const calls: string[] = [];
  const next = async (): Promise<NameAndPassword> => {
    const password = passwords[Math.min(calls.length, passwords.length - 1)] as string;
    calls.push(password);
    return { name: "ci-pull", password };
  };
  return { calls, credential: new Credential(next) };
}

const passwordsOf = (fake: Fake) => fake.sent.flatMap((s) => s.form.password ?? []);

test("a source is read when it is needed, once for all", async () => {
  const fake = new Fake();
  const { calls, credential } = source(password);
  const client = bind(fake, credential);
  assert.equal(calls.length, 0);
  await Promise.all(["a", "b", "c"].map((name) => client.sendRequest(get(`/acr/v1/${name}/_tags`))));
  assert.equal(calls.length, 1);
});

test("a source is read again when its password is refused, and no call fails", async () => {
  const fake = new Fake();
  const { calls, credential } = source("first", "second");
  fake.passwords.set("ci-pull", ["first"]);
  const client = bind(fake, credential);
  await client.sendRequest(get("/acr/v1/a/_tags"));
  fake.passwords.set("ci-pull", ["second"]); // rotated
  await Promise.all(["b", "c", "d"].map((name) => client.sendRequest(get(`/acr/v1/${name}/_tags`))));
  await client.sendRequest(get("/acr/v1/e/_tags"));
  assert.deepEqual(calls, ["first", "second"]);
});

test("a refused password is not sent twice in a row", async () => {
  const fake = new Fake();
  const { calls, credential } = source("wrong");
  const error = await failure(sdk(bind(fake, credential)).tags());
  assert.match(error.message, /^the token "ci-pull" and its password are not accepted/);
  assert.deepEqual(passwordsOf(fake), ["wrong"]);
  assert.equal(calls.length, 2);
});

test("three passwords of a source are tried, and no more", async () => {
  const fake = new Fake();
  const { credential } = source("wrong1", "wrong2", "wrong3", "wrong4");
  await failure(sdk(bind(fake, credential)).tags());
  assert.deepEqual(passwordsOf(fake), ["wrong1", "wrong2", "wrong3"]);
});

test("a source may change the name, too", async () => {
  const fake = new Fake();
  fake.passwords.set("ci-new", ["new"]);
  const logins = [
    { name: "ci-pull", password: "old" },
    { name: "ci-new", password: "new" },
  ];
  const client = bind(fake, new Credential(() => logins.shift() ?? assert.fail()));
  assert.equal((await client.sendRequest(get("/acr/v1/a/_tags"))).status, 200);
});

test("a source that fails says so, is not retried by the SDK, and is read again", async () => {
  const fake = new Fake();
  const vault = Object.assign(new Error("403 of the vault"), { name: "RestError", code: "ECONNRESET" });
  let down = true;
  const give = () => {
    if (down) {
      throw vault;
    }
    return { name: "ci-pull", password };
  };
  const { tags } = sdk(bind(fake, new Credential(give)));
  await assert.rejects(tags(), (error: Error) => {
    assert.equal(error.message, "the source of the password failed: 403 of the vault");
    assert.equal(error.cause, vault);
    return !isRestError(error);
  });
  assert.deepEqual(fake.take(), []);
  down = false;
  assert.deepEqual(await tags(), ["v1"]);
});

test("a source has 30 seconds, and is called again by the next request", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const fake = new Fake();
    let calls = 0;
    const give = () => (++calls === 1 ? new Promise<never>(() => {}) : { name: "ci-pull", password });
    const client = bind(fake, new Credential(give));
    let ended = false;
    const call = client.sendRequest(get("/acr/v1/a/_tags")).finally(() => {
      ended = true;
    });
    mock.timers.tick(sourceTimeout - 1);
    await new Promise(setImmediate);
    assert.equal(ended, false);
    mock.timers.tick(1);
    const message = "the source of the password failed: it has not returned within 30 seconds";
    await assert.rejects(call, { message });
    assert.deepEqual(fake.take(), []);
    assert.equal((await client.sendRequest(get("/acr/v1/a/_tags"))).status, 200);
  } finally {
    mock.timers.reset();
  }
});

for (const [given, text] of [
  [undefined, /the token's name must be a string, not undefined/],
  ["password", /the token's name must be a string, not undefined/],
  [["ci-pull", password], /the token's name must be a string, not undefined/],
  [{ name: "ci-pull", password: "x\n" }, /the password begins or ends with white space; a line feed/],
] as const) {
  test(`a source that gives ${JSON.stringify(given)}`, async () => {
    const fake = new Fake();
    const call = sdk(bind(fake, new Credential(() => given as never))).tags();
    await assert.rejects(call, text);
    assert.deepEqual(fake.take(), []);
  });
}

const entra = (n = 0) => jwt({ iss: "https://sts.windows.net/1/", aud: "https://containerregistry.azure.net", n });

test("an Entra token as the password is exchanged, once for all scopes", async () => {
  const fake = new Fake();
  fake.good.set(entra(), "*");
  const acr = scopedToken("myregistry", "token", entra(), { httpClient: fake });
  const send = (name: string) => acr.options.httpClient.sendRequest(get(`/acr/v1/${name}/_tags`));
  await Promise.all([send("a"), send("b")]);
  assert.deepEqual(fake.take().sort(), [
    "GET /acr/v1/a/_tags Bearer",
    "GET /acr/v1/b/_tags Bearer",
    exchange,
    token,
    token,
  ]);
  await send("c");
  assert.deepEqual(fake.take(), [token, "GET /acr/v1/c/_tags Bearer"]);
});

test("the fields of an exchange", async () => {
  const fake = new Fake();
  fake.good.set(entra(), "*");
  await sdk(scopedToken("myregistry", "token", entra(), { httpClient: fake }).options.httpClient).tags();
  assert.deepEqual(fake.sent[0]?.form, { grant_type: "access_token", access_token: entra(), service: host });
  const { refresh_token, ...rest } = fake.sent[1]?.form ?? {};
  assert.match(refresh_token ?? "", /^ey/);
  assert.deepEqual(rest, { grant_type: "refresh_token", scope: "repository:samples/app:metadata_read", service: host });
});

test("a refresh token is renewed at 80 % of its life, and when it is refused", async () => {
  const fake = new Fake();
  fake.good.set(entra(), "*");
  let now = 0;
  const client = bind(fake, new Credential(() => ({ name: "token", password: entra() })), () => now);
  const send = async (name: string) => {
    await client.sendRequest(get(`/acr/v1/${name}/_tags`));
    return fake.take().filter((s) => s.startsWith("POST"));
  };
  assert.deepEqual(await send("a"), [exchange, token]);
  now = 2_879_000;
  assert.deepEqual(await send("b"), [token]);
  now = 2_880_000;
  assert.deepEqual(await send("c"), [exchange, token]);
  for (const key of fake.good.keys()) {
    if (key !== entra()) {
      fake.good.delete(key); // revoked
    }
  }
  assert.deepEqual(await send("d"), [token, exchange, token]);
  fake.good.clear();
  const error = await failure(client.sendRequest(get("/acr/v1/e/_tags")));
  assert.equal(error.message, "the Entra access token is not accepted: wrong, expired, or of another registry");
});

test("a failed exchange leaves the old refresh token in use while it lives", async () => {
  const fake = new Fake();
  fake.good.set(entra(), "*");
  let now = 0;
  const client = bind(fake, new Credential(() => ({ name: "token", password: entra() })), () => now);
  await client.sendRequest(get("/acr/v1/a/_tags"));
  fake.intercept = ({ url }) => (url.pathname === "/oauth2/exchange" ? { status: 503 } : undefined);
  now = 2_900_000;
  assert.equal((await client.sendRequest(get("/acr/v1/b/_tags"))).status, 200);
  now = 3_600_000;
  assert.equal((await client.sendRequest(get("/acr/v1/c/_tags"))).status, 503);
});

test("an access token that is refused is made anew from the root", async () => {
  const fake = new Fake();
  fake.good.set(entra(), "*");
  const { tags } = sdk(bind(fake, new Credential(() => ({ name: "token", password: entra() }))));
  await tags();
  for (const key of fake.good.keys()) {
    if (key !== entra()) {
      fake.good.delete(key);
    }
  }
  fake.take();
  await tags();
  assert.deepEqual(fake.take(), [list, exchange, token, list]);
});

for (const [endpoint, audience, sent] of [
  ["registry.contoso.com", "https://management.azure.com/", false],
  ["registry.contoso.com", "https://containerregistry.azure.net", true],
  ["myregistry", "https://management.azure.com/", true],
] as const) {
  test(`an Entra token for ${audience} is ${sent ? "" : "not "}sent to ${endpoint}`, async () => {
    const fake = new Fake();
    const password = jwt({ iss: "https://sts.windows.net/1/", aud: audience });
    const acr = scopedToken(endpoint, "token", password, { customLoginServer: true, httpClient: fake });
    const request = createPipelineRequest({ url: `${acr.endpoint}/acr/v1/a/_tags` });
    await assert.rejects(acr.options.httpClient.sendRequest(request));
    assert.equal(fake.sent.length, sent ? 1 : 0);
  });
}

test("a refresh token as the password is used as one", async () => {
  const fake = new Fake();
  const refresh = fake.issue({ grant_type: "refresh_token" }, "*");
  const user = "00000000-0000-0000-0000-000000000000";
  const { tags } = sdk(scopedToken("myregistry", user, refresh, { httpClient: fake }).options.httpClient);
  await tags();
  assert.equal(fake.sent[0]?.form.grant_type, "refresh_token");
  fake.good.clear();
  const error = await failure(tags());
  assert.equal(error.message, "the ACR refresh token is not accepted: wrong, expired, or of another registry");
});

test("an access token as the password of a source is refused without a request", async () => {
  const fake = new Fake();
  const access = jwt({ iss: "Azure Container Registry", grant_type: "access_token" });
  const call = sdk(bind(fake, new Credential(() => ({ name: "x", password: access })))).tags();
  await assert.rejects(call, /the password is an ACR access token/);
  assert.deepEqual(fake.take(), []);
});
