"""What the two modules of the package share of their functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._core import Core, Login
from ._refusals import message
from ._wire import EndpointError, Registry, check_secret, parse_endpoint

MAX_SECRET_FILE = 64 << 10  # bytes; anything larger is another file


def registry_of(endpoint: Any, custom_login_server: bool) -> Registry:
    try:
        return parse_endpoint(endpoint, custom_login_server)
    except EndpointError as error:
        text = message(error.key, {"host": error.host}) if error.key else str(error)
        if error.key == "other_host":
            text += "; if it is yours under another name, say custom_login_server=True"
    raise ValueError(text)


def core_of_token(endpoint: Any, name: Any, password: Any, second_password: Any, custom_login_server: bool) -> Core:
    registry = registry_of(endpoint, custom_login_server)
    logins: list[Login] = [Login.of(registry, name, password)]
    if second_password is not None:
        logins.append(Login.of(registry, name, second_password, "second password"))
    return Core(registry, logins)


def core_of_source(endpoint: Any, source: Any, custom_login_server: bool) -> Core:
    registry = registry_of(endpoint, custom_login_server)
    if not callable(source):
        raise TypeError(f"source must be a function that returns a name and a password, not {type(source).__name__}")
    return Core(registry, [], source)


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
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None  # the exception would hold the data
    if text is None:
        raise ValueError(f"the secret in the file {str(path)!r} is not UTF-8")
    if text.startswith("\ufeff"):
        raise ValueError(f"the secret in the file {str(path)!r} begins with a byte order mark")
    if text.endswith("\n"):
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
    return check_secret(f"the secret in the file {str(path)!r}", text)
