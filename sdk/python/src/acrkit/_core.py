"""How a request gets its access token, without a line of I/O.

A Core is shared by the synchronous and the asynchronous transport. Its methods are generators: they yield steps
(Send, Post, Read, Ask, Share) and get back what came of them. The transports carry the steps out.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import re
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.core.utils import case_insensitive_dict

from ._refusals import (
    Facts,
    Secret,
    challenge_of,
    denied,
    fresh,
    message,
    not_found,
    plain,
    quoted,
    refused,
    said_in,
    text_of,
)
from ._wire import (
    MAX_TOKEN,
    Registry,
    Scope,
    check_secret,
    ends_after,
    is_for_resource_manager,
    life_of,
    password_kind,
    read_claims,
    required_scope,
)

MAX_CACHED_TOKENS = 1024  # with tokens of one to two kilobytes, about two megabytes
MAX_TRIES = 3  # passwords tried for one token: two, and another that the source gave meanwhile
MAX_ANSWER = 256 << 10  # bytes; the longest token, escaped and with company
RIGHTS_AGE = 10.0  # seconds; a token older than this is fetched again: its scope map may have changed
RENEWAL_PAUSE = 30.0  # seconds after a failed renewal until the next
TOKEN_TIMEOUT = 30.0  # seconds that a token request may take

Steps = Generator[Any, Any, Any]
Form = Mapping[str, str | Secret]
monotonic = time.monotonic


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
        return names.get(self.kind) or f"token {quoted(self.name)}"


Source = Callable[[], Any]  # returns (name, password); in acrkit.aio it may return an awaitable of it


class Send(NamedTuple):
    """Step: send a copy of the request, with this token or without any. The result is the response."""

    request: Any
    token: Secret | None
    options: Mapping[str, Any]

    def copy(self) -> Any:
        # The SDK's own request is never changed: policies log it, and exceptions carry it.
        headers = case_insensitive_dict({k: v for k, v in self.request.headers.items() if k.lower() != "authorization"})
        if self.token is not None:
            headers["Authorization"] = "Bearer " + self.token.reveal()
        clone = copy.copy(self.request)
        clone.headers = headers
        return clone


class Post(NamedTuple):
    """Step: send a form to a token endpoint, not for longer than TOKEN_TIMEOUT. The result is the response and at
    most MAX_ANSWER + 1 bytes of its body. The body of a refusal can also be read from the response."""

    request: Any  # of the SDK; it gives the type
    url: str
    form: Form
    options: Mapping[str, Any]

    def copy(self) -> Any:
        clone = copy.copy(self.request)
        clone.method, clone.url, clone.files = "POST", self.url, None
        form = {k: v.reveal() if isinstance(v, Secret) else v for k, v in self.form.items()}
        clone.data = urlencode(form)
        clone.headers = case_insensitive_dict(
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            }
        )
        return clone

    def settings(self) -> Mapping[str, Any]:
        """What of the request's options goes for its token request, too."""
        kept = ("connection_verify", "connection_cert", "proxies")
        return {k: self.options[k] for k in kept if k in self.options}


class Read(NamedTuple):
    """Step: load the body of a response, so that its text can be asked for. The connection is free then."""

    response: Any


class Ask(NamedTuple):
    """Step: call the user's source. The result is what it returns."""

    source: Source


class Share(NamedTuple):
    """Step: do what make() yields, once for all who ask for it under this key at a time. Its result, or exception,
    is that of all. One who gives up does not stop it for the others. Without join, None at once where it is already
    being done."""

    key: Any
    make: Callable[[], Steps]
    join: bool = True


@dataclass
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
            return Scope((a["type"], a["name"], word) for a in access for word in a["actions"] or [])
        except (TypeError, KeyError):
            return None


class Refusal(NamedTuple):
    """A token request was refused; login is set where another one may be accepted."""

    code: str
    key: str
    facts: Facts
    response: Any
    login: Login | None = None

    def error(self) -> AzureError:
        return refused(self.code, self.key, self.facts, self.response)


class Busy(NamedTuple):
    """The token service answers 408, 429 or 5xx: an answer for the SDK's retry."""

    response: Any


class Failure(NamedTuple):
    """No answer came."""

    kind: type[AzureError]
    text: str

    def error(self) -> AzureError:
        try:
            return fresh(self.kind(self.text))
        except TypeError:
            return fresh(ServiceRequestError(self.text))


Outcome = Token | Refusal | Busy | Failure


class Core:
    """The credential of one registry, with its tokens."""

    def __init__(self, registry: Registry, logins: list[Login], source: Source | None = None) -> None:
        self.registry = registry
        self._logins = logins  # the one to try first stands first; with a source, what it gave last
        self._source = source
        self._lock = threading.Lock()  # of what follows, held for moments only
        self._tokens: OrderedDict[Scope, Token] = OrderedDict()
        self._root: tuple[Login | None, Token | None] = (None, None)
        self._strayed: weakref.WeakSet[Any] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<{self.who} on {self.registry.host}>"

    @property
    def who(self) -> str:
        logins = self._logins
        return logins[0].who if logins else "credential"

    # One request.

    def send(self, request: Any, options: Mapping[str, Any]) -> Steps:
        """The response to the SDK's request, or an exception."""
        if not self.registry.is_home(request.url) or request in self._strayed:
            # A host that the request was redirected to decides what is asked from then on, even where it points
            # back: the SDK goes on with the same request object.
            self._strayed.add(request)
            return (yield from self._send_abroad(request, options))
        if urlsplit(request.url).path.startswith("/oauth2/"):
            return (yield from self._exchange(request, None, options))
        scope = required_scope(request.method, request.url)
        start = _position(request)
        token = None
        if scope:
            token = yield from self._token(scope, request, options)
            if not isinstance(token, Token):
                return self._give_up(token, request)
        response = yield from self._exchange(request, token, options)
        if response.status_code == 401:
            yield Read(response)
            again = self._after_401(response, scope, token)
            if again is not None and start is not None and _rewind(request, start):
                token = yield from self._token(again, request, options)
                if not isinstance(token, Token):
                    return self._give_up(token, request)
                response = yield from self._exchange(request, token, options)
        return (yield from self._judge(request, response, token))

    def _send_abroad(self, request: Any, options: Mapping[str, Any]) -> Steps:
        facts = {"host": plain(_host(request.url)), "who": self.who, "registry": self.registry.host}
        if not request.url.lower().startswith("https://"):
            raise refused("host_refused", "plain_http", facts)
        response = yield from self._exchange(request, None, options)
        if response.status_code == 401:
            # As an answer it would make the SDK ask for a token, with or without a credential of its own.
            yield Read(response)
            raise refused("host_refused", "foreign_answer", {**facts, "status": "401"}, response)
        return response

    def _exchange(self, request: Any, token: Token | None, options: Mapping[str, Any]) -> Steps:
        """Sends the request once."""
        try:
            return (yield Send(request, token.value if token else None, options))
        except AzureError as error:
            failure = self._failed(error, request.url)
        raise failure.error()  # not from error, which holds the request as it was sent

    def _failed(self, error: AzureError, url: str) -> Failure:
        facts = {"host": plain(_host(url)), "why": plain(str(error))}
        return Failure(type(error), message("unreachable", facts))

    def _give_up(self, outcome: Outcome, request: Any) -> Any:
        if isinstance(outcome, Busy):
            response = copy.copy(outcome.response)  # others may get it, too
            response.request = request
            return response
        raise outcome.error()  # type: ignore[union-attr]

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
            self._forget(scope, token, with_root=False)
        elif token is not None:
            self._forget(scope, token, with_root=True)
        return scope

    def _judge(self, request: Any, response: Any, token: Token | None) -> Steps:
        """What becomes of the last answer of the registry."""
        status = response.status_code
        if status == 401:
            yield Read(response)
            login = next(iter(self._logins), None)
            raise denied(response, self.who, token.granted() if token else None, self._for_az(login))
        if 400 <= status < 500 and status not in (408, 429):
            # An answer, because the SDK sends again after every exception but one for authentication. Its own
            # exception shows the reason. A DELETE of what is not there is a success to the SDK.
            if status == 404:
                if request.method != "DELETE":
                    yield Read(response)
                    _reword(response, ": " + message(*not_found(self.registry.host, request, response)))
            else:
                _reword(response, "; " + message("other", {}))
        return response

    def _for_az(self, login: Login | None) -> Facts:
        """What the commands of az name: facts of ACR's own registries, where a shell takes them as they stand."""
        if not self.registry.cloud or login is None or login.kind != "password":
            return {}
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", login.name):
            return {}
        return {"name": self.registry.name, "token": login.name}

    # The token of a scope.

    def _cached(self, scope: Scope) -> Token | None:
        with self._lock:
            token = self._tokens.get(scope)
            if token is None or not token.alive:
                return None
            self._tokens.move_to_end(scope)
            return token

    def _keep(self, scope: Scope, token: Token) -> None:
        with self._lock:
            self._tokens[scope] = token
            self._tokens.move_to_end(scope)
            while len(self._tokens) > MAX_CACHED_TOKENS:
                self._tokens.popitem(last=False)

    def _forget(self, scope: Scope, token: Token, with_root: bool) -> None:
        with self._lock:
            if self._tokens.get(scope) is token:
                del self._tokens[scope]
        if with_root and token.root is not None:
            self._forget_root(token.root)

    def _token(self, scope: Scope, request: Any, options: Mapping[str, Any]) -> Steps:
        token = self._cached(scope)
        if token is None:
            return (yield Share(scope, lambda: self._renew(scope, request, options)))
        if token.due:
            # One request renews it. The others, and this one if that fails, go on with the one that lives.
            try:
                outcome = yield Share(scope, lambda: self._renew(scope, request, options), join=False)
            except Exception:  # of the source
                outcome = Failure
            if isinstance(outcome, Token):
                return outcome
            if outcome is not None:
                token.renew_at = monotonic() + RENEWAL_PAUSE
        return token

    def _renew(self, scope: Scope, request: Any, options: Mapping[str, Any]) -> Steps:
        token = self._cached(scope)
        if token is not None and not token.due:
            return token  # another request has got it meanwhile
        outcome = yield from self._fetch(scope, request, options)
        if isinstance(outcome, Token):
            self._keep(scope, outcome)
        return outcome

    def _fetch(self, scope: Scope, request: Any, options: Mapping[str, Any]) -> Steps:
        tried: list[Login] = []
        outcome: Any = None
        while True:
            login = yield from self._login(tried)
            if login is None:
                return outcome
            outcome = yield from self._grant(login, scope, request, options)
            if not isinstance(outcome, Refusal) or outcome.login is None:
                return outcome
            tried.append(login)

    def _login(self, tried: list[Login]) -> Steps:
        """The next login to try, or None: what was refused a moment ago is not sent again."""
        self._put_aside(tried)
        for login in self._logins:
            if len(tried) < MAX_TRIES and login not in tried:
                return login
        if self._source is None or len(tried) == MAX_TRIES:
            return None
        login = yield Share("source", self._ask)
        self._put_aside(tried)
        return None if login in tried else login

    def _put_aside(self, tried: list[Login]) -> None:
        """Has other requests begin with another login than one that was refused, or ask the source."""
        with self._lock:
            if self._source is not None:
                self._logins = [login for login in self._logins if login not in tried]
            elif self._logins[0] in tried:
                self._logins = self._logins[1:] + self._logins[:1]

    def _ask(self) -> Steps:
        given = yield Ask(self._source)  # type: ignore[arg-type]
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(f"the source must return a name and a password, not {type(given).__name__}")
        login = Login.of(self.registry, given[0], given[1], "password from the source")
        with self._lock:
            self._logins = [login]
        return login

    def _grant(self, login: Login, scope: Scope, request: Any, options: Mapping[str, Any]) -> Steps:
        """The token service's answer to one login."""
        form: dict[str, str | Secret] = {"service": self.registry.host}
        if scope:
            form["scope"] = str(scope)  # an empty one is answered 400 (reported by users)
        if login.kind == "password":
            form.update(grant_type="password", username=login.name, password=login.password)
            return (yield from self._post("/oauth2/token", form, login, request, options))
        form.update(grant_type="refresh_token", refresh_token=login.password)
        if login.kind == "refresh_token":
            return (yield from self._post("/oauth2/token", form, login, request, options))
        while True:
            root = self._known_root(login)
            known = root is not None
            if root is None:
                root = yield Share(("exchange", login), lambda: self._exchange_entra(login, request, options))
                if not isinstance(root, Token):
                    return root
            form["refresh_token"] = root.value
            outcome = yield from self._post("/oauth2/token", form, login, request, options)
            if isinstance(outcome, Token):
                outcome.root = root
            if not known or not isinstance(outcome, Refusal) or outcome.login is None:
                return outcome
            self._forget_root(root)

    def _known_root(self, login: Login) -> Token | None:
        made_from, root = self._root
        return root if made_from == login and root is not None and not root.due else None

    def _forget_root(self, root: Token | None) -> None:
        with self._lock:
            if self._root[1] is root:
                self._root = (None, None)

    def _exchange_entra(self, login: Login, request: Any, options: Mapping[str, Any]) -> Steps:
        root = self._known_root(login)
        if root is not None:
            return root  # another request has got it meanwhile
        form: Form = {"grant_type": "access_token", "service": self.registry.host, "access_token": login.password}
        outcome = yield from self._post("/oauth2/exchange", form, login, request, options, "refresh_token")
        if isinstance(outcome, Token):
            with self._lock:
                self._root = (login, outcome)
        return outcome

    def _post(
        self, path: str, form: Form, login: Login, request: Any, options: Mapping[str, Any], name: str = "access_token"
    ) -> Steps:
        """One token request."""
        url = self.registry.url + path
        secrets = [value for value in form.values() if isinstance(value, Secret)]
        try:
            response, body = yield Post(request, url, form, options)
        except AzureError as error:
            return self._failed(error, url)
        status = response.status_code
        if status == 200:
            value, why = _token_in(body, name)
            if value is not None:
                life = life_of(value.reveal(), response.headers.get("Date"))
                return Token(value, life, read_claims(value.reveal()) or {})
            # Without the response, which may hold what looks like a token.
            return Refusal("protocol", "service_refused", {"status": f"200 with an answer that {why}"}, None)
        text = text_of(response)
        echoes = any(secret.out_of(text) != text for secret in secrets)
        if status in (408, 429) or status >= 500:
            return Failure(ServiceResponseError, f"the token service answers {status}") if echoes else Busy(response)
        facts = {"said": said_in(response, secrets)}
        if echoes:
            response = None
        if status != 401:
            code = "denied" if status == 403 else "protocol"
            return Refusal(code, "service_refused", {**facts, "status": str(status)}, response)
        facts["who"] = login.who
        if login.kind != "password":
            return Refusal("credential_rejected", "token_not_accepted", facts, response, login)
        facts["password"] = "two passwords" if len(self._logins) > 1 else login.which
        return Refusal("credential_rejected", "not_accepted", {**facts, **self._for_az(login)}, response, login)


def clean(response: Any, step: Send | Post) -> Any:
    """Takes off a response what was sent for it: it is handed to the SDK, and hangs on the SDK's exceptions."""
    try:
        response.request = step.request
    except AttributeError:  # a response of another's making
        response.request.headers.pop("Authorization", None)
    inner = getattr(response, "internal_response", None)
    sent = getattr(inner, "request", None)  # requests
    if sent is not None:
        sent.headers.pop("Authorization", None)
        if isinstance(step, Post):
            sent.body = None
    info = getattr(inner, "_request_info", None)  # aiohttp has no public way
    if inner is not None and info is not None:
        inner._request_info = info._replace(headers=step.request.headers)
    return response


def parts_of(response: Any) -> Any:
    """The body of a response in parts, as an iterator, asynchronous where the response is."""
    read1 = getattr(getattr(getattr(response, "internal_response", None), "raw", None), "read1", None)
    if read1 is not None and not inspect.iscoroutinefunction(getattr(response, "read", None)):
        # What is there: a server that sends a byte now and then must not hold us beyond the limit.
        return iter(lambda: read1(1 << 16), b"")
    return response.iter_bytes() if hasattr(response, "iter_bytes") else response.stream_download(None)


def hang_up(response: Any) -> None:
    """Ends the connection of a response that is not read to its end."""
    close = getattr(getattr(response, "internal_response", None), "close", None)
    if close is not None:
        close()


def _reword(response: Any, text: str) -> None:
    with contextlib.suppress(AttributeError):  # a response of another's making
        response.reason = f"{response.reason}{text}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _token_in(body: bytes, name: str) -> tuple[Secret | None, str]:
    """The token in a token service's answer, or what is wrong with it, without a word of it."""
    if len(body) > MAX_ANSWER:
        return None, f"is longer than {MAX_ANSWER} bytes"
    try:
        value = json.loads(body).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None, "is not a JSON object"
    if not isinstance(value, str) or not value:
        return None, f"holds no {name}"
    if len(value) > MAX_TOKEN or not re.fullmatch(r"[!-~]+", value):
        return None, "holds a token that fits into no header"
    return Secret(value), ""


def _position(request: Any) -> Any | None:
    """Where the body of a request begins, for _rewind; None if it can be read only once."""
    body = getattr(request, "data", None)
    if getattr(request, "files", None):
        return None
    if body is None or isinstance(body, (str, bytes, bytearray, dict)):
        return True
    try:
        return body.tell(), body
    except (AttributeError, OSError, ValueError):
        return None


def _rewind(request: Any, start: Any) -> bool:
    if start is not True:
        position, body = start
        try:
            body.seek(position)
        except (AttributeError, OSError, ValueError):
            return False
    return True
