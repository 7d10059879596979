import { canonicalScope } from "./scope.js";

/** The longest challenge header that is read, in characters: a scope of 64 KiB, and the other parameters. */
export const maxChallenge = 68 << 10;

/** What a registry's Bearer challenge asks for; "" for what it does not say. */
export interface Challenge {
  /** The URL of the token service. It is checked, never called. */
  realm: string;
  service: string;
  /** Canonical. */
  scope: string;
  /** "insufficient_scope", "invalid_token", or another word of the service. */
  error: string;
  /** Why there is no usable challenge. */
  refused?: "malformed" | "too_large" | "none";
}

const empty = { realm: "", service: "", scope: "", error: "" };

/**
 * The text between two commas of the header: a scheme ("Bearer"), a parameter (realm="…", or
 * realm=…), or both (RFC 9110, section 11.6.1). A quoted value holds no control characters.
 */
const word = /[\w!#$%&'*+.^`|~-]+/.source;
const quoted = /"(?<quoted>(?:[\t -!#-[\]-~\u0080-\uffff]|\\[\t -~\u0080-\uffff])*)"/.source;
const item = new RegExp(
  `[ \\t]*(?![ \\t])(?:(?<scheme>${word})(?:[ \\t]+(?![ \\t])|(?=,|$)))?` +
    `(?:(?<name>${word})[ \\t]*=[ \\t]*(?:${quoted}|(?<bare>${word}))|[\\w.~+/-]+=*)?[ \\t]*(?:,|$)`,
  "y",
);

/**
 * Reads the first Bearer challenge of a WWW-Authenticate header. A parameter that occurs
 * twice makes it malformed: two readers could read two challenges.
 */
export function readChallenge(header = ""): Challenge {
  if (header.length > maxChallenge) {
    return { ...empty, refused: "too_large" };
  }
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  for (item.lastIndex = 0; item.lastIndex < header.length; ) {
    const found = item.exec(header)?.groups;
    if (found?.scheme !== undefined) {
      challenges.push({ scheme: found.scheme.toLowerCase(), params: new Map() });
    }
    const params = challenges.at(-1)?.params;
    const name = found?.name?.toLowerCase();
    if (found === undefined || (name !== undefined && (params === undefined || params.has(name)))) {
      return { ...empty, refused: "malformed" };
    }
    if (name !== undefined) {
      params?.set(name, found.quoted?.replace(/\\(.)/gs, "$1") ?? found.bare ?? "");
    }
  }
  const bearer = challenges.find((c) => c.scheme === "bearer");
  const of = (name: string) => bearer?.params.get(name) ?? "";
  const scope = canonicalScope(of("scope"));
  if (bearer === undefined || scope === undefined) {
    return { ...empty, refused: bearer === undefined ? "none" : "malformed" };
  }
  return { realm: of("realm"), service: of("service"), scope, error: of("error") };
}
