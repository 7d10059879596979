/** The scope that lists a registry's repositories. */
export const catalog = "registry:catalog:*";

/** Actions by their resource ("repository:samples/app"), both in order. */
export type Rights = Map<string, string[]>;

/** Reads the text of a scope; undefined if it is none. The empty text is the empty scope. */
export function parseScope(text: string): Rights | undefined {
  const rights: Rights = new Map();
  for (const item of text.split(" ").filter((i) => i !== "")) {
    const [, resource, actions] = /^([^:]+:.+):([^:]+)$/.exec(item) ?? [];
    const all = actions?.split(",") ?? [];
    if (!/^[!#-[\]-~]+$/.test(item) || resource === undefined || all.includes("")) {
      return undefined;
    }
    rights.set(resource, [...new Set([...(rights.get(resource) ?? []), ...all])].sort());
  }
  // By type, then name: a colon alone would sort behind "-", "." and "/".
  const key = (resource: string) => resource.replace(":", "\0");
  return new Map([...rights].sort(([a], [b]) => (key(a) < key(b) ? -1 : 1)));
}

/** Returns the canonical text of a scope; undefined if it is none. */
export function canonicalScope(text: string): string | undefined {
  const rights = parseScope(text);
  return rights && [...rights].map(([resource, actions]) => `${resource}:${actions.join(",")}`).join(" ");
}

/** The rights for which keep holds. */
export function select(rights: Rights, keep: (resource: string, action: string) => boolean): Rights {
  const kept = [...rights].map(([r, actions]): [string, string[]] => [r, actions.filter((a) => keep(r, a))]);
  return new Map(kept.filter(([, actions]) => actions.length > 0));
}

/** The rights of whole that part does not hold. */
export function minus(whole: Rights, part: Rights): Rights {
  return select(whole, (resource, action) => part.get(resource)?.includes(action) !== true);
}

// Source: OCI distribution specification 1.1, "Pulling manifests".
const nameRE = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const isName = (name: string) => name.length <= 255 && nameRE.test(name);

/** What each method needs. */
type Actions = Record<string, string>;

const push = "pull,push";
const manifest: Actions = { GET: "pull", PUT: push, DELETE: "delete" };
const upload: Actions = { GET: push, POST: push, PUT: push, PATCH: push, DELETE: "delete" };
const metadata: Actions = { GET: "metadata_read", PATCH: "metadata_write", DELETE: "delete" };

/** The first path that fits decides. A name may hold "manifests", "blobs", …, but no part that begins with "_". */
const routes: [path: RegExp, actions: Actions][] = [
  [/^\/v2\/(.+)\/blobs\/uploads(?:\/[^/]*)?$/, upload],
  [/^\/v2\/(.+)\/tags\/list$/, { GET: "metadata_read" }],
  [/^\/v2\/(.+)\/manifests\/[^/]+$/, manifest],
  [/^\/v2\/(.+)\/blobs\/[^/]+$/, { GET: "pull", DELETE: "delete" }],
  [/^\/v2\/(.+)\/referrers\/[^/]+$/, { GET: "pull" }],
  [/^\/acr\/v1\/(.+?)(?:\/_(?:tags|manifests)(?:\/.*)?)?$/, metadata],
];

/** Returns the path of a URL as it is meant: names are written with "/" or "%2F". */
export function pathOf(url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    return url.pathname;
  }
}

/**
 * Derives the scope that the registry will ask for, as far as the method and the URL tell:
 * canonical, "" where the challenge must tell. The repository is "" where there is none.
 */
export function required(method: string, url: URL): { scope: string; repository: string } {
  const path = pathOf(url);
  const verb = method === "HEAD" ? "GET" : method;
  if (/^\/(?:v2|acr\/v1)\/_catalog$/.test(path)) {
    return { scope: verb === "GET" ? catalog : "", repository: "" };
  }
  const [route, actions] = routes.find(([r]) => r.test(path)) ?? [];
  const repository = route?.exec(path)?.[1] ?? "";
  const needed = actions?.[verb];
  if (needed === undefined || !isName(repository)) {
    return { scope: "", repository: "" };
  }
  const from = url.searchParams.get("from") ?? "";
  // A mount needs both repositories in one token.
  const source = needed === push && url.searchParams.get("mount") && isName(from) ? ` repository:${from}:pull` : "";
  return { scope: canonicalScope(`repository:${repository}:${needed}${source}`) ?? "", repository };
}
