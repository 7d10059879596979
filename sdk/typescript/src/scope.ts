/** The longest scope text that is read, in characters; it travels in a header. */
export const maxScope = 64 << 10;

/** The scope that lists a registry's repositories. */
export const catalog = "registry:catalog:*";

/**
 * Returns the canonical text of a scope: resources and actions in order, none twice. The empty
 * text is the empty scope; undefined is no scope at all.
 */
export function canonicalScope(text: string): string | undefined {
  const actionsOf = new Map<string, Set<string>>();
  for (const item of text.split(" ").filter((i) => i !== "")) {
    const [first, last] = [item.indexOf(":"), item.lastIndexOf(":")];
    const [resource, actions] = [item.slice(0, last), item.slice(last + 1).split(",")];
    if (text.length > maxScope || !/^[!#-[\]-~]+$/.test(item) || first <= 0 || last <= first + 1) {
      return undefined;
    }
    if (actions.includes("")) {
      return undefined;
    }
    actionsOf.set(resource, new Set([...(actionsOf.get(resource) ?? []), ...actions]));
  }
  // By type, then name: a colon alone would sort behind "-", "." and "/".
  const key = (resource: string) => resource.replace(":", "\0");
  const items = [...actionsOf].sort(([a], [b]) => (key(a) < key(b) ? -1 : 1));
  return items.map(([resource, actions]) => `${resource}:${[...actions].sort().join(",")}`).join(" ");
}

/** The resources of a canonical scope ("repository:samples/app"), each with its actions. */
export function resourcesOf(scope: string): [resource: string, actions: string[]][] {
  return scope.split(" ").flatMap((item): [string, string[]][] => {
    const colon = item.lastIndexOf(":");
    return item === "" ? [] : [[item.slice(0, colon), item.slice(colon + 1).split(",")]];
  });
}

function select(scope: string, chosen: (resource: string, action: string) => boolean): string {
  const kept = resourcesOf(scope).map(([r, actions]) => [r, actions.filter((a) => chosen(r, a))] as const);
  return kept.flatMap(([r, actions]) => (actions.length === 0 ? [] : `${r}:${actions.join(",")}`)).join(" ");
}

/** The rights of whole that part does not hold. All are canonical. */
export function minus(whole: string, part: string): string {
  const have = new Map(resourcesOf(part));
  return select(whole, (resource, action) => have.get(resource)?.includes(action) !== true);
}

/** The rights of scope on resources that other names too. All are canonical. */
export function onSameResources(scope: string, other: string): string {
  const named = new Map(resourcesOf(other));
  return select(scope, (resource) => named.has(resource));
}

// Source: OCI distribution specification 1.1, "Pulling manifests".
const nameRE = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const isName = (name: string) => name.length <= 255 && nameRE.test(name);

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
  const verb = method === "HEAD" ? "GET" : method;
  if (path === "/v2/_catalog" || path === "/acr/v1/_catalog") {
    return verb === "GET" ? { scope: catalog, repository: "" } : unknown;
  }
  const [, api, rest = ""] = /^\/(v2|acr\/v1)\/(.*)$/s.exec(path) ?? [];
  const [repository, actions] = api === "v2" ? readDistribution(verb, rest) : readMetadata(verb, api ? rest : "");
  if (actions === undefined || !isName(repository)) {
    return unknown;
  }
  const from = url.searchParams.get("from") ?? "";
  // A mount needs both repositories in one token.
  const source = actions === push && url.searchParams.get("mount") && isName(from) ? ` repository:${from}:pull` : "";
  return { scope: canonicalScope(`repository:${repository}:${actions}${source}`) ?? "", repository };
}

type Read = [repository: string, actions: string | undefined];

const push = "pull,push";
const manifest: Record<string, string> = { GET: "pull", PUT: push, DELETE: "delete" };
const blob: Record<string, string> = { GET: "pull", DELETE: "delete" };
const upload: Record<string, string> = { GET: push, POST: push, PUT: push, PATCH: push, DELETE: "delete" };
const metadata: Record<string, string> = { GET: "metadata_read", PATCH: "metadata_write", DELETE: "delete" };

/** Reads what follows /v2/: the last "manifests", "blobs", … decides, since a name may hold them. */
function readDistribution(verb: string, rest: string): Read {
  const parts = rest.split("/");
  const [third, second, last] = [parts.at(-3), parts.at(-2), parts.at(-1)];
  const nameBefore = (tail: number) => parts.slice(0, -tail).join("/");
  if (second === "uploads" && third === "blobs") {
    return [nameBefore(3), upload[verb]];
  }
  if (second === "blobs" && last === "uploads" && verb === "POST") {
    return [nameBefore(2), push];
  }
  if (second === "tags" && last === "list") {
    return [nameBefore(2), verb === "GET" ? "metadata_read" : undefined];
  }
  const tables: Record<string, Record<string, string>> = {
    manifests: manifest,
    blobs: blob,
    referrers: { GET: "pull" },
  };
  return [nameBefore(2), last === "" ? undefined : tables[second ?? ""]?.[verb]];
}

/** Reads what follows /acr/v1/. No part of a name begins with "_". */
function readMetadata(verb: string, rest: string): Read {
  const mark = ["/_tags", "/_manifests"].find((m) => rest.includes(m));
  const name = mark === undefined ? rest : rest.slice(0, rest.indexOf(mark));
  const tail = mark === undefined ? "" : rest.slice(name.length + mark.length);
  return [name, tail === "" || tail.startsWith("/") ? metadata[verb] : undefined];
}
