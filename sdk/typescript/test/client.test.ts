import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createPipelineRequest, type PipelineRequest, RestError } from "@azure/core-rest-pipeline";
import { rightsAge } from "../src/client.js";
import { refusalOf } from "../src/index.js";
import { bind, Fake, failure, home, host, jwt, login, password, sdk } from "./fake.js";

const list = "GET /acr/v1/samples%2Fapp/_tags Bearer";
const token = "POST /oauth2/token";

test("two requests when cold, one when warm", async () => {
  const fake = new Fake();
  const { tags, content } = sdk(bind(fake));
  assert.deepEqual(await tags(), ["v1"]);
  assert.deepEqual(fake.take(), [token, list]);
  await tags();
  assert.deepEqual(fake.take(), [list]);
  await content.deleteBlob("sha256:00").catch(() => {});
  await tags();
  assert.deepEqual(fake.take(), [token, "DELETE /v2/samples%2Fapp/blobs/sha256%3A00 Bearer", list]);
});

test("a token request says who asks for what, and no more", async () => {
  const fake = new Fake();
  await sdk(bind(fake)).tags();
  const { form, url, request } = fake.sent[0] ?? assert.fail();
  assert.deepEqual(form, {
    grant_type: "password",
    username: "ci-pull",
    password,
    scope: "repository:samples/app:metadata_read",
    service: host,
  });
  assert.equal(url.href, `${home}/oauth2/token`);
  assert.deepEqual(request.headers.toJSON(), {
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": "acrkit",
  });
});

test("no policy sees the header, and the answer names the SDK's own request", async () => {
  const fake = new Fake();
  const seen: PipelineRequest[] = [];
  const spy = {
    name: "spy",
    sendRequest: async (request: PipelineRequest, next: (r: PipelineRequest) => Promise<never>) => {
      const response = await next(request);
      seen.push(request, (response as { request: PipelineRequest }).request);
      return response;
    },
  };
  const { tags } = sdk(bind(fake), "samples/app", { additionalPolicies: [{ policy: spy, position: "perRetry" }] });
  await tags();
  assert.equal(seen.length, 2);
  assert.equal(seen[0], seen[1]);
  assert.equal(seen[0]?.headers.get("Authorization"), undefined);
  assert.match(fake.sent[1]?.authorization ?? "", /^Bearer ey/);
});

test("a caller's own Authorization is dropped, however it is spelled", async () => {
  const fake = new Fake();
  const client = bind(fake);
  for (const url of [`${home}/oauth2/token`, "https://blobs.example/x"]) {
    const request = createPipelineRequest({ url });
    request.headers.set("AUTHORIZATION", "Bearer of-the-caller");
    await client.sendRequest(request);
  }
  assert.deepEqual(fake.take(), ["GET /oauth2/token", "GET https://blobs.example/x"]);
});

test("what replaces the host or the headers of a request is dropped", async () => {
  const fake = new Fake();
  const request = createPipelineRequest({
    url: `${home}/acr/v1/a/_tags`,
    requestOverrides: { hostname: "evil.example", headers: { authorization: "x" } },
  });
  await bind(fake).sendRequest(request);
  assert.equal(fake.sent[1]?.request.requestOverrides, undefined);
});

for (const position of ["before", "after"]) {
  test(`a redirect to another host carries no credential, ${position} a challenge`, async () => {
    const fake = new Fake();
    fake.intercept = ({ url, authorization }) => {
      if (url.origin === "https://blobs.example") {
        return { status: 200, body: "content", headers: { "Content-Length": "7" } };
      }
      return url.pathname.includes("/blobs/") && authorization
        ? { status: 307, headers: { Location: "https://blobs.example/signed?sig=x" } }
        : undefined;
    };
    const { content, tags } = sdk(bind(fake));
    if (position === "after") {
      await tags();
      fake.good.clear(); // the token has ended: the next request is challenged
      await tags();
      fake.take();
    }
    const digest = `sha256:${createHash("sha256").update("content").digest("hex")}`;
    assert.equal(await text((await content.downloadBlob(digest)).content), "content");
    assert.deepEqual(fake.take(), [
      token,
      `GET /v2/samples%2Fapp/blobs/${encodeURIComponent(digest)} Bearer`,
      "GET https://blobs.example/signed",
    ]);
    assert.ok(!fake.sent.some((s) => s.url.origin !== home && s.authorization));
  });
}

test("a redirect from another host back to the registry carries no credential", async () => {
  const fake = new Fake();
  fake.intercept = ({ url, authorization }) => {
    if (url.origin === "https://evil.example") {
      return { status: 307, headers: { Location: `${home}/acr/v1/private/_tags` } };
    }
    return authorization ? { status: 307, headers: { Location: "https://evil.example/" } } : undefined;
  };
  const error = await failure(sdk(bind(fake)).tags());
  assert.equal(refusalOf(error)?.sentence, "foreign_answer");
  assert.deepEqual(fake.take(), [token, list, "GET https://evil.example/", "GET /acr/v1/private/_tags"]);
});

test("another host that answers 401 gets no credential, and the SDK starts no exchange", async () => {
  const fake = new Fake();
  fake.intercept = ({ url, authorization }) => {
    if (url.origin === "https://blobs.example") {
      const challenge = 'Bearer realm="https://blobs.example/token",service="s",scope="x:y:z"';
      return { status: 401, headers: { "WWW-Authenticate": challenge } };
    }
    return authorization ? { status: 307, headers: { Location: "https://blobs.example/x" } } : undefined;
  };
  const error = await failure(sdk(bind(fake)).content.downloadBlob("sha256:00"));
  assert.equal(error.statusCode, 401);
  assert.deepEqual(refusalOf(error)?.facts, {
    host: "blobs.example",
    registry: host,
    status: "401",
    who: 'token "ci-pull"',
  });
  assert.equal(fake.take().length, 3);
});

test("other answers of another host are handed back as they are", async () => {
  const fake = new Fake();
  fake.intercept = () => ({ status: 404, body: "gone" });
  const response = await bind(fake).sendRequest(createPipelineRequest({ url: "https://blobs.example/x" }));
  assert.equal(response.bodyAsText, "gone");
});

for (const url of ["http://myregistry.azurecr.io/v2/", "http://blobs.example/x", "http://localhost/x"]) {
  test(`plain HTTP is refused: ${url}`, async () => {
    const fake = new Fake();
    const error = await failure(bind(fake).sendRequest(createPipelineRequest({ url, allowInsecureConnection: true })));
    assert.equal(refusalOf(error)?.sentence, "plain_http");
    assert.deepEqual(fake.take(), []);
  });
}

test("a token that has ended is replaced, once", async () => {
  const fake = new Fake();
  const { tags } = sdk(bind(fake));
  await tags();
  fake.good.clear();
  fake.take();
  assert.deepEqual(await tags(), ["v1"]);
  assert.deepEqual(fake.take(), [list, token, list]);
});

test("a registry that accepts no token gets two, and the error is final", async () => {
  const fake = new Fake();
  fake.intercept = ({ url }) => {
    const challenge = `Bearer realm="${home}/oauth2/token",service="${host}",error="invalid_token"`;
    return url.pathname.startsWith("/acr/") ? { status: 401, headers: { "WWW-Authenticate": challenge } } : undefined;
  };
  const error = await failure(sdk(bind(fake)).tags());
  assert.deepEqual(fake.take(), [token, list, token, list]);
  assert.equal(error.statusCode, 401);
  assert.equal(error.code, "credential_rejected");
  assert.equal(error.message.split("\n")[0], 'the registry did not accept the access token of the token "ci-pull"');
});

test("a challenge for another scope is followed, once", async () => {
  const fake = new Fake();
  fake.intercept = ({ url, authorization }) => {
    const scope = "repository:samples/app:metadata_read,pull";
    if (
      url.pathname.startsWith("/acr/") &&
      fake.good.get(authorization?.slice(7) ?? "") !== "repository:samples/app:metadata_read,pull"
    ) {
      const challenge = `Bearer realm="${home}/oauth2/token",service="${host}",scope="${scope}",error="insufficient_scope"`;
      return { status: 401, headers: { "WWW-Authenticate": challenge } };
    }
    return url.pathname.startsWith("/acr/") ? { status: 200, body: '{"tags":[]}' } : undefined;
  };
  await sdk(bind(fake)).tags();
  assert.deepEqual(
    fake.sent.map((s) => s.form.scope),
    ["repository:samples/app:metadata_read", undefined, "repository:samples/app:metadata_read,pull", undefined],
  );
});

test("a request that does not tell its scope is sent without a token first", async () => {
  const fake = new Fake();
  fake.intercept = ({ url, authorization }) => {
    const challenge = `Bearer realm="${home}/oauth2/token",service="${host}",scope="registry:catalog:*"`;
    if (url.pathname === "/v2/") {
      return authorization ? { status: 200 } : { status: 401, headers: { "WWW-Authenticate": challenge } };
    }
    return undefined;
  };
  const response = await bind(fake).sendRequest(createPipelineRequest({ url: `${home}/v2/` }));
  assert.equal(response.status, 200);
  assert.deepEqual(fake.take(), ["GET /v2/", token, "GET /v2/ Bearer"]);
});

for (const [age, tokens] of [
  [rightsAge, 1],
  [rightsAge + 1, 2],
] as const) {
  test(`a missing right is doubted where the token is old: ${age} ms`, async () => {
    const fake = new Fake();
    let now = 0;
    const { tags } = sdk(bind(fake, login(), () => now));
    await tags();
    fake.withheld.add("metadata_read");
    now = age;
    const error = await failure(tags());
    assert.equal(error.code, "insufficient_scope");
    assert.equal(fake.sent.filter((s) => s.url.pathname === "/oauth2/token").length, tokens);
    fake.withheld.clear(); // the scope map has been changed
    now = 3 * age;
    fake.sent.length = 0;
    assert.deepEqual(await tags(), ["v1"]);
  });
}

for (const realm of ["https://evil.example/token", `http://${host}/oauth2/token`, "nonsense"]) {
  test(`a realm on another host is not called: ${realm}`, async () => {
    const fake = new Fake();
    fake.intercept = ({ url }) => {
      const challenge = `Bearer realm="${realm}",service="${host}",scope="repository:a:pull"`;
      return url.pathname.startsWith("/acr/") ? { status: 401, headers: { "WWW-Authenticate": challenge } } : undefined;
    };
    const error = await failure(sdk(bind(fake)).tags());
    assert.equal(refusalOf(error)?.sentence, "foreign_realm");
    assert.equal(error.statusCode, 401);
    assert.deepEqual(fake.take(), [token, list]);
  });
}

const push = (body: PipelineRequest["body"]) =>
  createPipelineRequest({ url: `${home}/v2/a/blobs/uploads/1`, method: "PATCH", ...(body && { body }) });

for (const [kind, body, again] of [
  ["a string", () => "chunk", true],
  ["bytes", () => Buffer.from("chunk"), true],
  ["no body", () => undefined, true],
  ["a function", () => () => Readable.from(["chunk"]), true],
  ["a Node stream", () => Readable.from(["chunk"]), false],
  ["a web stream", () => new Blob(["chunk"]).stream() as unknown as PipelineRequest["body"], false],
] as const) {
  test(`after a 401, ${kind} is ${again ? "" : "not "}sent again`, async () => {
    const fake = new Fake();
    const client = bind(fake);
    await client.sendRequest(push("first"));
    fake.good.clear();
    fake.take();
    const call = client.sendRequest(push(body() as PipelineRequest["body"]));
    if (again) {
      assert.equal((await call).status, 200);
      return;
    }
    const error = await failure(call);
    assert.equal(error.code, "credential_rejected");
    assert.match(error.message, /\nthe request was not sent again: its body is a stream, which can be read only once$/);
    assert.deepEqual(fake.take(), ["PATCH /v2/a/blobs/uploads/1 Bearer"]);
    assert.equal((await client.sendRequest(push("next"))).status, 200); // with a new token
  });
}

test("404 of a DELETE is a success to the SDK and stays an answer", async () => {
  const fake = new Fake();
  fake.intercept = ({ method }) => (method === "DELETE" ? { status: 404 } : undefined);
  await sdk(bind(fake)).content.deleteBlob("sha256:00");
  assert.equal(fake.take().length, 2);
});

test("other refusals keep the SDK's text and name acrkit explain", async () => {
  const fake = new Fake();
  const body = '{"errors":[{"code":"DENIED","message":"client with IP \'192.0.2.1\' is not allowed access."}]}';
  fake.intercept = ({ url }) => (url.pathname.startsWith("/acr/") ? { status: 403, body } : undefined);
  const error = await failure(sdk(bind(fake)).tags());
  assert.equal(error.message, `${body}\nto find the cause, give this text to: acrkit explain`);
  assert.equal(error.statusCode, 403);
  assert.deepEqual(error.details, JSON.parse(body));
  assert.deepEqual(fake.take(), [token, list]);
});

for (const scope of ["repository:a$(reboot):pull", "repository:-a:pull", "repository:a:`reboot`"]) {
  test(`no command is made of a text that a shell would not take unquoted: ${scope}`, async () => {
    const fake = new Fake();
    fake.withheld.add("pull").add("`reboot`");
    fake.intercept = ({ url }) => {
      const challenge = `Bearer realm="${home}/oauth2/token",scope="${scope}",error="insufficient_scope"`;
      return url.pathname.startsWith("/acr/") ? { status: 401, headers: { "WWW-Authenticate": challenge } } : undefined;
    };
    const error = await failure(sdk(bind(fake)).tags());
    assert.match(error.message, /^the token "ci-pull" does not have .* on "[^\n]*$/);
    assert.equal(refusalOf(error)?.facts.repository, undefined);
  });
}

test("a missing right says which, and the SDK's own properties are there", async () => {
  const fake = new Fake();
  fake.withheld.add("metadata_read");
  const error = await failure(sdk(bind(fake)).tags());
  assert.ok(error instanceof RestError);
  assert.match(
    error.message,
    /^the token "ci-pull" does not have metadata\/read on "samples\/app"\nadd it to the scope map/,
  );
  assert.equal(error.statusCode, 401);
  assert.equal(error.response?.status, 401);
  assert.equal((error.details as { errors: { code: string }[] }).errors[0]?.code, "UNAUTHORIZED");
  assert.deepEqual(fake.take(), [token, list]);
});

for (const status of [408, 429, 500, 503]) {
  test(`the SDK's retry handles a ${status} of the registry`, async () => {
    const fake = new Fake();
    let left = 2;
    fake.intercept = ({ url }) =>
      url.pathname.startsWith("/acr/") && left-- > 0 ? { status, headers: { "Retry-After": "0" } } : undefined;
    assert.deepEqual(await sdk(bind(fake)).tags(), ["v1"]);
    assert.deepEqual(fake.take(), [token, list, list, list]);
  });

  test(`the SDK's retry handles a ${status} of the token service`, async () => {
    const fake = new Fake();
    let left = 2;
    fake.intercept = ({ url }) =>
      url.pathname === "/oauth2/token" && left-- > 0 ? { status, headers: { "Retry-After": "0" } } : undefined;
    assert.deepEqual(await sdk(bind(fake)).tags(), ["v1"]);
    assert.deepEqual(fake.take(), [token, token, token, list]);
  });
}

for (const status of [408, 429, 500, 503]) {
  test(`a ${status} of the token service is the answer to the SDK's request, Retry-After and all`, async () => {
    const fake = new Fake();
    fake.intercept = ({ url }) =>
      url.pathname === "/oauth2/token" ? { status, headers: { "Retry-After": "7" }, body: "slow down" } : undefined;
    const response = await bind(fake).sendRequest(createPipelineRequest({ url: `${home}/acr/v1/a/_tags` }));
    assert.equal(response.status, status);
    assert.equal(response.headers.get("Retry-After"), "7");
    assert.equal(response.bodyAsText, "slow down");
  });
}

test("a refusal of an old token does not drop the new one", async () => {
  const fake = new Fake();
  const { tags } = sdk(bind(fake));
  await tags();
  fake.good.clear();
  fake.take();
  let release = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  let requests = 0;
  fake.intercept = async ({ url, authorization }) => {
    if (url.pathname.startsWith("/acr/") && ++requests === 1) {
      await slow; // the answer to the first request comes last
      return fake.good.has(authorization?.slice(7) ?? "") ? undefined : { status: 401 };
    }
    return undefined;
  };
  const first = tags();
  await tags();
  release();
  await first;
  assert.equal(fake.take().filter((s) => s === token).length, 1);
});

for (const code of ["ECONNREFUSED", "ENOTFOUND", "ECONNRESET"]) {
  test(`the SDK retries where the host cannot be reached: ${code}`, async () => {
    const fake = new Fake();
    fake.intercept = ({ request }) => {
      throw new RestError(`connect ${code}`, { code, request });
    };
    const error = await failure(sdk(bind(fake)).tags());
    assert.equal(error.code, code);
    assert.equal(error.message, `${host} cannot be reached: connect ${code}`);
    assert.equal(refusalOf(error)?.code, "unavailable");
    assert.deepEqual(fake.take(), [token, token, token, token]);
  });
}

test("an error of the inner client names the SDK's own request", async () => {
  const fake = new Fake();
  fake.intercept = ({ request, authorization }) => {
    if (authorization) {
      throw new RestError("socket hang up", { code: "ECONNRESET", request });
    }
    return undefined;
  };
  const error = await failure(sdk(bind(fake)).tags());
  assert.equal(error.request?.url, `${home}/acr/v1/samples%2Fapp/_tags?api-version=2021-07-01`);
  assert.equal(error.request?.headers.get("Authorization"), undefined);
  assert.deepEqual(fake.take(), [token, list, list, list, list]);
});

test("token requests go the way that the SDK's options say", async () => {
  const fake = new Fake();
  const request = createPipelineRequest({ url: `${home}/acr/v1/a/_tags` });
  const route = { agent: {} as never, tlsSettings: { ca: "pem" }, proxySettings: { host: "http://proxy", port: 3128 } };
  Object.assign(request, route);
  await bind(fake).sendRequest(request);
  const { agent, tlsSettings, proxySettings } = fake.sent[0]?.request ?? assert.fail();
  assert.deepEqual({ agent, tlsSettings, proxySettings }, route);
});

test("a service principal's exchange by the SDK itself passes without a header", async () => {
  const fake = new Fake();
  const request = createPipelineRequest({ url: `${home}/oauth2/token`, method: "POST", body: "grant_type=password" });
  const response = await bind(fake).sendRequest(request);
  assert.equal(response.status, 401); // as it is: no error of ours
  assert.equal(jwt({}).split(".").length, 3);
});
