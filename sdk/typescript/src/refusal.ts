import { type PipelineRequest, RestError } from "@azure/core-rest-pipeline";
import { readChallenge } from "./challenge.js";
import { grantedBy } from "./claims.js";
import type { Login } from "./credential.js";
import type { Registry } from "./registry.js";
import { catalog, minus, parseScope, pathOf, type Rights, required, select } from "./scope.js";
import { type Answer, line } from "./secret.js";
import { sentences } from "./sentences.js";
import type { AccessToken } from "./tokens.js";

/** A mistake in what the caller gave; nothing was sent. "host_refused" is a host that no credential goes to. */
export function usageError(message: string, code: "usage" | "host_refused" = "usage"): Error {
  return Object.assign(new Error(message), { name: "UsageError", code });
}

/** JavaScript callers may pass any value. */
export function checkString(what: string, value: unknown): void {
  if (typeof value !== "string") {
    const hint = value === undefined ? "; is the environment variable set?" : "";
    throw usageError(`${what} must be a string, not ${typeof value}${hint}`);
  }
}

/** Why a request was refused, for programs. */
export interface Refusal {
  /** As the acrkit command prints it: "insufficient_scope", "credential_rejected", "not_found", … */
  readonly code: string;
  /** The key of the sentence that the message is made of: "missing_action", "not_accepted", … */
  readonly sentence: keyof typeof sentences;
  /** What the sentence is filled with: "who", "right", "repository", … */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Returns why a request was refused, for an error that this package made; undefined for all
 * others. The error itself is the SDK's RestError.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  return (error as { refusal?: Refusal } | null | undefined)?.refusal;
}

/** Fills a sentence. A fix that lacks a fact is left out. */
export function say({ sentence, facts }: Refusal): string {
  const { text, fix } = sentences[sentence];
  const fill = (s: string) => s.replace(/\{([a-z_]+)\}/g, (_, fact: string) => facts[fact] ?? "");
  const lacks = [...fix.matchAll(/\{([a-z_]+)\}/g)].some(([, fact = ""]) => !facts[fact]);
  return [fill(text), lacks ? "" : fill(fix)].filter((part) => part !== "").join("\n");
}

/** The facts that commands of az are made of: for registries of Azure, and names that a shell takes unquoted. */
function commandFacts(registry: Registry, login: Login | undefined): Record<string, string> {
  const isPlain = login?.kind === "password" && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(login.name);
  return isPlain && registry.name !== "" ? { name: registry.name, token: login.name } : {};
}

/** Reads a refusal of the token service. */
export function refusedByTokenService(registry: Registry, login: Login, passwords: string, answer: Answer): Refusal {
  const errors = serviceErrors(answer.bodyAsText)
    .map((e) => line(String(e.message || e.code || "")))
    .filter((text) => text !== "" && !text.startsWith("authentication required")); // the text of every cause
  const said = errors.length === 0 ? "" : `; the registry answered: ${line(errors.join("; "))}`;
  if (answer.status !== 401) {
    const code = answer.status === 403 ? "denied" : "protocol";
    return { code, sentence: "service_refused", facts: { status: String(answer.status), said } };
  }
  const code = "credential_rejected";
  const { who } = login;
  if (login.kind !== "password") {
    return { code, sentence: "token_not_accepted", facts: { who, said } };
  }
  const facts = { who, password: passwords, said, ...commandFacts(registry, login) };
  return { code, sentence: "not_accepted", facts };
}

/** Reads a refusal of the registry, a status from 400 to 499, of a request that carried token. */
export function refusedByRegistry(
  registry: Registry,
  request: PipelineRequest,
  answer: Answer,
  token?: AccessToken,
): Refusal {
  const codes = serviceErrors(answer.bodyAsText).map((e) => String(e.code));
  if (answer.status === 401) {
    return refusedRight(registry, answer, token);
  }
  if (answer.status === 404) {
    return notFound(registry, request, codes);
  }
  const isLocked = codes.includes("REGISTRY_DISALLOWED_OPERATION");
  const code = { 400: "usage", 403: "denied", 405: "usage", 413: "too_large" }[answer.status] ?? "protocol";
  return { code: isLocked ? "locked" : code, sentence: "other", facts: {} };
}

function refusedRight(registry: Registry, answer: Answer, token?: AccessToken): Refusal {
  const who = token?.login.who ?? "credential";
  const { scope, error } = readChallenge(answer.headers.get("WWW-Authenticate"));
  if (error !== "insufficient_scope") {
    return { code: "credential_rejected", sentence: "access_not_accepted", facts: { who } };
  }
  const refused = (sentence: Refusal["sentence"], facts: Record<string, string> = {}) => {
    return { code: "insufficient_scope", sentence, facts: { who, ...facts } };
  };
  if (scope === "" || scope === catalog) {
    return refused(scope === "" ? "missing_unnamed" : "catalog");
  }
  const granted = grantedBy(token?.value ?? "");
  const needs: Rights = parseScope(scope) ?? new Map();
  const holds: Rights = parseScope(granted ?? "") ?? new Map();
  const lacks = minus(needs, holds);
  if (lacks.size === 0) {
    return refused("held", { right: words(needs) });
  }
  const [[resource, actions]] = [...lacks] as [[string, string[]]];
  const facts: Record<string, string> = { right: words(lacks), ...commandFacts(registry, token?.login) };
  const command = { repository: nameOf(resource), actions: actions.map(actionName).join(" ") };
  // The registry's words become part of a command: only what a shell takes unquoted.
  if (lacks.size === 1 && /^\w[\w./ -]*$/.test(command.repository + command.actions)) {
    Object.assign(facts, command);
  }
  const has = select(holds, (r) => needs.has(r));
  if (has.size > 0) {
    const isSame = lacks.size === 1 && has.size === 1 && has.has(resource);
    return refused("missing_some", { ...facts, has: isSame ? actionNames(has.get(resource)) : words(has) });
  }
  const several = granted === undefined && (lacks.size > 1 || actions.length > 1);
  return refused(several ? "missing_actions" : "missing_action", facts);
}

/** An action's name in a scope map: "pull" is "content/read". */
function actionName(action: string): string {
  const content = action.replace(/^pull$/, "content/read").replace(/^push$/, "content/write");
  return content.replace(/^delete$/, "content/delete").replace(/^metadata_/, "metadata/");
}

const actionNames = (actions: string[] = []) => actions.map(actionName).join(", ");

/** The name of a resource, without its type. */
const nameOf = (resource: string) => resource.slice(resource.indexOf(":") + 1);

/** Lists rights under their names in a scope map, and on what. */
function words(rights: Rights): string {
  const on = ([resource, actions]: [string, string[]]) =>
    `${actionNames(actions)} on ${JSON.stringify(nameOf(resource))}`;
  return line([...rights].map(on).join(" and "));
}

function notFound(registry: Registry, request: PipelineRequest, codes: string[]): Refusal {
  const code = "not_found";
  const url = new URL(request.url);
  const { repository } = required(request.method, url);
  const path = line(pathOf(url));
  const isBlob = codes.includes("BLOB_UNKNOWN");
  if (repository !== "" && codes.includes("NAME_UNKNOWN")) {
    return { code, sentence: "no_repository", facts: { registry: registry.url.host, repository } };
  }
  if (repository !== "" && (isBlob || codes.includes("TAG_UNKNOWN") || codes.includes("MANIFEST_UNKNOWN"))) {
    const reference = path.slice(path.lastIndexOf("/") + 1);
    return { code, sentence: isBlob ? "no_blob" : "no_manifest", facts: { repository, reference } };
  }
  return { code, sentence: "not_found", facts: { registry: registry.url.host, path } };
}

/** Reads {"errors":[{"code","message"}]} (OCI distribution specification 1.1, "Error Codes"). */
function serviceErrors(body: string): { code?: unknown; message?: unknown }[] {
  const errors = (parseJSON(body) as { errors?: unknown } | undefined)?.errors;
  return Array.isArray(errors) ? errors.map(Object) : [];
}

function parseJSON(text: string): object | undefined {
  try {
    return Object(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * Makes the SDK's error of a refusal. The answer is attached without its challenge: the SDK would
 * answer that with an exchange of its own.
 */
export function refuse(refusal: Refusal, request: PipelineRequest, answer?: Answer, message = say(refusal)): RestError {
  answer?.headers.delete("WWW-Authenticate");
  // The SDK makes error.details of parsedBody.
  const response = answer && { ...answer, request, parsedBody: parseJSON(answer.bodyAsText) };
  const error = new RestError(message, {
    code: refusal.code,
    request,
    ...(response && { statusCode: response.status, response }),
  });
  // Not enumerable, as RestError keeps its own: printing an error prints the message.
  Object.defineProperty(error, "refusal", { value: Object.freeze(refusal), enumerable: false });
  return error;
}

/**
 * Makes the SDK's error of a failure to reach a host. It keeps the inner client's code, by which
 * the SDK decides on another try.
 */
export function unreachable(host: string, why: string, code: string | undefined, request: PipelineRequest): RestError {
  const error = refuse({ code: "unavailable", sentence: "unreachable", facts: { host, why: line(why) } }, request);
  error.code = code ?? RestError.REQUEST_SEND_ERROR;
  return error;
}
