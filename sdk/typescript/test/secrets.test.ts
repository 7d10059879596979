// No secret leaves by an error, a log, a dump, or a copy of what the package hands out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { RestError } from "@azure/core-rest-pipeline";
import { AzureLogger, setLogLevel } from "@azure/logger";
import { scopedToken, scopedTokenFrom } from "../src/index.js";
import { hide, line, maxSaid } from "../src/secret.js";
import { Fake, failure, home, password, sdk } from "./fake.js";

const second = "the-other-password-0123456789";

/** A secret as it may be written: not by hide, which is on trial. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const url = encodeURIComponent(secret);
  // Two of three positions in a longer base64 text; the first is that of the secret alone.
  const inBase64 = [0, 1, 2].map((n) =>
    Buffer.concat([Buffer.alloc(n), bytes])
      .toString("base64")
      .slice(n * 2, -4),
  );
  return [
    secret,
    url,
    JSON.stringify(secret).slice(1, -1),
    ...inBase64,
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}

/** Fails where the text holds a secret in any of its spellings. */
function holdsNone(text: string, secrets: string[]): void {
  for (const spelling of secrets.flatMap(spellings)) {
    const at = text.indexOf(spelling);
    assert.ok(at < 0, `a secret is shown: ${text.slice(Math.max(0, at - 60), at)}…`);
  }
}

/** Everything that a thing shows of itself. */
function shown(value: unknown): string {
  const seen = new Set<unknown>();
  const walk = (v: unknown): string => {
    if (typeof v !== "object" || v === null || seen.has(v)) {
      return String(typeof v === "function" ? v.toString() : v);
    }
    seen.add(v);
    return Reflect.ownKeys(v)
      .map((key) => `${String(key)}: ${walk(Reflect.get(v, key))}`)
      .join("\n");
  };
  const dump = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true });
  // RestError prints itself without headers and bodies; a program may look behind that.
  const raw = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, customInspect: false });
  return [dump, raw, inspect(value), String(value), walk(value)].join("\n");
}

/** The secrets that a run has used: passwords, and every token that was issued. */
const secretsOf = (fake: Fake) => [password, second, ...fake.good.keys()];

test("hide knows the spellings of a secret", () => {
  const secret = 'p&ss+w/rd" <ä>';
  const bytes = Buffer.from(secret);
  for (const spelling of [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ x: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ]) {
    assert.doesNotMatch(hide(`before ${spelling} after`, secret), /ss.?.?.?w/, spelling);
    assert.match(hide(`before ${spelling} after`, secret), /^before .*\[redacted\].* after$/);
  }
});

test("text of a service is one line, and bounded", () => {
  assert.equal(line("a\r\nb\u001b[31m\u202e"), "a  b\uFFFD[31m\uFFFD");
  assert.equal(line("a".repeat(maxSaid)), "a".repeat(maxSaid));
  assert.equal(line("a".repeat(maxSaid + 1)), `${"a".repeat(maxSaid)}…`);
});

test("what is handed out shows no secret and cannot be copied", async () => {
  const fake = new Fake();
  for (const acr of [
    scopedToken("myregistry", "ci-pull", password, { secondPassword: second, httpClient: fake }),
    scopedTokenFrom("myregistry", () => ({ name: "ci-pull", password }), { httpClient: fake }),
  ]) {
    await sdk(acr.options.httpClient).tags();
    // The fake is the caller's own, and records what it was sent.
    fake.sent.length = 0;
    const { httpClient } = acr.options;
    const secrets = secretsOf(fake);
    fake.good.clear();
    holdsNone(shown(acr) + shown(httpClient) + JSON.stringify(acr), secrets);
    assert.throws(() => structuredClone(acr), { name: "DataCloneError" });
    assert.throws(() => structuredClone(httpClient), { name: "DataCloneError" });
  }
});

test("errors show no secret, where the service repeats what it was sent", async () => {
  for (const status of [400, 401, 403, 404, 429, 500]) {
    for (const where of ["/oauth2/token", "/acr/v1/"]) {
      const fake = new Fake();
      fake.intercept = ({ url, request, authorization }) => {
        if (!url.pathname.startsWith(where)) {
          return undefined;
        }
        const message = `you sent ${request.body ?? ""} ${JSON.stringify(request.headers)} ${authorization}`;
        return { status, body: JSON.stringify({ errors: [{ code: "X", message }] }), headers: { "X-Echo": message } };
      };
      const error = await failure(
        sdk(scopedToken("myregistry", "ci-pull", password, { httpClient: fake }).options.httpClient).tags(),
      );
      fake.sent.length = 0;
      holdsNone(shown(error), secretsOf(fake));
      assert.equal(error.statusCode, status);
    }
  }
});

test("errors show no secret, where the inner client's error holds what it was to send", async () => {
  for (const where of ["/oauth2/token", "/acr/v1/"]) {
    const fake = new Fake();
    fake.intercept = ({ url, request, authorization }) => {
      if (url.pathname.startsWith(where)) {
        throw new RestError(`cannot send ${request.body} ${authorization}`, { request, code: "EPIPE" });
      }
      return undefined;
    };
    const httpClient = scopedToken("myregistry", "ci-pull", password, { httpClient: fake }).options.httpClient;
    const error = await failure(sdk(httpClient).tags());
    fake.sent.length = 0;
    assert.equal(error.code, "EPIPE");
    holdsNone(shown(error), secretsOf(fake));
  }
});

test("the SDK's most talkative log shows no secret", async () => {
  const lines: string[] = [];
  const log = AzureLogger.log;
  AzureLogger.log = (...words) => lines.push(words.map((w) => (typeof w === "string" ? w : inspect(w))).join(" "));
  setLogLevel("verbose");
  try {
    const fake = new Fake();
    const acr = scopedToken("myregistry", "ci-pull", "wrong-password-0123456789", {
      secondPassword: password,
      httpClient: fake,
    });
    const { tags, content } = sdk(acr.options.httpClient);
    await tags();
    fake.intercept = ({ authorization }) =>
      authorization ? { status: 307, headers: { Location: `${home}.evil.example/` } } : undefined;
    await content.downloadBlob("sha256:00").catch(() => {});
    fake.intercept = () => undefined;
    fake.withheld.add("metadata_read");
    const error = await failure(tags());
    lines.push(inspect(error));
    fake.sent.length = 0;
    assert.ok(
      lines.some((l) => l.includes("Request:")),
      "the log is not on",
    );
    holdsNone(lines.join("\n"), [...secretsOf(fake), "wrong-password-0123456789"]);
  } finally {
    setLogLevel(undefined);
    AzureLogger.log = log;
  }
});
