"""A token's name and password for Microsoft's clients of Azure Container Registry.

    client = ContainerRegistryClient(**scoped_token("https://myregistry.azurecr.io", "ci-pull", password))

The asynchronous clients are served by acrkit.aio.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from azure.core.pipeline.transport import HttpTransport

from ._login import secret_file
from ._refusals import RefusedError
from ._sync import ScopedTokenTransport

RefusedError.__module__ = __name__  # as tracebacks name it

__all__ = ["ClientArguments", "RefusedError", "scoped_token", "scoped_token_from", "secret_file"]


class ClientArguments(TypedDict):
    """The arguments of ContainerRegistryClient."""

    endpoint: str
    credential: None
    transport: HttpTransport[Any, Any]


def scoped_token(
    endpoint: str,
    name: str,
    password: str,
    second_password: str | None = None,
    *,
    transport: HttpTransport[Any, Any] | None = None,
    custom_login_server: bool = False,
) -> ClientArguments:
    """The arguments for ``ContainerRegistryClient(**…)`` that make it use a token's name and password.

    endpoint is a registry's name ("myregistry"), its login server, or that server's https URL. The credential goes
    to that host alone.

    name and password are those of a token with a scope map, or of the admin user. A password that is itself a token
    is recognised: under any name, an ACR refresh token is used as one, and an Entra access token is exchanged
    for one. second_password is the token's other password. When the registry does not accept the one in use, the
    other is tried, and kept if it is accepted.

    transport sends the requests; the default is azure-core's RequestsTransport. It is closed with the client.
    custom_login_server accepts a host that is neither one of ACR's by its name nor on loopback.

    The clients made of one call share its tokens and its transport. A client that is closed, or leaves its with
    block, closes the connections once no other is inside its own; the next request opens new ones, unless you gave
    the transport, which azure-core does not open twice.

    Raises TypeError and ValueError, without a character of a password, for what can be no endpoint, name or
    password. Requests raise RefusedError where the registry refuses the credential, or it lacks a right.
    """
    login = (name, password, second_password)
    return _arguments(ScopedTokenTransport(endpoint, custom_login_server, login, None, transport))


def scoped_token_from(
    endpoint: str,
    source: Callable[[], tuple[str, str]],
    *,
    transport: HttpTransport[Any, Any] | None = None,
    custom_login_server: bool = False,
) -> ClientArguments:
    """Like scoped_token, with a name and a password that a function returns.

    source is called when a password is needed for the first time, and again when the registry refused the last one
    or an access token that was made from it could not be renewed; one call at a time, in the thread of the request.
    What it raises is raised by the request. A password that was refused is not sent twice in a row.
    """
    return _arguments(ScopedTokenTransport(endpoint, custom_login_server, None, source, transport))


def _arguments(transport: ScopedTokenTransport) -> ClientArguments:
    return {"endpoint": transport.registry.url, "credential": None, "transport": transport}
