/** The longest scope text that is read, in characters; it travels in a header. */
export const maxScope = 64 << 10;

/** A scope: for each resource ("repository:samples/app") its actions. */
type Scope = Map<string, Set<string>>;

/**
 * Returns the canonical text of a scope: resources and actions in order, none twice. The empty
 * text is the empty scope; undefined is no scope at all.
 */
export function canonicalScope(text: string): string | undefined {
  const scope = parse(text);
  return scope && format(scope);
}

function parse(text: string): Scope | undefined {
  if (text.length > maxScope) {
    return undefined;
  }
  const scope: Scope = new Map();
  for (const item of text.split(" ")) {
    if (item === "") {
      continue;
    }
    const last = item.lastIndexOf(":");
    const first = item.indexOf(":");
    const actions = item.slice(last + 1).split(",");
    if (!/^[!#-[\]-~]+$/.test(item) || first <= 0 || last <= first + 1 || actions.includes("")) {
      return undefined;
    }
    add(scope, item.slice(0, last), actions);
  }
  return scope;
}

function add(scope: Scope, resource: string, actions: string[]): void {
  scope.set(resource, new Set([...(scope.get(resource) ?? []), ...actions]));
}

function format(scope: Scope): string {
  // By type, then name, as bytes: a colon would sort behind "-", "." and "/".
  const key = (resource: string) => resource.replace(":", "\0");
  const resources = [...scope.keys()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return resources.map((r) => `${r}:${[...(scope.get(r) ?? [])].sort().join(",")}`).join(" ");
}

/** Reports whether every right of the scope part is one of whole. Both are canonical. */
export function contains(whole: string, part: string): boolean {
  const have = parse(whole);
  return [...(parse(part) ?? [])].every(([resource, actions]) =>
    [...actions].every((action) => have?.get(resource)?.has(action)),
  );
}

/** The scope that lists a registry's repositories. */
export const catalog = "registry:catalog:*";

/** The rights of whole that part does not hold. All are canonical. */
export function minus(whole: string, part: string): string {
  return select(whole, (right) => !contains(part, right));
}

/** The rights of scope on resources that other names too. */
export function onSameResources(scope: string, other: string): string {
  const named = resourcesOf(other);
  return select(scope, (right) => named.includes(resourcesOf(right)[0] ?? ""));
}

function select(scope: string, chosen: (right: string) => boolean): string {
  const rights = rightsOf(scope).map((right) => right.join(":"));
  return canonicalScope(rights.filter(chosen).join(" ")) ?? "";
}

/** The resources of a canonical scope, each as "type:name". */
export function resourcesOf(scope: string): string[] {
  return [...(parse(scope) ?? new Map()).keys()];
}

/** The rights of a canonical scope, each as [type, name, action]. */
export function rightsOf(scope: string): [type: string, name: string, action: string][] {
  return [...(parse(scope) ?? [])].flatMap(([resource, actions]) => {
    const colon = resource.indexOf(":");
    return [...actions].map((a): [string, string, string] => [resource.slice(0, colon), resource.slice(colon + 1), a]);
  });
}

// Source: OCI distribution specification 1.1, "Pulling manifests".
const nameRE = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const isName = (name: string | null) => name !== null && name.length <= 255 && nameRE.test(name);

/** What a request needs, as far as its method and URL tell. */
export interface Required {
  /** Canonical; "" where the registry's challenge must tell. */
  scope: string;
  /** "" where there is none. */
  repository: string;
}

/** Derives the scope that the registry will ask for. */
export function required(method: string, url: URL): Required {
  const unknown = { scope: "", repository: "" };
  let path: string;
  try {
    path = decodeURIComponent(url.pathname); // names are written with "/" or "%2F"
  } catch {
    return unknown;
  }
  if (path === "/v2/_catalog" || path === "/acr/v1/_catalog") {
    return { scope: isRead(method) ? catalog : "", repository: "" };
  }
  const [name, actions] = path.startsWith("/v2/")
    ? readDistribution(method, path.slice("/v2/".length))
    : path.startsWith("/acr/v1/")
      ? readMetadata(method, path.slice("/acr/v1/".length))
      : ["", undefined];
  if (actions === undefined || !isName(name)) {
    return unknown;
  }
  const scope: Scope = new Map();
  add(scope, `repository:${name}`, actions);
  const from = url.searchParams.get("from");
  if (actions === push && url.searchParams.get("mount") && isName(from)) {
    add(scope, `repository:${from}`, pull); // a mount needs both repositories in one token
  }
  return { scope: format(scope), repository: name };
}

type Read = [name: string, actions: string[] | undefined];

const pull = ["pull"];
const push = ["pull", "push"];
const uploadStatus = ["pull", "push"]; // what push asks for; not a mount
const remove = ["delete"];
const metadataRead = ["metadata_read"];
const metadataWrite = ["metadata_write"];

const isRead = (method: string) => method === "GET" || method === "HEAD";

function pick(
  method: string,
  of: { read?: string[]; PUT?: string[]; PATCH?: string[]; POST?: string[]; DELETE?: string[] },
): string[] | undefined {
  return isRead(method) ? of.read : of[method as "PUT" | "PATCH" | "POST" | "DELETE"];
}

/** Reads what follows /v2/: the last "manifests", "blobs", … decides, since a name may hold them. */
function readDistribution(method: string, rest: string): Read {
  const parts = rest.split("/");
  const [third, second, last] = [parts.at(-3), parts.at(-2), parts.at(-1) ?? ""];
  const as = (tail: number, actions: string[] | undefined): Read => [parts.slice(0, -tail).join("/"), actions];
  if (parts.length < 3) {
    return ["", undefined];
  }
  if (second === "manifests" && last !== "") {
    return as(2, pick(method, { read: pull, PUT: push, DELETE: remove }));
  }
  if (second === "tags" && last === "list") {
    return as(2, pick(method, { read: metadataRead }));
  }
  if (second === "referrers" && last !== "") {
    return as(2, pick(method, { read: pull }));
  }
  if (second === "uploads" && third === "blobs") {
    return as(3, pick(method, { read: uploadStatus, POST: push, PUT: push, PATCH: push, DELETE: remove }));
  }
  if (second === "blobs" && last === "uploads" && method === "POST") {
    return as(2, push);
  }
  if (second === "blobs" && last !== "") {
    return as(2, pick(method, { read: pull, DELETE: remove }));
  }
  return ["", undefined];
}

/** Reads what follows /acr/v1/. No part of a name begins with "_". */
function readMetadata(method: string, rest: string): Read {
  const mark = ["/_tags", "/_manifests"].find((m) => rest.includes(m));
  const name = mark === undefined ? rest : rest.slice(0, rest.indexOf(mark));
  const tail = mark === undefined ? "" : rest.slice(name.length + mark.length);
  if (tail !== "" && !tail.startsWith("/")) {
    return ["", undefined];
  }
  return [name, pick(method, { read: metadataRead, PATCH: metadataWrite, DELETE: remove })];
}
