import { canonicalScope } from "./scope.js";

/** The longest token that is read or sent, in characters; it travels in a header. */
export const maxToken = 64 << 10;

/** How long a token is used that does not say its life, in seconds. */
export const unknownLife = 60;

/** The longest life that a claim is believed, in seconds. ACR's longest is three hours. */
export const longestLife = 24 * 60 * 60;

/** What goes with a name as its password. */
export type Kind = "password" | "refresh_token" | "entra_token" | "access_token";

type Claims = Record<string, unknown>;

/** Reads the claims of a signed token (RFC 7519). They are not verified, and nothing is opened by them. */
function readClaims(token: string): Claims | undefined {
  const parts = token.split(".");
  if (token.length > maxToken || parts.length !== 3) {
    return undefined;
  }
  const payload = (parts[1] ?? "").replace(/=+$/, "");
  if (!/^[A-Za-z0-9_-]+$/.test(payload)) {
    return undefined;
  }
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof claims === "object" && claims !== null && !Array.isArray(claims) ? (claims as Claims) : undefined;
  } catch {
    return undefined;
  }
}

// Source: the audiences that the official clients list for each cloud.
const resourceManagers = [
  "management.azure.com",
  "management.core.windows.net",
  "management.usgovcloudapi.net",
  "management.core.usgovcloudapi.net",
  "management.chinacloudapi.cn",
  "management.core.chinacloudapi.cn",
];

/** Users under whose name clients keep an ACR refresh token. */
const refreshUsers = ["00000000-0000-0000-0000-000000000000", "<token>"];

/** Tells what a password is. */
export function kindOf(name: string, password: string): Kind {
  const claims = readClaims(password);
  if (claims?.iss === "Azure Container Registry") {
    return claims.grant_type === "access_token" ? "access_token" : "refresh_token";
  }
  if (claims !== undefined && isEntra(claims)) {
    return "entra_token";
  }
  return refreshUsers.includes(name) ? "refresh_token" : "password";
}

function isEntra(claims: Claims): boolean {
  const issuer = claims.iss;
  if (typeof issuer === "string" && URL.canParse(issuer) && new URL(issuer).protocol === "https:") {
    return true;
  }
  return audiencesOf(claims).some((a) => a === "containerregistry.azure.net" || resourceManagers.includes(a));
}

function audiencesOf(claims: Claims): string[] {
  const bare = (audience: unknown) => String(audience).replace(/^https:\/\/|\/+$/g, "");
  return [claims.aud].flat().map((audience) => bare(audience).toLowerCase());
}

/** Reports whether a token opens Azure Resource Manager, in any cloud: it can do far more than pull. */
export function isForResourceManager(token: string): boolean {
  const claims = readClaims(token);
  return claims !== undefined && audiencesOf(claims).some((a) => resourceManagers.includes(a));
}

/** How long a token is used after its receipt, in seconds. */
export interface Life {
  life: number;
  /** The next request after this renews it. */
  renew: number;
  /** It is not used after this: a request takes time to arrive. */
  ends: number;
}

/** The end of its life in which a token is not used, in seconds; short lives spare a tenth. */
const unusedEnd = 10;

/**
 * Returns how long a token lives: its end less the Date of the answer that brought it, both the
 * service's own, since this machine's clock may be hours off.
 */
export function lifeOf(token: string, date: string | undefined): Life {
  const expires = readClaims(token)?.exp;
  const sent = Date.parse(date ?? "") / 1000;
  const believed = typeof expires === "number" && expires > 0 && expires <= year9999;
  const left = believed ? Math.floor(expires) - sent : Number.NaN;
  const life = left > 0 ? Math.min(left, longestLife) : unknownLife;
  return { life, renew: (life / 10) * 8, ends: life - Math.min(unusedEnd, life / 10) };
}

/** The last second of the year 9999: what is later is no date. */
const year9999 = 253402300799;

/** Returns what an access token's own claim grants, canonical; undefined if it does not say. */
export function grantedBy(token: string): string | undefined {
  const access = readClaims(token)?.access;
  if (access === undefined || (access !== null && !Array.isArray(access))) {
    return undefined;
  }
  const items: string[] = [];
  for (const item of access ?? []) {
    const of = (key: string): unknown => item?.[key] ?? item?.[key[0]?.toUpperCase() + key.slice(1)];
    const actions = of("actions") ?? [];
    if (typeof of("type") !== "string" || typeof of("name") !== "string" || !Array.isArray(actions)) {
      return undefined;
    }
    if (actions.length > 0) {
      items.push(`${of("type")}:${of("name")}:${actions.join(",")}`);
    }
  }
  return canonicalScope(items.join(" "));
}
