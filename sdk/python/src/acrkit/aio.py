"""acrkit for the asynchronous clients, azure.containerregistry.aio, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline.transport import AsyncHttpTransport

from ._core import TOKEN_TIMEOUT, Make, Options, Transport

__all__ = ["ClientArguments", "scoped_token", "scoped_token_from"]


class ClientArguments(TypedDict):
    """The arguments of ContainerRegistryClient."""

    endpoint: str
    credential: None
    transport: AsyncHttpTransport[Any, Any]


def scoped_token(
    endpoint: str,
    name: str,
    password: str,
    second_password: str | None = None,
    *,
    transport: AsyncHttpTransport[Any, Any] | None = None,
    custom_login_server: bool = False,
) -> ClientArguments:
    """acrkit.scoped_token for the asynchronous client; transport is azure-core's AioHttpTransport by default, which
    needs aiohttp."""
    login = (name, password, second_password)
    return _arguments(AsyncScopedTokenTransport(endpoint, custom_login_server, login, None, transport))


def scoped_token_from(
    endpoint: str,
    source: Callable[[], tuple[str, str] | Awaitable[tuple[str, str]]],
    *,
    transport: AsyncHttpTransport[Any, Any] | None = None,
    custom_login_server: bool = False,
) -> ClientArguments:
    """acrkit.scoped_token_from for the asynchronous client; the source may be asynchronous, too."""
    return _arguments(AsyncScopedTokenTransport(endpoint, custom_login_server, None, source, transport))


def _arguments(transport: AsyncScopedTokenTransport) -> ClientArguments:
    return {"endpoint": transport.registry.url, "credential": None, "transport": transport}


class AsyncScopedTokenTransport(Transport, AsyncHttpTransport[Any, Any]):
    """acrkit's transport, asynchronous; it serves any number of tasks of one event loop."""

    kind = AsyncHttpTransport

    async def send(self, request: Any, **kwargs: Any) -> Any:
        return await self.answer(request, kwargs)

    async def open(self) -> None:
        await self._open().__aenter__()  # as azure-core's pipeline does: some have an open() that is not asynchronous

    async def close(self) -> None:
        inner = self._take()
        if inner is not None:
            await inner.__aexit__(None, None, None)

    async def __aenter__(self) -> AsyncScopedTokenTransport:
        self._count(1)
        await self.open()
        return self

    async def __aexit__(self, *args: Any) -> None:
        if self._count(-1) == 0:
            await self.close()

    @staticmethod
    def _default() -> Any:
        try:
            from azure.core.pipeline.transport import AioHttpTransport
        except ImportError as error:
            raise ImportError("acrkit.aio needs aiohttp: install it, or give a transport of your own") from error
        return AioHttpTransport

    async def _post(self, request: Any, options: Options) -> Any:
        try:
            return await asyncio.wait_for(super()._post(request, options), TOKEN_TIMEOUT)
        except asyncio.TimeoutError:
            raise ServiceResponseTimeoutError(f"no whole answer within {TOKEN_TIMEOUT:g} seconds") from None

    async def _share(self, key: Any, make: Make, join: bool = True) -> Any:
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.get_running_loop().create_task(make())
            task.add_done_callback(lambda done: self._land(key, done))
        elif not join:
            return None
        return await asyncio.shield(task)  # the end of one caller is not the end of the others

    def _land(self, key: Any, done: asyncio.Task[Any]) -> None:
        if self._flights.get(key) is done:
            del self._flights[key]
        if not done.cancelled():
            done.exception()  # else asyncio reports it where all callers were cancelled
