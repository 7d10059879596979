// Holds the package to testdata/vectors, which Go's tests write: every vector of every file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type HttpMethods,
  RestError,
} from "@azure/core-rest-pipeline";
import { maxChallenge, readChallenge } from "../src/challenge.js";
import { kindOf, lifeOf } from "../src/claims.js";
import { refusalOf, scopedToken } from "../src/index.js";
import { say } from "../src/refusal.js";
import { parseRegistry } from "../src/registry.js";
import { required } from "../src/scope.js";
import { sentences } from "../src/sentences.js";
import { jwt } from "./fake.js";

const folder = new URL("../../../testdata/vectors/", import.meta.url);

// biome-ignore lint/suspicious/noExplicitAny: a vector is of its file's own form
type Vector = any;

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}

/** Runs a check on each vector of a file, and prints how many there were. */
async function each(t: TestContext, name: string, check: (v: Vector) => void | Promise<void>): Promise<void> {
  const { vectors } = read(name) as { vectors: Vector[] };
  let checked = 0;
  for (const vector of vectors) {
    try {
      await check(vector);
    } catch (error) {
      throw new Error(`${name}: ${JSON.stringify(vector)}\n${error instanceof Error ? error.message : error}`);
    }
    checked++;
  }
  assert.ok(vectors.length > 0);
  assert.equal(checked, vectors.length);
  t.diagnostic(`${name}: ${checked} of ${vectors.length}`);
}

test("scopes", (t) =>
  each(t, "scopes.json", (v) => {
    assert.equal(required(v.method, new URL(`https://myregistry.azurecr.io${v.path}`)).scope, v.scope);
  }));

test("endpoints", (t) =>
  each(t, "endpoints.json", (v) => {
    const parse = () => parseRegistry(v.endpoint, v.custom === true);
    if (v.code === undefined) {
      assert.equal(parse().url.origin, v.url);
      assert.equal(parse().service, v.service);
    } else {
      assert.throws(parse, { code: v.code });
    }
  }));

test("origins", (t) =>
  each(t, "origins.json", (v) => {
    assert.equal(parseRegistry(v.endpoint, true).isHome(new URL(v.url)), v.home);
  }));

test("challenges", (t) =>
  each(t, "challenges.json", (v) => {
    const fill = (h: string) => h.replace(/\{a \* (\d+)\}/, (_, n) => "a".repeat(Number(n)));
    // Node joins the values of a header that occurs more than once.
    const header = v.headers.length === 0 ? undefined : v.headers.map(fill).join(", ");
    const got = readChallenge(header);
    if (got.refused !== undefined) {
      assert.equal(got.refused, v.refused);
      return;
    }
    if (!parseRegistry(v.registry, true).acceptsRealm(got.realm)) {
      assert.equal("foreign_realm", v.refused);
      return;
    }
    const { registry: _, headers: __, ...want } = { realm: "", service: "", scope: "", error: "", ...v };
    assert.deepEqual(got, want);
  }));

test("a challenge at its limit is read", () => {
  const header = (length: number) => 'Bearer error="e"'.padEnd(length);
  assert.equal(readChallenge(header(maxChallenge)).error, "e");
  assert.equal(readChallenge(header(maxChallenge + 1)).refused, "too_large");
});

test("tokens", (t) =>
  each(t, "tokens.json", (v) => {
    assert.equal(kindOf(v.user, v.password), v.kind);
    if (v.kind === "access_token") {
      assert.throws(() => scopedToken("myregistry", v.user, v.password), { code: "usage" });
    }
  }));

test("lifetimes", (t) =>
  each(t, "lifetimes.json", (v) => {
    const { life, renew, ends } = lifeOf(v.token, v.date);
    assert.deepEqual({ life, renew, ends }, { life: v.life, renew: v.renew, ends: v.ends });
  }));

test("refusals", (t) =>
  each(t, "refusals.json", async (v) => {
    const scopes: string[] = [];
    const httpClient: HttpClient = {
      async sendRequest(request) {
        const isToken = new URL(request.url).pathname === "/oauth2/token";
        let [status, headers, bodyAsText] = [v.status, v.headers, v.body];
        if (isToken) {
          scopes.push(new URLSearchParams(request.body as string).get("scope") ?? "");
        }
        if (isToken !== (v.from === "token_service")) {
          assert.ok(isToken, "the registry is asked without a token");
          const claims: Record<string, unknown> = { exp: Date.now() / 1000 + 3600, grant_type: "access_token" };
          if (v.granted !== null) {
            claims.access = v.granted.split(" ").flatMap((item: string) => {
              const [type, name, actions] = item.split(":");
              if (actions === undefined) {
                return [];
              }
              const words = actions.split(",");
              return [v.capitals ? { Type: type, Name: name, Actions: words } : { type, name, actions: words }];
            });
          }
          status = 200;
          headers = {};
          bodyAsText = JSON.stringify({ access_token: jwt(claims) });
        }
        return { request, status, headers: createHttpHeaders(headers), bodyAsText };
      },
    };
    const acr = scopedToken(v.registry, v.credential, "correct-horse", { httpClient });
    const request = createPipelineRequest({ url: acr.endpoint + v.path, method: v.method as HttpMethods });
    // A DELETE of what is not there is a success to the SDK; no vector is one.
    const error = await acr.options.httpClient.sendRequest(request).then(
      () => assert.fail("it was not refused"),
      (e: unknown) => e,
    );
    assert.ok(error instanceof RestError);
    const refusal = refusalOf(error);
    assert.deepEqual(
      { code: refusal?.code, sentence: refusal?.sentence, facts: refusal?.facts, message: error.message },
      { code: v.code, sentence: v.sentence, facts: v.facts, message: v.message },
    );
    assert.equal(error.code, v.code);
    assert.equal(error.statusCode, v.status);
    if (v.requested !== undefined) {
      assert.equal(scopes[0], v.requested);
    }
  }));

test("the package's copy of the sentences is the original", (t) => {
  const original = read("sentences.json") as Record<string, unknown>;
  assert.deepEqual(sentences, original, "run: node sentences.mjs && npm run format");
  t.diagnostic(`sentences.json: ${Object.keys(sentences).length} of ${Object.keys(original).length}`);
});

test("a fix that lacks a fact is left out", () => {
  const facts = { who: "w", password: "p", said: "" };
  assert.doesNotMatch(say({ code: "", sentence: "not_accepted", facts }), /az acr/);
});
