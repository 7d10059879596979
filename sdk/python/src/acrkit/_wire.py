"""What registries and token services read and write: names, scopes, challenges, tokens.

Everything here is a function of its arguments. The rules are those of acrkit's Go
packages; testdata/vectors holds both to the same answers.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from ._text import message

MAX_TOKEN = 64 << 10  # bytes; a token travels in a header, and servers stop at 8 to 64 KiB of those
MAX_SCOPE = 64 << 10  # bytes, likewise
MAX_CHALLENGE = MAX_SCOPE + (4 << 10)  # bytes: the longest scope, with room for the rest
MAX_REPOSITORY_NAME = 255  # bytes, as registries and clients of the OCI specification have it
UNKNOWN_LIFE = 60.0  # seconds; OAuth-based registries promise no less (distribution, "Token Authentication")
LONGEST_LIFE = 24 * 3600.0  # seconds; bounds what a broken claim can say. ACR's longest is three hours

# The words of scopes, and the actions of scope maps that they mean.
ACTIONS = {
    "pull": "content/read",
    "push": "content/write",
    "delete": "content/delete",
    "metadata_read": "metadata/read",
    "metadata_write": "metadata/write",
}


@dataclass(frozen=True)
class Registry:
    """A login server: host in lower case, with its port where that is not 443."""

    host: str

    @property
    def url(self) -> str:
        return "https://" + self.host

    @property
    def name(self) -> str:
        return self.host.partition(".")[0]

    @property
    def cloud(self) -> str:
        """The suffix of ACR's login servers that the host has, or ""."""
        match = re.fullmatch(r"[^.]+(?:\.[^.]+\.geo)?\.(azurecr\.(?:io|us|cn))", self.host)
        return match.group(1) if match else ""

    @property
    def service(self) -> str:
        """The login server that tokens are asked for: at a regional endpoint, that of its registry."""
        return _REGIONAL.sub(r"\1\2", self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether the name alone says this machine. Nothing is resolved."""
        host, _ = _split(self.host)
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback

    def is_home(self, url: str) -> bool:
        """Whether a URL has the registry's origin. In doubt it has not."""
        return _origin(url) == _split(self.host)

    def is_realm(self, realm: str) -> bool:
        """Whether a challenge may name this token service: the registry's own or, for a regional
        endpoint, that of its login server. It is never called; tokens are asked for at our origin."""
        return self.is_home(realm) or Registry(self.service).is_home(realm)


# A regional endpoint of Azure's and, at any port, of the emulator's.
_REGIONAL = re.compile(r"\A([^.:]+)\.[^.:]+\.geo(\.azurecr\.(?:(?:io|us|cn)|localhost(?::\d+)?))\Z", re.ASCII)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_AUTHORITY = re.compile(
    rf"(\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?", re.IGNORECASE | re.ASCII
)


def _split(authority: str) -> tuple[str, int]:
    """A host in its one spelling, and the port, 443 by default; raises ValueError."""
    match = _AUTHORITY.fullmatch(authority)
    if not match or len(match.group(1)) > 253 or int(match.group(2) or 443) >= 1 << 16:
        raise ValueError("no host")
    host = match.group(1).lower()
    if host.startswith("["):
        address = ipaddress.IPv6Address(host[1:-1])
        host = f"[::ffff:{address.ipv4_mapped}]" if address.ipv4_mapped else f"[{address.compressed}]"
    return host, int(match.group(2) or 443)


def _origin(url: str) -> tuple[str, int] | None:
    match = re.match(r"https://([^/?#]+)", url, re.IGNORECASE | re.ASCII)
    try:
        return _split(match.group(1)) if match else None
    except ValueError:
        return None


def parse_endpoint(text: object, custom_login_server: bool = False) -> Registry:
    """Reads a bare name, a login server or its https URL; raises ValueError for a host that no credential goes to."""
    if not isinstance(text, str):
        raise TypeError(f"endpoint must be a str such as 'https://myregistry.azurecr.io', not {type(text).__name__}")
    # What is shown is without user information and query, where a URL carries secrets.
    shown = re.sub(r"([?#]).+", r"\1…", re.sub(r".*@", "…@", text, flags=re.DOTALL), flags=re.DOTALL)[:120]
    scheme, rest = re.fullmatch(r"(https?://)?(.*)", text, re.IGNORECASE | re.DOTALL).groups()  # type: ignore[union-attr]
    authority, _, path = rest.partition("/")
    if (scheme or "").lower() == "http://":
        raise ValueError(message("plain_http", {"host": shown[len(scheme) :].partition("/")[0]}))
    why = ""
    if not text:
        why = "is empty; it is a registry's name or login server, such as 'myregistry.azurecr.io'"
    elif text != text.strip():
        why = "begins or ends with white space"
    elif "@" in authority:
        why = "must not carry a user name or password"
    elif path:
        why = "must be a host name alone, without a path"
    try:
        host, port = _split(authority)
    except ValueError:
        why = why or "is not the name of a host"
    if why:
        raise ValueError(f"endpoint {shown!r} {why}")
    if "." not in host and host != "localhost" and not host.startswith("["):
        # With a port it is a machine; without, it would read as a registry's name.
        host += f":{port}" if ":" in authority else ".azurecr.io"
    elif port != 443:
        host += f":{port}"
    registry = Registry(host)
    if not (registry.cloud or registry.is_loopback or custom_login_server):
        text = message("other_host", {"host": registry.host})
        raise ValueError(f"{text}; if it is yours under another name, say custom_login_server=True")
    return registry


class Scope(frozenset[tuple[str, str, str]]):
    """A set of rights: triples of type, name and word. str() is the canonical text."""

    def __str__(self) -> str:
        words: dict[tuple[str, str], list[str]] = {}
        for kind, name, word in sorted(self):
            words.setdefault((kind, name), []).append(word)
        return " ".join(f"{kind}:{name}:{','.join(w)}" for (kind, name), w in words.items())

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Reads TYPE:NAME:ACTION[,ACTION…], separated by spaces; raises ValueError."""
        rights = []
        for item in text.split(" "):
            if not item:
                continue
            match = re.fullmatch(r"([^:]+):(.+):([^:,]+(?:,[^:,]+)*)", item)
            if not match or re.search(r'[^!-~]|["\\]', item):
                raise ValueError("malformed")
            rights += [(match.group(1), match.group(2), word) for word in match.group(3).split(",")]
        return cls(rights)


CATALOG = Scope([("registry", "catalog", "*")])


def on_repository(name: str, *words: str) -> Scope:
    return Scope(("repository", name, word) for word in words)


_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")


def is_repository(name: str) -> bool:
    return len(name) <= MAX_REPOSITORY_NAME and bool(_NAME.fullmatch(name))


# What a path names, and the words that each method needs there. In the parts of a path the last "manifests",
# "blobs" and so on decides, because a name may hold such a word, and what follows never holds a slash.
# Source: the scopes of recorded challenges.
_READ, _PUSH, _METADATA = ("pull",), ("pull", "push"), ("metadata_read",)
_ROUTES: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    (r"/v2/(.+)/manifests/[^/]+", {"GET": _READ, "HEAD": _READ, "PUT": _PUSH, "DELETE": ("delete",)}),
    (r"/v2/(.+)/tags/list", {"GET": _METADATA, "HEAD": _METADATA}),
    (r"/v2/(.+)/referrers/[^/]+", {"GET": _READ, "HEAD": _READ}),
    (r"/v2/(.+)/blobs/uploads/?", {"POST": _PUSH}),
    (
        r"/v2/(.+)/blobs/uploads/[^/]*",
        {"GET": _PUSH, "HEAD": _PUSH, "POST": _PUSH, "PUT": _PUSH, "PATCH": _PUSH, "DELETE": ("delete",)},
    ),
    (r"/v2/(.+)/blobs/[^/]+", {"GET": _READ, "HEAD": _READ, "DELETE": ("delete",)}),
    (
        r"/acr/v1/(.+?)(?:/_(?:tags|manifests)(?:/.*)?)?",
        {"GET": _METADATA, "HEAD": _METADATA, "PATCH": ("metadata_write",), "DELETE": ("delete",)},
    ),
)


def required_scope(method: str, url: str) -> Scope:
    """The scope that ACR will ask for, from method and URL; empty where they do not tell.

    Names may be written with "/" or "%2F".
    """
    match = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)(?:\?([^#]*))?", url)
    path, query = unquote(match.group(1) if match else ""), (match.group(2) if match else "") or ""
    nothing = Scope()
    if path in ("/v2/_catalog", "/acr/v1/_catalog"):
        return CATALOG if method in ("GET", "HEAD") else nothing
    for pattern, methods in _ROUTES:
        route = re.fullmatch(pattern, path, re.DOTALL)
        if route is None or method not in methods or not is_repository(route.group(1)):
            continue
        scope = on_repository(route.group(1), *methods[method])
        asked = parse_qs(query, keep_blank_values=True)
        source = asked.get("from", [""])[0]
        if methods[method] == _PUSH and asked.get("mount", [""])[0] and is_repository(source):
            # A mount needs both repositories in one token (recorded).
            scope = Scope(scope | on_repository(source, "pull"))
        return scope
    return nothing


class Challenge(NamedTuple):
    """A Bearer challenge of a WWW-Authenticate header."""

    realm: str
    service: str
    scope: Scope
    error: str


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
_PARAMETER = rf"{_TOKEN}[ \t]*=[ \t]*(?:{_TOKEN}|{_QUOTED})"
_PARAMETERS = rf"({_PARAMETER}(?:[ \t]*,[ \t,]*{_PARAMETER})*)"
_CHALLENGE = re.compile(rf"[ \t,]*({_TOKEN})(?:[ \t]+(?:{_PARAMETERS}|[A-Za-z0-9\-._~+/]+=*))?[ \t]*(?=,|\Z)")


def parse_challenge(headers: Iterable[str]) -> Challenge:
    """The first Bearer challenge of the values of WWW-Authenticate (RFC 9110 §11.6.1).

    One value may have several challenges. A parameter that occurs twice is malformed: another reader would
    see another challenge. Raises ValueError("none"), ("malformed") or ("too_large").
    """
    found: dict[str, str] | None = None
    for value in headers:
        if len(value) > MAX_CHALLENGE:
            raise ValueError("too_large")
        value, at = value.strip(" \t,"), 0
        while at < len(value):
            challenge = _CHALLENGE.match(value, at)
            if challenge is None:
                raise ValueError("malformed")
            at = challenge.end()
            parameters: dict[str, str] = {}
            for name, text in re.findall(rf"({_TOKEN})[ \t]*=[ \t]*({_TOKEN}|{_QUOTED})", challenge.group(2) or ""):
                if name.lower() in parameters:
                    raise ValueError("malformed")
                parameters[name.lower()] = text
            if found is None and challenge.group(1).lower() == "bearer":
                found = parameters
    if found is None:
        raise ValueError("none")
    found = {name: re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text for name, text in found.items()}
    if len(found.get("scope", "")) > MAX_SCOPE:
        raise ValueError("too_large")
    scope = Scope.parse(found.get("scope", ""))
    return Challenge(found.get("realm", ""), found.get("service", ""), scope, found.get("error", ""))


def read_claims(token: str) -> dict[str, Any] | None:
    """The claims of a signed token (RFC 7519, compact form), or None. They are evidence: nothing is verified."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3:
        return None
    try:
        part = parts[1].rstrip("=")
        data = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
        claims = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def life_of(token: str, date: str | None) -> float:
    """How long a token lives from its receipt, in seconds: its expiry minus the Date of its own answer.

    This machine's clock may be hours off and has no part in it. Where the two say that the token had ended when it
    came, they are of two clocks that differ: believing them would be a token request for each request.
    """
    expires = (read_claims(token) or {}).get("exp")
    if isinstance(expires, bool) or not isinstance(expires, (int, float)) or not 0 < expires <= 253402300799:
        return UNKNOWN_LIFE
    try:
        life = int(expires) - parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return UNKNOWN_LIFE
    return min(life, LONGEST_LIFE) if life > 0 else UNKNOWN_LIFE


def ends_after(life: float) -> float:
    """When a token is not used any more: a request takes time to arrive. Short lives spare a tenth."""
    return life - min(10.0, life / 10)
