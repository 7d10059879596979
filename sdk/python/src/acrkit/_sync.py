"""The transport of the synchronous clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, NoReturn

from azure.core.exceptions import AzureError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from ._core import MAX_ANSWER, TOKEN_TIMEOUT, Ask, Core, Post, Read, Send, Share, Steps, clean, hang_up, parts_of

_default = RequestsTransport  # as the SDK


def _as_it_is(prepared: Any) -> Any:
    return prepared


class ScopedTokenTransport(HttpTransport[Any, Any]):
    """An azure-core transport that sends requests to one registry with the access token they need.

    It serves any number of threads and clients. Closing it closes the connections and keeps the tokens; unless the
    inner transport was given, the next request opens new connections.
    """

    def __init__(self, core: Core, inner: HttpTransport[Any, Any] | None) -> None:
        self._core = core
        self._given = inner
        self._inner = inner
        self._users = 0  # clients inside their with block
        self._lock = threading.Lock()
        self._flights: dict[Any, Future[Any]] = {}

    def __repr__(self) -> str:
        return f"<acrkit transport: {self._core!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an acrkit transport holds secrets and can be neither pickled nor copied")

    @property
    def connection_config(self) -> Any:
        """The inner transport's; azure-core's retry policy reads its timeout."""
        return self._open().connection_config

    def send(self, request: Any, **kwargs: Any) -> Any:
        try:
            return self._run(self._core.send(request, kwargs))
        except AzureError as error:
            error.__context__ = None  # Python 3.10 may keep the inner transport's there, with the request as sent
            raise

    def sleep(self, duration: float) -> None:
        self._open().sleep(duration)

    def open(self) -> None:
        self._open().open()

    def close(self) -> None:
        with self._lock:
            inner, self._inner = self._inner, self._given
        if inner is not None:
            inner.close()

    def __enter__(self) -> ScopedTokenTransport:
        with self._lock:
            self._users += 1
        self.open()
        return self

    def __exit__(self, *args: Any) -> None:
        # An SDK's client enters its transport twice, once for its client of the token service, and its close()
        # leaves it without having entered it.
        with self._lock:
            self._users = max(self._users - 1, 0)
            last = self._users == 0
        if last:
            self.close()

    def _open(self) -> Any:
        with self._lock:
            if self._inner is None:
                self._inner = _default()
            return self._inner

    def _send(self, request: Any, **options: Any) -> Any:
        inner = self._open()
        if isinstance(inner, RequestsTransport):
            options["auth"] = _as_it_is  # else requests puts what ~/.netrc holds for a host in place of our header
        return inner.send(request, **options)

    def _run(self, steps: Steps) -> Any:
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
                go_on, value = steps.send, self._do(step)
            except BaseException as error:  # the core's to handle
                go_on, value = steps.throw, error

    def _do(self, step: Any) -> Any:
        if isinstance(step, Send):
            return clean(self._send(step.copy(), **step.options), step)
        if isinstance(step, Post):
            return self._post(step)
        if isinstance(step, Read):
            read = getattr(step.response, "read", None) or step.response.body
            return read()
        if isinstance(step, Ask):
            return step.source()
        return self._share(step)

    def _post(self, step: Post) -> Any:
        end = time.monotonic() + TOKEN_TIMEOUT
        limits = {"connection_timeout": TOKEN_TIMEOUT, "read_timeout": TOKEN_TIMEOUT, "stream": True}
        response = clean(self._send(step.copy(), **limits, **step.settings()), step)
        if response.status_code != 200:
            self._do(Read(response))
            return response, b""
        body = b""
        for part in parts_of(response):
            body += part
            late = time.monotonic() > end
            if late or len(body) > MAX_ANSWER:
                hang_up(response)
                if late:
                    raise ServiceResponseTimeoutError(f"no whole answer within {TOKEN_TIMEOUT:g} seconds")
                break
        return response, body

    def _share(self, step: Share) -> Any:
        while True:
            with self._lock:
                flight = self._flights.get(step.key)
                if flight is None:
                    mine = self._flights[step.key] = Future()
                    break
            if not step.join:
                return None
            try:
                return flight.result()
            except CancelledError:
                continue  # whoever did it was interrupted
        try:
            result = self._run(step.make())
        except BaseException as error:
            self._land(step.key)
            if isinstance(error, Exception):
                mine.set_exception(error)
            else:
                mine.cancel()
            raise
        self._land(step.key)
        mine.set_result(result)
        return result

    def _land(self, key: Any) -> None:
        with self._lock:
            del self._flights[key]
