import { closeSync, openSync, readSync } from "node:fs";
import { type Kind, kindOf } from "./claims.js";
import { findMistake, notString, typeName } from "./endpoint.js";
import { messageOf } from "./http.js";
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

/** The name and password that a source gave last. They are read again when they were refused. */
export class Credential {
  readonly #source: Source;
  #kept: Promise<Login> | undefined;

  constructor(
    source: Source,
    /** Names the credential before a login is known. */
    readonly who = "credential",
    /** What is tried, for a message: "password" or "two passwords". */
    readonly password = "password",
  ) {
    this.#source = source;
  }

  /** The login to try first. */
  current(): Promise<Login> {
    if (this.#kept === undefined) {
      const read = this.#read();
      read.catch(() => this.#forget(read));
      this.#kept = read;
    }
    return this.#kept;
  }

  /** The login to try after that one was refused. */
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
      given = await this.#source();
    } catch (error) {
      // Not the error itself: the SDK would take another SDK's RestError for an answer of the registry.
      throw new Error(`the source of the password failed: ${messageOf(error)}`, { cause: error });
    }
    if (typeof given !== "object" || given === null) {
      throw new UsageError(`the source of the password must return { name, password }, not ${typeName(given)}`);
    }
    return new Login(given.name, given.password);
  }
}

/** A login, or two: each in turn, so that the one that was accepted last is tried first. */
export function fixed(first: Login, second: Login = first): Credential {
  let at = 0;
  const source = () => {
    const login = at++ % 2 === 0 ? first : second;
    return { name: login.name, password: login.reveal() };
  };
  return new Credential(source, first.who, second === first ? "password" : "two passwords");
}

/** Says what is wrong with a secret, and never what it is. */
function checkSecret(what: string, value: unknown, onLineFeed = "secretFile(path) takes it off"): void {
  if (typeof value !== "string") {
    const hint = value instanceof Uint8Array ? "; to read it from a file, use secretFile(path)" : "";
    throw new UsageError(notString(what, value) + hint);
  }
  const hint = /[\r\n]$/.test(value) ? `; a line feed from a file? ${onLineFeed}` : "";
  const mistake = findMistake([
    [value === "", "is empty"],
    [value !== value.trim(), `begins or ends with white space${hint}`],
    [/\p{Cc}/u.test(value), "has a control character"],
  ]);
  if (mistake !== undefined) {
    throw new UsageError(`${what} ${mistake}`);
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
