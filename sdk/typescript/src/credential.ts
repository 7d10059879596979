import { closeSync, openSync, readSync } from "node:fs";
import { type Kind, kindOf } from "./claims.js";
import { typeName, unset } from "./endpoint.js";
import { UsageError } from "./refusal.js";

/** A token's name and password. */
export interface NameAndPassword {
  name: string;
  password: string;
}

/** A function that returns a token's name and password, or promises them. */
export type Source = () => NameAndPassword | Promise<NameAndPassword>;

/** A checked name and password. */
export class Login {
  readonly kind: Kind;
  readonly #password: string;

  constructor(
    readonly name: string,
    password: string,
  ) {
    checkSecret("the token's name", name);
    checkSecret("the password", password);
    this.kind = kindOf(name, password);
    this.#password = password;
    if (this.kind === "access_token") {
      throw new UsageError(
        "the password is an ACR access token, which is good for one scope and cannot get another; " +
          "give a token's password, an ACR refresh token or an Entra access token",
      );
    }
  }

  reveal(): string {
    return this.#password;
  }

  /** Names the credential for a message. */
  get who(): string {
    switch (this.kind) {
      case "refresh_token":
        return "ACR refresh token";
      case "entra_token":
        return "Entra access token";
      default:
        return `token ${JSON.stringify(this.name)}`;
    }
  }

  equals(other: Login): boolean {
    return this.name === other.name && this.#password === other.#password;
  }
}

/** Where logins come from. */
export interface Credential {
  /** Names the credential before a login is known. */
  readonly who: string;
  /** What was tried, for a message: "password" or "two passwords". */
  readonly password: string;
  /** The login to try first. */
  current(): Promise<Login>;
  /** The login to try after that one was refused. */
  after(refused: Login): Promise<Login>;
}

/** One login, or two of which the one that was accepted last is tried first. */
export class FixedCredential implements Credential {
  #at = 0;
  readonly who: string;
  readonly password: string;

  constructor(readonly logins: readonly [Login, ...Login[]]) {
    this.who = logins[0].who;
    this.password = logins.length === 1 ? "password" : "two passwords";
  }

  async current(): Promise<Login> {
    return this.logins[this.#at] ?? this.logins[0];
  }

  async after(refused: Login): Promise<Login> {
    if ((await this.current()) === refused) {
      this.#at = (this.#at + 1) % this.logins.length;
    }
    return this.current();
  }
}

/** The login that a source gave last. */
export class SourceCredential implements Credential {
  readonly who = "credential";
  readonly password = "password";
  #kept: Promise<Login> | undefined;

  constructor(readonly source: Source) {}

  current(): Promise<Login> {
    if (this.#kept === undefined) {
      const read = this.#read();
      read.catch(() => this.#forget(read));
      this.#kept = read;
    }
    return this.#kept;
  }

  async after(refused: Login): Promise<Login> {
    const kept = this.#kept;
    // Another request may have read the source meanwhile.
    if (kept !== undefined && (await kept.catch(() => refused)) === refused) {
      this.#forget(kept);
    }
    return this.current();
  }

  #forget(read: Promise<Login>): void {
    if (this.#kept === read) {
      this.#kept = undefined;
    }
  }

  async #read(): Promise<Login> {
    let given: NameAndPassword;
    try {
      given = await this.source();
    } catch (error) {
      // Not the error itself: the SDK would take another SDK's RestError for an answer of the registry.
      throw new Error(`the source of the password failed: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    if (typeof given !== "object" || given === null) {
      throw new UsageError(`the source of the password must return { name, password }, not ${typeName(given)}`);
    }
    return new Login(given.name, given.password);
  }
}

/** Says what is wrong with a secret, and never what it is. */
function checkSecret(what: string, value: unknown, onLineFeed = "secretFile(path) takes it off"): void {
  if (typeof value !== "string") {
    const hint = value instanceof Uint8Array ? "; to read it from a file, use secretFile(path)" : unset(value);
    throw new UsageError(`${what} must be a string, not ${typeName(value)}${hint}`);
  }
  if (value === "") {
    throw new UsageError(`${what} is empty`);
  }
  if (value !== value.trim()) {
    const hint = /[\r\n]$/.test(value) ? `; a line feed from a file? ${onLineFeed}` : "";
    throw new UsageError(`${what} begins or ends with white space${hint}`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\0-\x1f\x7f]/.test(value)) {
    throw new UsageError(`${what} has a control character`);
  }
}

/** The longest secret file, in bytes. */
export const maxSecretFile = 64 << 10;

/**
 * Reads a secret from a file, now: one line of UTF-8, of at most 64 KiB. One line ending (LF or
 * CRLF) at its end is no part of the secret.
 *
 * @throws An Error that names the file and never shows what it holds.
 */
export function secretFile(path: string): string {
  const file = openSync(path, "r");
  const bytes = Buffer.alloc(maxSecretFile + 1);
  let length = 0;
  try {
    for (let n = -1; n !== 0 && length < bytes.length; length += n) {
      n = readSync(file, bytes, length, bytes.length - length, null);
    }
  } finally {
    closeSync(file);
  }
  if (length > maxSecretFile) {
    throw new UsageError(`the secret file ${path} has more than ${maxSecretFile} bytes`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } catch {
    throw new UsageError(`the secret file ${path} is not UTF-8`);
  }
  const secret = text.replace(/\r?\n$/, "");
  checkSecret(`the secret in ${path}`, secret, "one is taken off, not more");
  return secret;
}
