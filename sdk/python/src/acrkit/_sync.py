"""The transport of the synchronous clients."""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any

from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from ._core import TOKEN_TIMEOUT, Make, Options, Transport


def run(steps: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine that waits for nothing. Only the user's source could."""
    try:
        steps.send(None)
    except StopIteration as stop:
        return stop.value
    steps.close()
    raise TypeError("the source is asynchronous, and the client is not: use acrkit.aio")


class ScopedTokenTransport(Transport, HttpTransport[Any, Any]):
    """acrkit's transport; it serves any number of threads."""

    kind = HttpTransport

    def send(self, request: Any, **kwargs: Any) -> Any:
        return run(self.answer(request, kwargs))

    def open(self) -> None:
        self._open().open()

    def close(self) -> None:
        inner = self._take()
        if inner is not None:
            inner.close()

    def __enter__(self) -> ScopedTokenTransport:
        self._count(1)
        self.open()
        return self

    def __exit__(self, *args: Any) -> None:
        if self._count(-1) == 0:
            self.close()

    @staticmethod
    def _default() -> Any:
        return RequestsTransport

    async def _post(self, request: Any, options: Options) -> Any:
        limits = {"connection_timeout": TOKEN_TIMEOUT, "read_timeout": TOKEN_TIMEOUT}
        return await super()._post(request, {**limits, **options})

    async def _share(self, key: Any, make: Make, join: bool = True) -> Any:
        with self._lock:
            flight = self._flights.get(key)
            mine = self._flights.setdefault(key, Future())
        if flight is not None:
            if not join:
                return None
            try:
                return flight.result()
            except CancelledError:  # the thread that did it was interrupted
                return await self._share(key, make)
        try:
            mine.set_result(await make())
        except Exception as error:
            mine.set_exception(error)
        finally:
            with self._lock:
                del self._flights[key]
            mine.cancel()  # nothing, unless this thread is interrupted
        return mine.result()
