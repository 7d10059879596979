import { readFileSync } from "node:fs";
import { kindOf } from "./claims.js";
import { checkString, usageError } from "./refusal.js";

/** A token's name and password. */
export interface NameAndPassword {
  name: string;
  password: string;
}

/** A checked name and password. */
export interface Login extends NameAndPassword {
  readonly kind: "password" | "refresh_token" | "entra_token";
  /** Names the credential in a message, after "the". */
  readonly who: string;
}

/** Checks a name and a password. */
export function login(name: string, password: string): Login {
  checkSecret("the token's name", name);
  checkSecret("the password", password);
  const kind = kindOf(name, password);
  if (kind === "access_token") {
    throw usageError("the password is an ACR access token, and cannot get another: give the token's password");
  }
  // What cannot be a name is not shown: it may be the password in the name's place.
  const token = /^[A-Za-z0-9<][\w<>@.-]{0,49}$/.test(name) ? `token "${name}"` : "token";
  const who = { password: token, refresh_token: "ACR refresh token", entra_token: "Entra access token" }[kind];
  return { name, password, kind, who };
}

/** The time for a source to return, in milliseconds. */
export const sourceTimeout = 30_000;

/** The name and password that a source gave last. They are read again when they were refused. */
export class Credential {
  #login: Login | undefined;
  #reading: Promise<Login> | undefined;

  constructor(
    private readonly source: () => NameAndPassword | Promise<NameAndPassword>,
    /** What is tried, for a message. */
    readonly passwords: "password" | "two passwords" = "password",
  ) {}

  /** Names the credential in a message, after "the". */
  get who(): string {
    return this.#login?.who ?? "credential";
  }

  /** Returns the login to try: the last one, or a new one if the last is the one that was refused. */
  async login(refused?: Login): Promise<Login> {
    if (this.#login !== undefined && this.#login !== refused) {
      return this.#login;
    }
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<Login> {
    this.#login = undefined;
    let timer: NodeJS.Timeout | undefined;
    let given: NameAndPassword;
    try {
      const late = new Promise<never>((_, reject) => {
        const error = new Error(`it has not returned within ${sourceTimeout / 1000} seconds`);
        timer = setTimeout(() => reject(error), sourceTimeout);
      });
      given = await Promise.race([this.source(), late]);
    } catch (error) {
      // Not the error itself: the SDK would take another SDK's RestError for an answer of the registry.
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`the source of the password failed: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    this.#login = login(given?.name, given?.password);
    return this.#login;
  }
}

/** A credential of one login, or two: the one that was accepted last is tried first. */
export function fixed(first: Login, second = first): Credential {
  let reads = 0;
  const source = () => (reads++ % 2 === 0 ? first : second);
  return new Credential(source, second === first ? "password" : "two passwords");
}

/** Says what is wrong with a secret, without showing it. */
function checkSecret(what: string, value: string, onLineFeed = "secretFile(path) takes it off"): void {
  checkString(what, value);
  if (value === "") {
    throw usageError(`${what} is empty`);
  }
  if (value !== value.trim()) {
    const hint = /[\r\n]$/.test(value) ? `; a line feed from a file? ${onLineFeed}` : "";
    throw usageError(`${what} begins or ends with white space${hint}`);
  }
  // U+FFFD replaces bytes that are not UTF-8.
  if (/[\p{Cc}\uFFFD]/u.test(value)) {
    throw usageError(`${what} has a control character, or is not UTF-8`);
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
  const bytes = readFileSync(path);
  if (bytes.length > maxSecretFile) {
    throw usageError(`the secret in ${path} has more than ${maxSecretFile} bytes`);
  }
  const secret = bytes.toString().replace(/\r?\n$/, "");
  checkSecret(`the secret in ${path}`, secret, "one is taken off, not more");
  return secret;
}
