import { createHttpHeaders, type PipelineRequest, type PipelineResponse, RestError } from "@azure/core-rest-pipeline";
import { readChallenge } from "./challenge.js";
import type { Registry } from "./endpoint.js";
import { catalog, minus, onSameResources, required, resourcesOf } from "./scope.js";
import { hideJWTs, line, maxSaid } from "./secret.js";
import { sentences } from "./sentences.js";

/** A mistake in what the caller gave; nothing was sent. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  constructor(
    message: string,
    /** "usage", or "host_refused" for a host that no credential is sent to. */
    readonly code: "usage" | "host_refused" = "usage",
  ) {
    super(message);
  }
}

/** Why a request was refused, for programs. */
export interface Refusal {
  /** As the acrkit command prints it: "insufficient_scope", "credential_rejected", "not_found", … */
  readonly code: string;
  /** The key of the sentence that the message is made of: "missing_action", "not_accepted", … */
  readonly sentence: string;
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

/** Fills a sentence. A fix that lacks a fact is left out: half a command is none. */
export function say(refusal: Refusal): string {
  const sentence = sentences[refusal.sentence as keyof typeof sentences];
  const fill = (text: string) => text.replace(/\{([a-z_]+)\}/g, (_, fact: string) => refusal.facts[fact] ?? "");
  const missing = [...sentence.fix.matchAll(/\{([a-z_]+)\}/g)].some(([, fact]) => !refusal.facts[fact as string]);
  const parts = [fill(sentence.text), missing ? "" : fill(sentence.fix)];
  return parts.filter((part) => part !== "").join("\n");
}

/** Whose token a request carried. */
export interface Asker {
  /** For messages, after "the": `token "ci-pull"`. */
  who: string;
  /** A scope-mapped token's name; absent for another credential. */
  token?: string | undefined;
  /** "password" or "two passwords". */
  password: string;
  /** What the access token's own claim grants, canonical; absent if it does not say. */
  granted?: string | undefined;
}

/** An answer with its body. */
export interface Answer {
  status: number;
  headers: PipelineResponse["headers"];
  body: string;
}

/** What a shell takes as it stands. */
const plainArgument = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** The facts that commands of az are made of: for registries of Azure and plain names alone. */
function commandFacts(registry: Registry, asker: Asker): Record<string, string> {
  if (registry.cloud === "" || !plainArgument.test(asker.token ?? "")) {
    return {};
  }
  return { name: registry.name, token: asker.token ?? "" };
}

/** Reads a refusal of the token service. said is what the service says, from saidBy. */
export function refusedByTokenService(registry: Registry, asker: Asker, status: number, said: string): Refusal {
  const { who, password } = asker;
  if (status !== 401) {
    const code = status === 403 ? "denied" : "protocol";
    return { code, sentence: "service_refused", facts: { status: String(status), said } };
  }
  const code = "credential_rejected";
  if (asker.token === undefined) {
    return { code, sentence: "token_not_accepted", facts: { who, said } };
  }
  return { code, sentence: "not_accepted", facts: { who, password, said, ...commandFacts(registry, asker) } };
}

/** Reads a refusal of the registry: 401, 404, or another status from 400 to 499. */
export function refusedByRegistry(registry: Registry, asker: Asker, method: string, url: URL, answer: Answer): Refusal {
  switch (answer.status) {
    case 401:
      return refusedRight(registry, asker, answer);
    case 404:
      return notFound(registry, method, url, answer);
    default:
      return { code: codeOf(answer), sentence: "other", facts: {} };
  }
}

function codeOf(answer: Answer): string {
  if (hasCode(answer, "REGISTRY_DISALLOWED_OPERATION")) {
    return "locked";
  }
  const codes: Record<number, string> = { 400: "usage", 403: "denied", 405: "usage", 413: "too_large" };
  return codes[answer.status] ?? "protocol";
}

function refusedRight(registry: Registry, asker: Asker, answer: Answer): Refusal {
  const { who, granted } = asker;
  const challenge = readChallenge(answer.headers.get("WWW-Authenticate"));
  if (typeof challenge === "string" || challenge.error !== "insufficient_scope") {
    return { code: "credential_rejected", sentence: "access_not_accepted", facts: { who } };
  }
  const code = "insufficient_scope";
  const need = challenge.scope;
  if (need === "") {
    return { code, sentence: "missing_unnamed", facts: { who } };
  }
  if (need === catalog) {
    return { code, sentence: "catalog", facts: { who } };
  }
  const lacks = minus(need, granted ?? "");
  if (lacks === "") {
    return { code, sentence: "held", facts: { who, right: words(need, true) } };
  }
  const facts: Record<string, string> = { who, right: words(lacks, true), ...commandFacts(registry, asker) };
  const [[resource, actions] = ["", []], ...more] = resourcesOf(lacks);
  if (more.length === 0) {
    facts.repository = nameOf(resource);
    facts.actions = actions.map(actionName).join(" ");
  }
  const has = onSameResources(granted ?? "", need);
  if (has !== "") {
    const other = resourcesOf(has).some(([r]) => r !== resource) || more.length > 0;
    return { code, sentence: "missing_some", facts: { ...facts, has: words(has, other) } };
  }
  const several = granted === undefined && (more.length > 0 || actions.length > 1);
  return { code, sentence: several ? "missing_actions" : "missing_action", facts };
}

/** The words of scopes, by their names in a scope map. */
const actionNames = new Map([
  ["pull", "content/read"],
  ["push", "content/write"],
  ["delete", "content/delete"],
  ["metadata_read", "metadata/read"],
  ["metadata_write", "metadata/write"],
]);
const actionName = (word: string) => actionNames.get(word) ?? word;

/** The most resources that a message names. */
const maxResources = 4;

/** The name of a resource, without its type. */
const nameOf = (resource: string) => resource.slice(resource.indexOf(":") + 1);

/** Lists rights under their names in a scope map, and on what. */
function words(scope: string, withResource: boolean): string {
  const parts = resourcesOf(scope).map(([resource, actions]) => {
    const on = withResource ? ` on ${JSON.stringify(nameOf(resource))}` : "";
    return line(actions.map(actionName).join(", ") + on, maxSaid);
  });
  return [...parts.slice(0, maxResources), ...(parts.length > maxResources ? ["…"] : [])].join(" and ");
}

function notFound(registry: Registry, method: string, url: URL, answer: Answer): Refusal {
  const code = "not_found";
  const { repository } = required(method, url);
  let path = url.pathname;
  try {
    path = decodeURIComponent(path);
  } catch {} // shown as it was sent
  const shown = (text: string) => line(hideJWTs(text), maxSaid);
  const reference = shown(path.slice(path.lastIndexOf("/") + 1));
  if (repository !== "") {
    if (hasCode(answer, "NAME_UNKNOWN")) {
      return { code, sentence: "no_repository", facts: { registry: registry.host, repository } };
    }
    const isBlob = hasCode(answer, "BLOB_UNKNOWN");
    if (isBlob || hasCode(answer, "TAG_UNKNOWN", "MANIFEST_UNKNOWN")) {
      return { code, sentence: isBlob ? "no_blob" : "no_manifest", facts: { repository, reference } };
    }
  }
  return { code, sentence: "not_found", facts: { registry: registry.host, path: shown(path) } };
}

function hasCode(answer: Answer, ...codes: string[]): boolean {
  return serviceErrors(answer.body).some((e) => codes.includes(e.code));
}

/** Reads {"errors":[{"code","message"}]} (OCI distribution specification 1.1, "Error Codes"). */
function serviceErrors(body: string): { code: string; message: string }[] {
  const parsed = parseJSON(body) as { errors?: unknown } | undefined;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return (Array.isArray(parsed?.errors) ? parsed.errors : [])
    .map((e) => ({ code: text(e?.code), message: text(e?.message) }))
    .filter((e) => e.code !== "" || e.message !== "");
}

function parseJSON(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a token service says beyond its usual words, to follow a clause; "" if that is nothing. */
export function saidBy(body: string): string {
  const said = serviceErrors(body)
    .filter((e) => !e.message.startsWith("authentication required")) // it says so whatever the cause
    .map((e) => line(hideJWTs(e.message || e.code), maxSaid));
  return said.length === 0 ? "" : `; the registry answered: ${line(said.join("; "), maxSaid)}`;
}

/**
 * Makes the SDK's error of a refusal. The answer is attached without its challenge where it is a
 * 401: the SDK would answer that with an exchange of its own.
 */
export function refuse(refusal: Refusal, request: PipelineRequest, answer?: Answer, message = say(refusal)): RestError {
  let response: (PipelineResponse & { parsedBody?: object | undefined }) | undefined;
  if (answer !== undefined) {
    const headers = createHttpHeaders(answer.headers.toJSON({ preserveCase: true }));
    if (answer.status === 401) {
      headers.delete("WWW-Authenticate");
    }
    // The SDK makes error.details of parsedBody.
    response = {
      request,
      status: answer.status,
      headers,
      bodyAsText: answer.body,
      parsedBody: parseJSON(answer.body),
    };
  }
  const error = new RestError(message, {
    code: refusal.code,
    request,
    ...(response && { statusCode: response.status, response }),
  });
  // Not enumerable, as RestError keeps its own: what prints an error prints the message.
  Object.defineProperty(error, "refusal", { value: Object.freeze(refusal), enumerable: false });
  return error;
}

/**
 * Makes the SDK's error of a failure to reach a host. It keeps the inner client's code, by which
 * the SDK decides on another try.
 */
export function unreachable(host: string, why: string, code: string | undefined, request: PipelineRequest): RestError {
  const facts = { host, why: line(hideJWTs(why), maxSaid) };
  const error = refuse({ code: "unavailable", sentence: "unreachable", facts }, request);
  error.code = code ?? RestError.REQUEST_SEND_ERROR;
  return error;
}
