"""How a request gets its access token.

Transport is the base of the synchronous and of the asynchronous transport. It is written as coroutines. Those of the
synchronous one never wait, because its I/O blocks instead.
"""

from __future__ import annotations

import abc
import contextlib
import copy
import inspect
import json
import re
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlencode, urlsplit

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AsyncHttpTransport, HttpTransport, RequestsTransport
from azure.core.utils import case_insensitive_dict

from ._login import Login
from ._refusals import challenge_of, denied, fresh, not_found, refused, said_in, text_of
from ._text import Facts, Secret, message, plain
from ._wire import MAX_TOKEN, Scope, ends_after, life_of, parse_endpoint, read_claims, required_scope

MAX_CACHED_TOKENS = 1024  # with tokens of one to two kilobytes, about two megabytes
MAX_TRIES = 3  # passwords tried for one token
MAX_ANSWER = 256 << 10  # bytes; the longest token, escaped and with company
RIGHTS_AGE = 10.0  # seconds; a token older than this is fetched again: its scope map may have changed
RENEWAL_PAUSE = 30.0  # seconds after a failed renewal until the next
TOKEN_TIMEOUT = 30.0  # seconds that a token request may take

Options = Mapping[str, Any]  # of the SDK's request
Make = Callable[[], Coroutine[Any, Any, Any]]
monotonic = time.monotonic


@dataclass(eq=False)
class Token:
    """An access token of ACR, or the ACR refresh token that an Entra token was exchanged for."""

    value: Secret
    life: float
    claims: Mapping[str, Any] = field(repr=False)
    root: Token | None = None  # what it was made from
    received: float = field(default_factory=lambda: monotonic())
    renew_at: float = 0.0  # not before this moment, after a renewal that failed

    @property
    def age(self) -> float:
        return monotonic() - self.received

    @property
    def alive(self) -> bool:
        return self.age < ends_after(self.life)

    @property
    def due(self) -> bool:
        return self.age >= self.life * 0.8 and monotonic() >= self.renew_at

    def granted(self) -> Scope | None:
        """The rights of its access claim; None if it has none that can be read."""
        try:
            access = self.claims["access"] or []
            # Anonymous clients' tokens write the keys with capitals (recorded).
            items = [{key.lower(): value for key, value in a.items()} for a in access]
            return Scope((a["type"], a["name"], word) for a in items for word in a["actions"] or [])
        except (TypeError, KeyError, AttributeError):
            return None


class Failure(NamedTuple):
    """Why there is no token. Several requests may share it; each gets its own exception or response."""

    error: Callable[[], AzureError] | None
    response: Any = None  # without error: that of a busy token service, for the SDK's retry
    refused: bool = False  # another login may be accepted

    def answer(self, request: Any) -> Any:
        if self.error is not None:
            raise self.error()
        response = copy.copy(self.response)
        response.request = request
        return response


class Transport(abc.ABC):
    """The transport of one registry, with the credential and its tokens.

    It serves any number of clients. Closing it closes the connections and keeps the tokens; unless the inner transport
    was given, the next request opens new connections.
    """

    kind: type[Any]  # of the inner transport

    def __init__(self, endpoint: Any, custom_login_server: bool, login: Any, source: Any, inner: Any) -> None:
        """login is a name, a password and a second password or None; or source is a function."""
        self.registry = registry = parse_endpoint(endpoint, custom_login_server)
        self._logins: list[Login] = []  # the one to try first is first; with a source, its last one
        self._source = source
        if login is not None:
            name, password, second = login
            self._logins.append(Login.of(registry, name, password))
            if second is not None:
                self._logins.append(Login.of(registry, name, second, "second password"))
        elif not callable(source):
            what = type(source).__name__
            raise TypeError(f"source must be a function that returns a name and a password, not {what}")
        other = isinstance(inner, AsyncHttpTransport) and self.kind is HttpTransport  # some are of both classes
        if inner is not None and (other or not isinstance(inner, self.kind)):
            raise TypeError(f"transport must be an azure-core {self.kind.__name__}, not {type(inner).__name__}")
        self._make = self._default() if inner is None else None
        self._given = self._inner = inner
        self._users = 0  # clients inside their with block
        self._lock = threading.Lock()  # of the fields, held for moments only
        self._tokens: OrderedDict[Scope | Login, Token] = OrderedDict()  # for an Entra token, its refresh token
        self._flights: dict[Any, Any] = {}
        self._redirected: weakref.WeakSet[Any] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<acrkit transport: <{self.who} on {self.registry.host}>>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an acrkit transport holds secrets and can be neither pickled nor copied")

    @property
    def who(self) -> str:
        logins = self._logins
        return logins[0].who if logins else "credential"

    @staticmethod
    @abc.abstractmethod
    def _default() -> Any:
        """Makes the inner transport that the SDK itself would use."""

    @abc.abstractmethod
    async def _share(self, key: Any, make: Make, join: bool = True) -> Any:
        """Calls make once for all concurrent callers with this key. Its result, or exception, is
        that of all. A caller that is cancelled does not stop it for the others. Without join, it returns None when it
        is already being done."""

    # The inner transport.

    def _open(self) -> Any:
        with self._lock:
            if self._inner is None and self._make is not None:
                self._inner = self._make()
            return self._inner

    def _take(self) -> Any:
        """What is to be closed, or None."""
        with self._lock:
            inner, self._inner = self._inner, self._given
            return inner

    def _count(self, entered: int) -> int:
        """An SDK's client enters its transport twice, once for its client of the token service, and its close()
        leaves it without having entered it."""
        with self._lock:
            self._users = max(self._users + entered, 0)
            return self._users

    async def _send(self, request: Any, options: Options) -> Any:
        inner = self._open()
        if isinstance(inner, RequestsTransport):
            # Else requests puts what ~/.netrc holds for a host in place of our header.
            options = {**options, "auth": lambda prepared: prepared}
        return await _result(inner.send(request, **options))

    async def _read(self, response: Any) -> None:
        """Loads the body of a response, so that its text can be asked for. The connection is free then."""
        await _result(next(getattr(response, n) for n in ("read", "load_body", "body") if hasattr(response, n))())

    async def _post(self, request: Any, options: Options) -> tuple[Any, bytes]:
        """Sends a token request. Returns the response, and the body of a success; of a longer one than MAX_ANSWER
        what has come. The body of a refusal can be read from the response."""
        end = time.monotonic() + TOKEN_TIMEOUT
        response = await self._send(request, {**options, "stream": True})
        body = b""
        if response.status_code != 200:
            await self._read(response)
            return response, body
        async for part in _parts(response):
            body += part
            late = time.monotonic() > end
            if late or len(body) > MAX_ANSWER:
                # A connection whose response is not read to the end cannot be used again.
                getattr(getattr(response, "internal_response", None), "close", lambda: None)()
                if late:
                    raise ServiceResponseTimeoutError(f"no whole answer within {TOKEN_TIMEOUT:g} seconds")
                break
        return response, body

    # One request.

    async def answer(self, request: Any, options: Options) -> Any:
        """The response to the SDK's request, or an exception."""
        try:
            return await self._answer(request, options)
        except AzureError as error:
            error.__context__ = None  # Python 3.10 may keep the inner transport's there, with the request as sent
            raise

    async def _answer(self, request: Any, options: Options) -> Any:
        if not self.registry.is_home(request.url) or request in self._redirected:
            # Another host decides what a redirected request asks for, even when it redirects back to the registry.
            # The SDK uses the same request object for the whole chain.
            self._redirected.add(request)
            return await self._answer_elsewhere(request, options)
        if urlsplit(request.url).path.startswith("/oauth2/"):
            return await self._exchange(request, None, options)
        scope = required_scope(request.method, request.url)
        rewind = _rewinder(request)
        token = await self._token(scope, request, options) if scope else None
        if isinstance(token, Failure):
            return token.answer(request)
        response = await self._exchange(request, token, options)
        if response.status_code == 401:
            await self._read(response)
            again = self._after_401(response, scope, token)
            if again is not None and rewind is not None:
                rewind()
                token = await self._token(again, request, options)
                if isinstance(token, Failure):
                    return token.answer(request)
                response = await self._exchange(request, token, options)
        return await self._judge(request, response, token)

    async def _answer_elsewhere(self, request: Any, options: Options) -> Any:
        facts = {"host": plain(_host(request.url)), "who": self.who, "registry": self.registry.host}
        if not request.url.lower().startswith("https://"):
            raise refused("host_refused", "plain_http", facts)
        response = await self._exchange(request, None, options)
        if response.status_code == 401:
            # Raised, because to a 401 that is returned the SDK answers with a token exchange of its own.
            await self._read(response)
            raise refused("host_refused", "foreign_answer", {**facts, "status": "401"}, response)
        return response

    async def _exchange(self, request: Any, token: Token | None, options: Options) -> Any:
        """Sends the request once."""
        try:
            return _clean(await self._send(_with_token(request, token), options), request)
        except AzureError as error:
            make_error = _unreachable(error, request.url)
        raise make_error()  # not from error, which holds the request as it was sent

    def _after_401(self, response: Any, scope: Scope, token: Token | None) -> Scope | None:
        """The scope to get a token for and try again, or None where that cannot help."""
        challenge = challenge_of(response)
        if challenge.realm and not self.registry.is_realm(challenge.realm):
            raise refused("protocol", "foreign_realm", {"host": plain(_host(challenge.realm))}, response)
        if challenge.error != "invalid_token" and not challenge.scope <= scope:
            return challenge.scope
        if challenge.error == "insufficient_scope" and token is not None:
            if token.age <= RIGHTS_AGE:
                return None
            self._forget(token)
        elif token is not None:
            self._forget(token, token.root)
        return scope

    async def _judge(self, request: Any, response: Any, token: Token | None) -> Any:
        """The result of the last answer of the registry."""
        status = response.status_code
        if status == 401:
            await self._read(response)
            login = next(iter(self._logins), None)
            raise denied(response, self.who, token.granted() if token else None, self._for_az(login))
        # The text goes into the reason, which the SDK's own exception shows: the SDK retries after all exceptions of a
        # transport except those for authentication. It takes a 404 to DELETE as success.
        text = ""
        if status == 404 and request.method != "DELETE":
            await self._read(response)
            text = ": " + message(*not_found(self.registry.host, request, response))
        elif 400 <= status < 500 and status not in (404, 408, 429):
            text = "; " + message("other", {})
        if text:
            with contextlib.suppress(AttributeError):  # a caller's transport may have responses that cannot be changed
                response.reason = f"{response.reason}{text}"
        return response

    def _for_az(self, login: Login | None) -> Facts:
        """What the commands of az name: facts of ACR's own registries, where a shell takes them unquoted."""
        if not self.registry.cloud or login is None or login.kind != "password":
            return {}
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", login.name):
            return {}
        return {"name": self.registry.name, "token": login.name}

    # The token of a scope.

    def _cached(self, key: Scope | Login) -> Token | None:
        with self._lock:
            token = self._tokens.get(key)
            if token is None or not token.alive:
                return None
            self._tokens.move_to_end(key)
            return token

    def _keep(self, key: Scope | Login, token: Token) -> None:
        with self._lock:
            self._tokens[key] = token
            self._tokens.move_to_end(key)
            while len(self._tokens) > MAX_CACHED_TOKENS:
                self._tokens.popitem(last=False)

    def _forget(self, *tokens: Token | None) -> None:
        with self._lock:
            for key in [key for key, token in self._tokens.items() if token in tokens]:
                del self._tokens[key]

    async def _token(self, scope: Scope, request: Any, options: Options) -> Token | Failure:
        return await self._get(scope, lambda: self._fetch(scope, request, options))

    async def _get(self, key: Scope | Login, make: Make) -> Token | Failure:
        """The token that is kept under the key, or that make gets."""

        async def renew() -> Any:
            token = self._cached(key)
            if token is not None and not token.due:
                return token  # another request has renewed it
            made = await make()
            if isinstance(made, Token):
                self._keep(key, made)
            return made

        token = self._cached(key)
        made: Any = token
        if token is None:
            made = await self._share(key, renew)
        elif token.due:
            # One request renews it. The others, and this one if that fails, use the old one while it lives.
            try:
                made = await self._share(key, renew, join=False) or token
            except Exception:  # of the source
                made = None
            if not isinstance(made, Token):
                token.renew_at = monotonic() + RENEWAL_PAUSE
                made = token
        return made  # type: ignore[no-any-return]

    async def _fetch(self, scope: Scope, request: Any, options: Options) -> Any:
        tried: list[Login] = []
        made: Any = None
        while len(tried) < MAX_TRIES:
            login = await self._next_login(tried)
            if login is None:
                break
            made = await self._grant(login, scope, request, options)
            if not isinstance(made, Failure) or not made.refused:
                break
            tried.append(login)
            self._demote(login)
        return made

    async def _next_login(self, tried: list[Login]) -> Login | None:
        """The login to try next, or None: what was refused is not sent twice in a row."""
        for known in self._logins:
            if known not in tried:
                return known
        if self._source is None:
            return None
        login: Login = await self._share("source", self._ask_source)
        if login in tried:
            self._demote(login)
            return None
        return login

    def _demote(self, login: Login) -> None:
        """Makes the next requests start with another login than the one that was refused, or ask the source."""
        with self._lock:
            if self._source is not None:
                self._logins = [other for other in self._logins if other != login]
            elif self._logins[0] == login:
                self._logins = self._logins[1:] + self._logins[:1]

    async def _ask_source(self) -> Login:
        given = await _result(self._source())
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(f"the source must return a name and a password, not {type(given).__name__}")
        login = Login.of(self.registry, given[0], given[1], "password from the source")
        with self._lock:
            self._logins = [login]
        return login

    async def _grant(self, login: Login, scope: Scope, request: Any, options: Options) -> Token | Failure:
        """The token service's answer to one login."""
        form: dict[str, str | Secret] = {"scope": str(scope)} if scope else {}  # an empty one is answered 400
        if login.kind == "password":
            form.update(grant_type="password", username=login.name, password=login.password)
            return await self._ask_service("token", form, login, request, options)
        form.update(grant_type="refresh_token", refresh_token=login.password)
        if login.kind == "refresh_token":
            return await self._ask_service("token", form, login, request, options)
        entra: dict[str, str | Secret] = {"grant_type": "access_token", "access_token": login.password}
        while True:
            known = self._cached(login)
            root = await self._get(login, lambda: self._ask_service("exchange", entra, login, request, options))
            if isinstance(root, Failure):
                return root
            form["refresh_token"] = root.value
            made = await self._ask_service("token", form, login, request, options)
            if isinstance(made, Token):
                made.root = root
            elif made.refused and root is known:
                self._forget(root)
                continue
            return made

    async def _ask_service(
        self, path: str, form: Mapping[str, str | Secret], login: Login, request: Any, options: Options
    ) -> Token | Failure:
        """One token request."""
        url = f"{self.registry.url}/oauth2/{path}"
        kept = {k: v for k, v in options.items() if k in ("connection_verify", "connection_cert", "proxies")}
        try:
            form = {"service": self.registry.service, **form}
            response, body = await self._post(_with_form(request, url, form), kept)
        except AzureError as error:
            return Failure(_unreachable(error, url))
        _clean(response, request, posted=True)
        status = response.status_code
        if status == 200:
            field = "refresh_token" if path == "exchange" else "access_token"
            value = _token_in(body, field)
            if value is not None:
                life = life_of(value.reveal(), response.headers.get("Date"))
                return Token(value, life, read_claims(value.reveal()) or {})
            # Without the response, which may hold what looks like a token.
            facts = {"status": f"200 without a usable {field}"}
            return Failure(lambda: refused("protocol", "service_refused", facts))
        text = text_of(response)
        secrets = [value for value in form.values() if isinstance(value, Secret)]
        echoes = any(secret.out_of(text) != text for secret in secrets)
        if status in (408, 429) or status >= 500:
            if not echoes:
                return Failure(None, response)
            return Failure(lambda: fresh(ServiceResponseError(f"the token service answers {status}")))
        facts = {"said": said_in(response, secrets)}
        if echoes:
            response = None
        code, key = "credential_rejected", "not_accepted"
        if status != 401:
            code, key = "denied" if status == 403 else "protocol", "service_refused"
            facts["status"] = str(status)
        elif login.kind != "password":
            key, facts["who"] = "token_not_accepted", login.who
        else:
            which = "two passwords" if len(self._logins) > 1 else login.which
            facts |= {"who": login.who, "password": which, **self._for_az(login)}
        return Failure(lambda: refused(code, key, facts, response), refused=status == 401)


def _with_token(request: Any, token: Token | None) -> Any:
    """A copy: the SDK's own request is never changed, because policies log it and exceptions carry it."""
    clone = copy.copy(request)
    clone.headers = case_insensitive_dict({k: v for k, v in request.headers.items() if k.lower() != "authorization"})
    if token is not None:
        clone.headers["Authorization"] = "Bearer " + token.value.reveal()
    return clone


def _with_form(request: Any, url: str, form: Mapping[str, str | Secret]) -> Any:
    """A token request of the same type as the SDK's."""
    clone = copy.copy(request)
    clone.method, clone.url, clone.files = "POST", url, None
    clone.data = urlencode({k: v.reveal() if isinstance(v, Secret) else v for k, v in form.items()})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    clone.headers = case_insensitive_dict({**headers, "Accept-Encoding": "identity"})
    return clone


def _unreachable(error: AzureError, url: str) -> Callable[[], AzureError]:
    """Makes an exception of the same type, for the SDK's retry, which knows nothing of what was sent."""
    kind, text = type(error), message("unreachable", {"host": plain(_host(url)), "why": plain(str(error))})

    def make() -> AzureError:
        try:
            return fresh(kind(text))
        except TypeError:
            return fresh(ServiceRequestError(text))

    return make


def _clean(response: Any, request: Any, posted: bool = False) -> Any:
    """Removes what was sent from a response, because the SDK's exceptions carry the response."""
    try:
        response.request = request
    except AttributeError:  # it cannot be changed
        response.request.headers.pop("Authorization", None)
    inner = getattr(response, "internal_response", None)
    sent = getattr(inner, "request", None)  # requests
    if sent is not None:
        sent.headers.pop("Authorization", None)
        if posted:
            sent.body = None
    info = getattr(inner, "_request_info", None)  # aiohttp has no public way
    if inner is not None and info is not None:
        inner._request_info = info._replace(headers=request.headers)
    return response


async def _result(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _parts(response: Any) -> AsyncIterator[bytes]:
    """The body of a response in parts."""
    read1 = getattr(getattr(getattr(response, "internal_response", None), "raw", None), "read1", None)
    if read1 is not None and not inspect.iscoroutinefunction(getattr(response, "read", None)):
        # It returns what has arrived, so that the limit of time is also kept when a server sends byte by byte.
        parts: Any = iter(lambda: read1(1 << 16), b"")
    else:
        parts = response.iter_bytes() if hasattr(response, "iter_bytes") else response.stream_download(None)
    if hasattr(parts, "__aiter__"):
        async for part in parts:
            yield part
    else:
        for part in parts:
            yield part


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _token_in(body: bytes, name: str) -> Secret | None:
    """The token in a token service's answer, if it is one that fits into a header."""
    try:
        value = json.loads(body)[name]
        good = len(body) <= MAX_ANSWER and len(value) <= MAX_TOKEN and re.fullmatch(r"[!-~]+", value)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return Secret(value) if good else None


def _rewinder(request: Any) -> Callable[[], Any] | None:
    """Sets the body of a request back to where it begins; None if it can be read only once."""
    body = getattr(request, "data", None)
    if getattr(request, "files", None):
        return None
    if body is None or isinstance(body, (str, bytes, bytearray, dict)):
        return lambda: None
    try:
        position = body.tell()
        body.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return lambda: body.seek(position)
