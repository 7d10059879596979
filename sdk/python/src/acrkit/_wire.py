"""What registries and token services read and write: names, scopes, challenges, tokens.

Everything here is a function of its arguments. The rules are those of acrkit's Go
packages; testdata/vectors holds both to the same answers.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qs, unquote

MAX_TOKEN = 64 << 10  # bytes; a token travels in a header, and servers stop at 8 to 64 KiB of those
MAX_SCOPE = 64 << 10  # bytes, likewise
MAX_CHALLENGE = MAX_SCOPE + (4 << 10)  # bytes: the longest scope, with room for the rest
MAX_REPOSITORY_NAME = 255  # bytes, as registries and clients of the OCI specification have it
UNKNOWN_LIFE = 60.0  # seconds; OAuth-based registries promise no less (distribution, "Token Authentication")
LONGEST_LIFE = 24 * 3600.0  # seconds; bounds what a broken claim can say. ACR's longest is three hours

# The words of scopes, and the actions of scope maps that they stand for.
ACTIONS = {
    "pull": "content/read",
    "push": "content/write",
    "delete": "content/delete",
    "metadata_read": "metadata/read",
    "metadata_write": "metadata/write",
}


class EndpointError(ValueError):
    """An endpoint that no credential goes to. Where key is not "", it names the sentence to show with host."""

    def __init__(self, text: str, key: str = "", host: str = "") -> None:
        super().__init__(text)
        self.key, self.host = key, host


@dataclass(frozen=True)
class Registry:
    """A login server: host in lower case, with its port where that is not 443."""

    host: str

    @property
    def url(self) -> str:
        return "https://" + self.host

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        return _split_port(self.host)[0].strip("[]")

    @property
    def name(self) -> str:
        return self.hostname.partition(".")[0]

    @property
    def cloud(self) -> str:
        """The suffix of ACR's login servers that the host has, or ""."""
        match = re.fullmatch(r"[^.]+(?:\.[^.]+\.geo)?\.(azurecr\.(?:io|us|cn))", self.host)
        return match.group(1) if match else ""

    @property
    def is_loopback(self) -> bool:
        """Whether the name alone says this machine. Nothing is resolved."""
        host = self.hostname
        if host == "localhost" or host.endswith(".localhost"):
            return True
        address = _address(host)
        return address is not None and (getattr(address, "ipv4_mapped", None) or address).is_loopback

    def is_home(self, url: str) -> bool:
        """Whether a URL has the registry's origin. What is not plainly so is another one."""
        match = re.match(r"https://([a-z0-9._:\[\]-]+)(?:[/?#]|\Z)", url, re.IGNORECASE | re.ASCII)
        if not match:
            return False
        host, port = _split_port(match.group(1).lower())
        address = _address(host.strip("[]"))
        host = _address_text(address) if address else host
        mine, my_port = _split_port(self.host)
        return host == mine and (port or "443") == (my_port or "443")

    def is_realm(self, realm: str) -> bool:
        """Whether a challenge may name this token service: the registry's own, or, for a regional
        endpoint, that of its registry. It is never called; tokens are asked for at our origin."""
        if self.is_home(realm):
            return True
        match = re.match(r"https://([a-z0-9.-]+)(?::443)?(?:/|\Z)", realm, re.IGNORECASE | re.ASCII)
        other = Registry(match.group(1).lower() if match else "")
        return bool(self.cloud) and other.cloud == self.cloud and other.name == self.name


def _split_port(host: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", host)
    return (match.group(1), match.group(2)) if match else (host, "")


def _address(host: str) -> Any:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _address_text(address: Any) -> str:
    if address.version == 4:
        return str(address)
    return f"[::ffff:{address.ipv4_mapped}]" if address.ipv4_mapped else f"[{address.compressed}]"


_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"


def parse_endpoint(text: object, custom_login_server: bool = False) -> Registry:
    """Reads a bare name, a login server or its https URL, and refuses a host that no credential goes to."""
    if not isinstance(text, str):
        raise TypeError(f"endpoint must be a str such as 'https://myregistry.azurecr.io', not {type(text).__name__}")

    def shown(part: str) -> str:  # without user information and query, where a URL carries secrets
        return re.sub(r"([?#]).+", r"\1…", re.sub(r".*@", "…@", part, flags=re.DOTALL), flags=re.DOTALL)[:120]

    def bad(why: str) -> NoReturn:
        raise EndpointError(f"endpoint {shown(text)!r} {why}")

    if not text:
        bad("is empty; it is a registry's name or login server, such as 'myregistry.azurecr.io'")
    if text != text.strip():
        bad("begins or ends with white space")
    if text[:7].lower() == "http://":
        raise EndpointError("plain HTTP", "plain_http", shown(text[7:].partition("/")[0]))
    rest = text[8:] if text[:8].lower() == "https://" else text
    if "@" in rest.partition("/")[0]:
        bad("must not carry a user name or password")
    if re.search(r"[?#]", rest):
        bad("must be a host name alone")
    host, _, path = rest.partition("/")
    if path:
        bad("must be a host name alone, without a path")
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", host, re.DOTALL)
    if not match or not host.isascii():
        bad("is not a host name")
    host, port = match.group(1).lower(), match.group(2)
    if port == "":
        bad("has an empty port")
    if port is not None and not (re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) < 1 << 16):
        bad("has a bad port")
    bare = False
    address = _address(host.strip("[]"))
    if address is not None and (address.version == 6) == host.startswith("["):
        if getattr(address, "scope_id", None) is not None:
            bad("has an IPv6 zone")
        host = _address_text(address)
    elif len(host) > 253 or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", host):
        bad("is not a host name")
    elif "." not in host and host != "localhost":
        if port is None:
            host += ".azurecr.io"
        else:
            bare = True  # a machine by its bare name: without the port it would read as a registry's name
    registry = Registry(host if port is None or (port == "443" and not bare) else f"{host}:{port}")
    if not (registry.cloud or registry.is_loopback or custom_login_server):
        raise EndpointError("not a login server", "other_host", registry.host)
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
                raise ValueError("malformed scope")
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
_READ, _PUSH = ("pull",), ("pull", "push")
_ROUTES: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    (r"/v2/(.+)/manifests/[^/]+", {"GET": _READ, "HEAD": _READ, "PUT": _PUSH, "DELETE": ("delete",)}),
    (r"/v2/(.+)/tags/list", {"GET": ("metadata_read",), "HEAD": ("metadata_read",)}),
    (r"/v2/(.+)/referrers/[^/]+", {"GET": _READ, "HEAD": _READ}),
    (r"/v2/(.+)/blobs/uploads/?", {"POST": _PUSH}),
    (
        r"/v2/(.+)/blobs/uploads/[^/]*",
        {"GET": _PUSH, "HEAD": _PUSH, "POST": _PUSH, "PUT": _PUSH, "PATCH": _PUSH, "DELETE": ("delete",)},
    ),
    (r"/v2/(.+)/blobs/[^/]+", {"GET": _READ, "HEAD": _READ, "DELETE": ("delete",)}),
)
_METADATA = {"GET": "metadata_read", "HEAD": "metadata_read", "PATCH": "metadata_write", "DELETE": "delete"}


def required_scope(method: str, url: str) -> Scope:
    """The scope that ACR will ask for, from method and URL; empty where they do not tell.

    Names may be written with "/" or "%2F".
    """
    match = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)(?:\?([^#]*))?", url)
    path, query = unquote(match.group(1) if match else ""), (match.group(2) if match else "") or ""
    nothing = Scope()
    if path in ("/v2/_catalog", "/acr/v1/_catalog"):
        return CATALOG if method in ("GET", "HEAD") else nothing
    if path.startswith("/acr/v1/"):
        found = re.match(r"/acr/v1/(.*?)/_tags(?:/.*)?$", path, re.DOTALL) if "/_tags" in path else None
        if found is None and "/_tags" not in path:
            found = re.match(r"/acr/v1/(.*?)/_manifests(?:/.*)?$", path, re.DOTALL)
        name = found.group(1) if found else path[len("/acr/v1/") :]
        word = _METADATA.get(method)
        return on_repository(name, word) if word and is_repository(name) else nothing
    for pattern, methods in _ROUTES:
        route = re.fullmatch(pattern, path, re.DOTALL)
        if route is None:
            continue
        if method not in methods:
            if pattern.endswith("/?"):
                continue  # a path that ends with uploads/ is an upload to every other method
            return nothing
        name = route.group(1)
        if not is_repository(name):
            return nothing
        scope = on_repository(name, *methods[method])
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


class ChallengeError(ValueError):
    """A header without a Bearer challenge that can be read; why is "none", "malformed" or "too_large"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(rf"[ \t,]*({_TOKEN})")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)")
_QUOTED = r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)"'
_PARAMETER = re.compile(rf"[ \t,]*({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|{_QUOTED})[ \t]*(?=,|$)")


def parse_challenge(headers: Iterable[str]) -> Challenge:
    """The first Bearer challenge of the values of WWW-Authenticate (RFC 9110 §11.6.1); raises ChallengeError.

    Several challenges may stand in one value. A parameter that stands twice is malformed: another reader would
    see another challenge.
    """
    found: dict[str, str] | None = None
    for value in headers:
        if len(value) > MAX_CHALLENGE:
            raise ChallengeError("too_large")
        at = 0
        while value[at:].strip(" \t,"):
            scheme = _SCHEME.match(value, at)
            if scheme is None:
                raise ChallengeError("malformed")
            at = scheme.end()
            parameters: dict[str, str] = {}
            word = _TOKEN68.match(value, at)
            if word is not None:
                at = word.end()
            else:
                first = True
                while True:
                    parameter = _PARAMETER.match(value, at)
                    if parameter is None or (first and not value[at : at + 1].isspace()):
                        break
                    name = parameter.group(1).lower()
                    if name in parameters:
                        raise ChallengeError("malformed")
                    quoted = parameter.group(3)
                    parameters[name] = parameter.group(2) or re.sub(r"\\(.)", r"\1", quoted or "")
                    at, first = parameter.end(), False
            if value[at:].strip(" \t") and not value[at:].lstrip(" \t").startswith(","):
                raise ChallengeError("malformed")
            if found is None and scheme.group(1).lower() == "bearer":
                found = parameters
    if found is None:
        raise ChallengeError("none")
    text = found.get("scope", "")
    if len(text) > MAX_SCOPE:
        raise ChallengeError("too_large")
    try:
        scope = Scope.parse(text)
    except ValueError:
        raise ChallengeError("malformed") from None
    return Challenge(found.get("realm", ""), found.get("service", ""), scope, found.get("error", ""))


def read_claims(token: str) -> dict[str, Any] | None:
    """The claims of a signed token (RFC 7519, compact form), or None. They are evidence: nothing is verified."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3:
        return None

    def no_number(_: str) -> NoReturn:
        raise ValueError("not a number of JSON")

    try:
        part = parts[1].rstrip("=")
        data = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
        claims = json.loads(data, parse_constant=no_number)
    except (ValueError, binascii.Error, RecursionError):
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


# The audiences of Azure Resource Manager in each cloud. Source: those that the official clients list.
_RESOURCE_MANAGERS = {
    "management.azure.com",
    "management.core.windows.net",
    "management.usgovcloudapi.net",
    "management.core.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "management.core.chinacloudapi.cn",
}
_REFRESH_TOKEN_USERS = ("00000000-0000-0000-0000-000000000000", "<token>")


def _audiences(claims: dict[str, Any]) -> set[str]:
    audience = claims.get("aud")
    texts = audience if isinstance(audience, list) else [audience]
    return {re.sub(r"^https://", "", a.rstrip("/")).lower() for a in texts if isinstance(a, str)}


def is_for_resource_manager(token: str) -> bool:
    """Whether a token opens Azure Resource Manager, and so can do far more than pull."""
    return bool(_audiences(read_claims(token) or {}) & _RESOURCE_MANAGERS)


def password_kind(user: str, password: str) -> str:
    """What a password is: "password", "refresh_token", "entra_token" or "access_token" (the last two of ACR)."""
    claims = read_claims(password)
    if claims is not None:
        issuer = claims.get("iss")
        if issuer == "Azure Container Registry":
            return "access_token" if claims.get("grant_type") == "access_token" else "refresh_token"
        known = _audiences(claims) & {"containerregistry.azure.net", *_RESOURCE_MANAGERS}
        if known or (isinstance(issuer, str) and re.match(r"https://[^/?#]+", issuer)):
            return "entra_token"
    return "refresh_token" if user in _REFRESH_TOKEN_USERS else "password"


def check_secret(what: str, value: object) -> str:
    """Returns a secret that can be sent; raises TypeError or ValueError, without a character of it."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{what} is empty")
    if value != value.strip():
        raise ValueError(f"{what} begins or ends with white space (perhaps a line feed from a file)")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError(f"{what} has a control character")
    if re.search(r"[\ud800-\udfff]", value):
        raise ValueError(f"{what} is not text that can be sent")  # encoding it would raise an error that holds it
    return value
