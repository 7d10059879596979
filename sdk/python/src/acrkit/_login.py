"""Names and passwords, and what is taken for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._text import Secret, quoted
from ._wire import MAX_TOKEN, Registry, read_claims

MAX_SECRET_FILE = 64 << 10  # bytes; anything larger is another file

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
        raise ValueError(f"{what} is not text in UTF-8")  # encoding it would raise an error that holds it
    return value


@dataclass(frozen=True)
class Login:
    """A name and what was given as its password."""

    name: str
    password: Secret
    kind: str  # of password_kind
    which: str = "password"  # for messages

    @classmethod
    def of(cls, registry: Registry, name: object, password: object, which: str = "password") -> Login:
        """Raises TypeError or ValueError, without a character of the password, for what cannot be sent."""
        name = check_secret("the name that goes with the password", name)
        password = check_secret(f"the {which} of token {quoted(name)}", password)
        kind = password_kind(name, password)
        if kind == "access_token":
            raise ValueError("the password is an ACR access token, good for one scope, and not an ACR refresh token")
        if kind != "password" and (len(password) > MAX_TOKEN or not re.fullmatch(r"[!-~]+", password)):
            raise ValueError(f"the {which} is taken for a token and is none: too long, or not printable ASCII")
        if is_for_resource_manager(password) and not (registry.cloud or registry.is_loopback):
            raise ValueError("the Entra token is for Azure Resource Manager, and the host is not one of Microsoft's")
        return cls(name, Secret(password), kind, which)

    @property
    def who(self) -> str:
        names = {"refresh_token": "ACR refresh token", "entra_token": "Entra access token"}
        # What cannot be a name is not shown: it may be the password in the name's place.
        is_name = re.fullmatch(r"[A-Za-z0-9<][A-Za-z0-9<>@._-]{0,49}", self.name)
        return names.get(self.kind) or (f"token {quoted(self.name)}" if is_name else "token")


def secret_file(path: str | Path) -> str:
    """Reads the secret that a file holds, and nothing else, of at most 64 KiB.

    One final line feed, or CR LF, is taken off. Other white space around the secret, a control character and an
    empty file raise ValueError, which names the file and shows nothing of it; a file that cannot be read raises
    OSError. The file is read with each call::

        scoped_token_from("myregistry", lambda: ("ci-pull", secret_file("/run/secrets/acr")))
    """
    with open(path, "rb") as file:
        data = file.read(MAX_SECRET_FILE + 1)
    if len(data) > MAX_SECRET_FILE:
        raise ValueError(f"the file {str(path)!r} is larger than {MAX_SECRET_FILE} bytes, which no secret is")
    text = data.decode("utf-8", "surrogateescape")  # which check_secret refuses, and no exception holds
    if text.startswith("\ufeff"):
        raise ValueError(f"the secret in the file {str(path)!r} begins with a byte order mark")
    if text.endswith("\n"):
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
    return check_secret(f"the secret in the file {str(path)!r}", text)
