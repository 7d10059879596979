import { canonicalScope, maxScope } from "./scope.js";

/** The longest challenge header that is read, in characters: the longest scope, and the rest. */
export const maxChallenge = maxScope + (4 << 10);

/** What a registry's Bearer challenge asks for; "" for what it does not say. */
export interface Challenge {
  /** The URL of the token service. It is checked, never called. */
  realm: string;
  service: string;
  /** Canonical. */
  scope: string;
  /** "insufficient_scope", "invalid_token", or what else the service says. */
  error: string;
}

/** Why there is no challenge to go by. */
export type NoChallenge = "malformed" | "too_large" | "none";

/**
 * Reads the first Bearer challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). A
 * parameter that stands twice makes it malformed: two readers could read two challenges.
 */
export function readChallenge(header: string | undefined): Challenge | NoChallenge {
  if ((header ?? "").length > maxChallenge) {
    return "too_large";
  }
  const challenges = new Parser(header ?? "").list();
  if (challenges === undefined) {
    return "malformed";
  }
  const bearer = challenges.find((c) => c.scheme === "bearer");
  if (bearer === undefined) {
    return "none";
  }
  const of = (name: string) => bearer.params.get(name) ?? "";
  const scope = canonicalScope(of("scope"));
  return scope === undefined ? "malformed" : { realm: of("realm"), service: of("service"), scope, error: of("error") };
}

interface Parsed {
  scheme: string;
  params: Map<string, string>;
}

const token = /[0-9A-Za-z!#$%&'*+\-.^_`|~]+/y;
const token68 = /[0-9A-Za-z\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
// A quoted string; its first group is what stands between the quotes. It holds no control characters.
const quoted = /"((?:[\t -!#-[\]-~\u0080-\uffff]|\\[\t -~\u0080-\uffff])*)"/y;
const comma = /[ \t]*(?:,|$)/y;
const space = /[ \t]+/y;
const separators = /[ \t,]+/y;
const equals = /[ \t]*=[ \t]*/y;

class Parser {
  #at = 0;

  constructor(readonly text: string) {}

  /** Takes what matches here, if anything. */
  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }

  list(): Parsed[] | undefined {
    const all: Parsed[] = [];
    for (;;) {
      this.#take(separators);
      if (this.#at === this.text.length) {
        return all;
      }
      const scheme = this.#take(token)?.[0].toLowerCase();
      if (scheme === undefined) {
        return undefined;
      }
      const params = new Map<string, string>();
      all.push({ scheme, params });
      if (this.text[this.#at] === "," || this.#at === this.text.length) {
        continue;
      }
      if (this.#take(space) === undefined || !this.#params(params)) {
        return undefined;
      }
    }
  }

  /** Reads parameters up to the end, or to the next challenge: a word without "=" behind it. */
  #params(params: Map<string, string>): boolean {
    if (this.#take(token68) !== undefined) {
      return true;
    }
    for (let first = true; ; first = false) {
      const mark = this.#at;
      const gap = this.#take(separators)?.[0] ?? "";
      if (this.#at === this.text.length) {
        return true;
      }
      const name = this.#take(token)?.[0].toLowerCase();
      if (name === undefined) {
        return false;
      }
      if (this.#take(equals) === undefined) {
        this.#at = mark;
        return gap.includes(",") || first;
      }
      const value = this.#take(quoted)?.[1]?.replace(/\\(.)/gs, "$1") ?? this.#take(token)?.[0];
      if (value === undefined || params.has(name)) {
        return false;
      }
      params.set(name, value);
      const end = this.#at;
      if (this.#take(comma) === undefined) {
        return false;
      }
      this.#at = end;
    }
  }
}
