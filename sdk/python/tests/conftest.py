"""Fixtures: the emulator, servers with given answers, and the two stacks that every test of behaviour runs on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.containerregistry import ContainerRegistryClient
from azure.containerregistry.aio import ContainerRegistryClient as AsyncContainerRegistryClient
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

import acrkit
import acrkit.aio

from . import emulator as emulators
from .fake import Fake, make_certificate, serving


class Sync:
    """The synchronous client; each call runs in a thread."""

    name = "sync"
    scoped_token = staticmethod(acrkit.scoped_token)
    scoped_token_from = staticmethod(acrkit.scoped_token_from)

    def __init__(self, bundle: str) -> None:
        self.bundle = bundle
        self._threads = ThreadPoolExecutor(64)
        self._clients: list[Any] = []

    def patch_default(self, patch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
        patch.setattr("acrkit._sync.ScopedTokenTransport._default", lambda self: make)

    def inner(self, **options: Any) -> Any:
        return RequestsTransport(connection_verify=self.bundle, **options)

    def client(self, arguments: Any, **options: Any) -> Any:
        client = ContainerRegistryClient(**arguments, **options)
        self._clients.append(client)
        return client

    async def _do(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def send(self, transport: Any, request: Any, **options: Any) -> Any:
        return await self._do(lambda: transport.send(request, **options))

    async def close(self, client: Any) -> None:
        await self._do(client.close)

    async def tags(self, client: Any, repository: str, **options: Any) -> Any:
        return await self._do(lambda: [t.name for t in client.list_tag_properties(repository, **options)])

    async def names(self, client: Any) -> Any:
        return await self._do(lambda: list(client.list_repository_names()))

    async def call(self, client: Any, method: str, *arguments: Any, **options: Any) -> Any:
        return await self._do(lambda: getattr(client, method)(*arguments, **options))

    async def download(self, client: Any, repository: str, digest: str) -> Any:
        return await self._do(lambda: b"".join(client.download_blob(repository, digest)))

    async def aclose(self) -> None:
        for client in self._clients:
            client.close()
        self._threads.shutdown()


class Async:
    """The asynchronous client."""

    name = "async"
    scoped_token = staticmethod(acrkit.aio.scoped_token)
    scoped_token_from = staticmethod(acrkit.aio.scoped_token_from)

    def __init__(self, bundle: str) -> None:
        self.bundle = bundle
        self._clients: list[Any] = []
        self._sessions: list[aiohttp.ClientSession] = []

    def patch_default(self, patch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
        patch.setattr("acrkit.aio.AsyncScopedTokenTransport._default", lambda self: make)

    def inner(self, **options: Any) -> Any:
        # With connection_verify, azure-core makes a TLS context for each request, and a connection with it.
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self.bundle))
        session = aiohttp.ClientSession(connector=connector, auto_decompress=False, trust_env=True)
        self._sessions.append(session)
        return AioHttpTransport(session=session, **options)

    def client(self, arguments: Any, **options: Any) -> Any:
        client = AsyncContainerRegistryClient(**arguments, **options)
        self._clients.append(client)
        return client

    async def send(self, transport: Any, request: Any, **options: Any) -> Any:
        return await transport.send(request, **options)

    async def close(self, client: Any) -> None:
        await client.close()

    async def tags(self, client: Any, repository: str, **options: Any) -> Any:
        return [t.name async for t in client.list_tag_properties(repository, **options)]

    async def names(self, client: Any) -> Any:
        return [name async for name in client.list_repository_names()]

    async def call(self, client: Any, method: str, *arguments: Any, **options: Any) -> Any:
        return await getattr(client, method)(*arguments, **options)

    async def download(self, client: Any, repository: str, digest: str) -> Any:
        return b"".join([part async for part in await client.download_blob(repository, digest)])

    async def aclose(self) -> None:
        for client in self._clients:
            await client.close()
        for session in self._sessions:
            await session.close()


Stack = Sync | Async


@pytest.fixture(scope="session")
def binary() -> str:
    return emulators.binary()


@pytest.fixture(scope="session")
def _emulator(binary: str) -> Iterator[emulators.Emulator]:
    with emulators.running(binary) as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: emulators.Emulator) -> Iterator[emulators.Emulator]:
    _emulator.reset()
    yield _emulator
    _emulator.reset()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def fake(certificate: tuple[Path, Path]) -> Iterator[Fake]:
    """A registry with given answers."""
    with serving(certificate[1]) as server:
        yield server


@pytest.fixture
def other(certificate: tuple[Path, Path]) -> Iterator[Fake]:
    """Another host."""
    with serving(certificate[1]) as server:
        yield server


@pytest.fixture(scope="session")
def bundle(
    _emulator: emulators.Emulator, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """What signs the certificates of the emulator and for the servers with given answers."""
    path = tmp_path_factory.mktemp("bundle") / "bundle.pem"
    path.write_text(Path(_emulator.ca).read_text() + certificate[0].read_text())
    return str(path)


@pytest_asyncio.fixture(params=["sync", "async"])
async def stack(request: pytest.FixtureRequest, bundle: str) -> AsyncIterator[Stack]:
    stack: Stack = Sync(bundle) if request.param == "sync" else Async(bundle)
    try:
        yield stack
    finally:
        await stack.aclose()
