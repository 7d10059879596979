"""acrkit for the asynchronous clients, azure.containerregistry.aio, on asyncio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypedDict

from azure.core.exceptions import AzureError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AsyncHttpTransport

from ._api import core_of_source, core_of_token
from ._core import MAX_ANSWER, TOKEN_TIMEOUT, Ask, Core, Post, Read, Send, Share, Steps, clean, hang_up, parts_of

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
    core = core_of_token(endpoint, name, password, second_password, custom_login_server)
    return _arguments(core, transport)


def scoped_token_from(
    endpoint: str,
    source: Callable[[], tuple[str, str] | Awaitable[tuple[str, str]]],
    *,
    transport: AsyncHttpTransport[Any, Any] | None = None,
    custom_login_server: bool = False,
) -> ClientArguments:
    """acrkit.scoped_token_from for the asynchronous client; the source may be asynchronous, too."""
    return _arguments(core_of_source(endpoint, source, custom_login_server), transport)


def _arguments(core: Core, transport: AsyncHttpTransport[Any, Any] | None) -> ClientArguments:
    if transport is None:
        _default()  # an error here, and not at the first request
    elif not inspect.iscoroutinefunction(getattr(transport, "send", None)):
        raise TypeError(f"transport must be an azure-core AsyncHttpTransport, not {type(transport).__name__}")
    url = core.registry.url
    return {"endpoint": url, "credential": None, "transport": AsyncScopedTokenTransport(core, transport)}


def _default() -> Any:
    """The class of the transport that the SDK itself would use."""
    try:
        from azure.core.pipeline.transport import AioHttpTransport
    except ImportError as error:
        raise ImportError("acrkit.aio needs aiohttp: install it, or give a transport of your own") from error
    return AioHttpTransport


class AsyncScopedTokenTransport(AsyncHttpTransport[Any, Any]):
    """acrkit's transport, asynchronous; it serves any number of tasks and clients of one event loop."""

    def __init__(self, core: Core, inner: AsyncHttpTransport[Any, Any] | None) -> None:
        self._core = core
        self._given = inner
        self._inner: Any = inner
        self._users = 0  # clients inside their with block
        self._flights: dict[Any, asyncio.Task[Any]] = {}

    def __repr__(self) -> str:
        return f"<acrkit transport: {self._core!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an acrkit transport holds secrets and can be neither pickled nor copied")

    @property
    def connection_config(self) -> Any:
        """The inner transport's; azure-core's retry policy reads its timeout."""
        return self._open().connection_config

    async def send(self, request: Any, **kwargs: Any) -> Any:
        try:
            return await self._run(self._core.send(request, kwargs))
        except AzureError as error:
            error.__context__ = None  # Python 3.10 may keep the inner transport's there, with the request as sent
            raise

    async def sleep(self, duration: float) -> None:
        await self._open().sleep(duration)

    async def open(self) -> None:
        await self._open().__aenter__()  # as azure-core's pipeline does: some have an open() that is not asynchronous

    async def close(self) -> None:
        inner, self._inner = self._inner, self._given
        if inner is not None:
            await inner.__aexit__(None, None, None)

    async def __aenter__(self) -> AsyncScopedTokenTransport:
        self._users += 1
        await self.open()
        return self

    async def __aexit__(self, *args: Any) -> None:
        # An SDK's client enters its transport twice, once for its client of the token service, and its close()
        # leaves it without having entered it.
        self._users = max(self._users - 1, 0)
        if self._users == 0:
            await self.close()

    def _open(self) -> Any:
        if self._inner is None:
            self._inner = _default()()
        return self._inner

    async def _run(self, steps: Steps) -> Any:
        """Carries out what a method of the core yields."""
        go_on: Callable[[Any], Any] = steps.send
        value: Any = None
        while True:
            try:
                step = go_on(value)
            except StopIteration as stop:
                return stop.value
            finally:
                value = None  # an error that the core put another in place of holds the request as it was sent
            try:
                go_on, value = steps.send, await self._do(step)
            except BaseException as error:  # the core's to handle
                go_on, value = steps.throw, error

    async def _do(self, step: Any) -> Any:
        if isinstance(step, Send):
            return clean(await self._open().send(step.copy(), **step.options), step)
        if isinstance(step, Post):
            try:
                return await asyncio.wait_for(self._post(step), TOKEN_TIMEOUT)
            except asyncio.TimeoutError:
                pass
            raise ServiceResponseTimeoutError(f"no whole answer within {TOKEN_TIMEOUT:g} seconds")
        if isinstance(step, Read):
            return await (getattr(step.response, "read", None) or step.response.load_body)()
        if isinstance(step, Ask):
            given = step.source()
            return await given if inspect.isawaitable(given) else given
        return await self._share(step)

    async def _post(self, step: Post) -> Any:
        response = clean(await self._open().send(step.copy(), stream=True, **step.settings()), step)
        if response.status_code != 200:
            await self._do(Read(response))
            return response, b""
        body = b""
        async for part in parts_of(response):
            body += part
            if len(body) > MAX_ANSWER:
                hang_up(response)
                break
        return response, body

    async def _share(self, step: Share) -> Any:
        task = self._flights.get(step.key)
        if task is None:
            task = self._flights[step.key] = asyncio.get_running_loop().create_task(self._run(step.make()))
            task.add_done_callback(lambda done: self._land(step.key, done))
        elif not step.join:
            return None
        return await asyncio.shield(task)  # the end of one caller is not the end of the others

    def _land(self, key: Any, done: asyncio.Task[Any]) -> None:
        if self._flights.get(key) is done:
            del self._flights[key]
        if not done.cancelled():
            done.exception()  # somebody has seen it, or nobody waits any more
