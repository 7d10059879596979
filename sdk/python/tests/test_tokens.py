"""Access tokens: how few requests they cost, how long they are used, and where they come from."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest

import acrkit
import acrkit.aio
from acrkit import RefusedError, _core, _wire
from acrkit._sync import run

from .conftest import Stack
from .fake import Answer, Fake, Request, access_token, challenge, jwt, token_answer
from .test_requests import PASSWORD, TAGS, Registry, closing, held, transport_of

LIMIT = _core.TOKEN_TIMEOUT
SECOND = "a-password-of-the-tests-00000002"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_core, "monotonic", lambda: clock.now)
    return clock


class Clock:
    now = 1000.0


def get(fake: Fake, repository: str = "samples/app") -> HttpRequest:
    return HttpRequest("GET", f"{fake.url}/acr/v1/{repository.replace('/', '%2F')}/_tags")


def tokens(fake: Fake) -> list[Request]:
    return [r for r in fake.requests if r.path.startswith("/oauth2/")]


async def test_cold_costs_two_requests_and_warm_one(stack: Stack, fake: Fake) -> None:
    Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        for count in (2, 3, 4):
            await stack.send(transport, get(fake))
            assert len(fake.requests) == count
        await stack.send(transport, get(fake, "samples/other"))
        await stack.send(transport, get(fake))
        assert len(fake.requests) == 7  # tokens are kept by scope


async def test_twenty_cold_calls_make_one_token_request(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    Gathered(20, fake, transport, registry)
    async with closing(transport):
        answers = await asyncio.gather(*(stack.send(transport, get(fake)) for _ in range(20)))
        assert [a.status_code for a in answers] == [200] * 20
        assert len(tokens(fake)) == 1


@pytest.mark.parametrize("second", [None, SECOND])
async def test_twenty_calls_with_a_wrong_password(stack: Stack, fake: Fake, second: str | None) -> None:
    """They share the failure: one token request, or one for each password."""
    given = stack.scoped_token(fake.host, "ci-pull", "wrong-1", second, transport=stack.inner())
    transport = given["transport"]
    body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    Gathered(20, fake, transport, lambda _: Answer(401, body))
    async with closing(transport):
        errors = await asyncio.gather(*(stack.send(transport, get(fake)) for _ in range(20)), return_exceptions=True)
    assert {type(e) for e in errors} == {RefusedError}
    assert len({id(e) for e in errors}) == 20
    assert len(fake.requests) == (2 if second else 1)
    what = "two passwords" if second else "password"
    assert str(errors[0]).startswith(f'the token "ci-pull" and its {what} are not accepted: wrong, expired, disabled')
    assert errors[0].code == "credential_rejected"  # type: ignore[union-attr]
    assert errors[0].status_code == 401  # type: ignore[union-attr]


class Gathered:
    """Holds the answer to a token request back until so many callers wait for it."""

    def __init__(self, count: int, fake: Fake, transport: Any, answer: Callable[[Request], Answer]) -> None:
        self.count, self.answer, self.asked = count, answer, 0
        self._condition = threading.Condition()
        self._share = transport._share
        transport._share = self.share
        fake.answer = self

    def share(self, *arguments: Any, **options: Any) -> Any:
        with self._condition:
            self.asked += 1
            self._condition.notify()
        return self._share(*arguments, **options)

    def __call__(self, request: Request) -> Answer:
        if request.path == "/oauth2/token":
            with self._condition:
                assert self._condition.wait_for(lambda: self.asked >= self.count, 30)
        return self.answer(request)


async def test_the_same_failure_for_all_who_wait(stack: Stack, fake: Fake) -> None:
    transport = transport_of(stack, fake)
    Gathered(10, fake, transport, lambda _: Answer(0))
    async with closing(transport):
        errors = await asyncio.gather(*(stack.send(transport, get(fake)) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(e, AzureError) and not isinstance(e, HttpResponseError) for e in errors)
    assert len(fake.requests) == 1
    assert held(errors, PASSWORD) == []


async def test_one_of_several_waiting_callers_is_cancelled(fake: Fake, certificate: Any) -> None:
    """Also the one that began the token request."""
    registry = Registry(fake)
    asked, go_on = threading.Event(), threading.Event()

    def answer(request: Request) -> Answer:
        if request.path == "/oauth2/token":
            asked.set()
            assert go_on.wait(20)
        return registry(request)

    fake.answer = answer
    inner = AioHttpTransport(connection_verify=str(certificate[0]))
    transport = acrkit.aio.scoped_token(fake.host, "ci-pull", PASSWORD, transport=inner)["transport"]
    async with closing(transport):
        first, second, third = (asyncio.create_task(transport.send(get(fake))) for _ in range(3))
        await asyncio.to_thread(asked.wait, 20)
        first.cancel()
        second.cancel()
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task
        go_on.set()
        assert (await third).status_code == 200
        assert len(tokens(fake)) == 1


def test_an_interrupted_thread_does_not_fail_the_others(fake: Fake) -> None:
    """The one that got the token is interrupted as by Ctrl-C; one of the others takes over."""
    transport: Any = acrkit.scoped_token("localhost:9", "ci", "password")["transport"]
    waiting = threading.Event()
    results: list[Any] = []

    async def interrupted() -> Any:
        waiting.set()
        follower.start()
        while not transport._flights["key"]._condition._waiters:
            time.sleep(0.001)  # noqa: ASYNC251
        raise KeyboardInterrupt

    async def done() -> Any:
        return "done"

    follower = threading.Thread(target=lambda: results.append(run(transport._share("key", done))))
    with pytest.raises(KeyboardInterrupt):
        run(transport._share("key", interrupted))
    follower.join(20)
    assert results == ["done"]
    assert transport._flights == {}


async def test_the_cache_is_bounded(stack: Stack, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "MAX_CACHED_TOKENS", 3)
    Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        for n in (1, 2, 3, 1):  # 1 is now the one that was used last
            await stack.send(transport, get(fake, f"samples/app{n}"))
        assert len(tokens(fake)) == 3
        await stack.send(transport, get(fake, "samples/app4"))  # 2 goes
        assert len(transport._tokens) == 3
        for n in (1, 3, 4):
            await stack.send(transport, get(fake, f"samples/app{n}"))
        assert len(tokens(fake)) == 4
        await stack.send(transport, get(fake, "samples/app2"))
        assert len(tokens(fake)) == 5
    assert _core.MAX_CACHED_TOKENS == 3


async def test_renewed_at_80_percent_of_its_life(stack: Stack, fake: Fake, clock: Clock) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, get(fake))
        life = 3600.0
        clock.now += life * 0.8 - 2
        await stack.send(transport, get(fake))
        assert len(registry.tokens) == 1
        clock.now += 3
        await stack.send(transport, get(fake))
        assert len(registry.tokens) == 2
        assert fake.requests[-1].headers["authorization"] == f"Bearer {registry.tokens[1]}"
        await stack.send(transport, get(fake))
        assert len(registry.tokens) == 2


async def test_others_use_the_old_token_during_its_renewal(stack: Stack, fake: Fake, clock: Clock) -> None:
    registry = Registry(fake)
    asked, go_on = threading.Event(), threading.Event()

    def answer(request: Request) -> Answer:
        if request.path == "/oauth2/token" and registry.tokens:
            asked.set()
            assert go_on.wait(20)
        return registry(request)

    fake.answer = answer
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, get(fake))
        clock.now += 3000
        renewing = asyncio.create_task(stack.send(transport, get(fake)))
        await asyncio.to_thread(asked.wait, 20)
        try:
            assert (await asyncio.wait_for(stack.send(transport, get(fake)), 10)).status_code == 200
        finally:
            go_on.set()
        assert fake.requests[-1].headers["authorization"] == f"Bearer {registry.tokens[0]}"
        await renewing
        assert len(tokens(fake)) == 2


@pytest.mark.parametrize("answer", [Answer(429), Answer(503), Answer(0), Answer(401), Answer(403)])
async def test_a_failed_renewal_leaves_the_old_token(stack: Stack, fake: Fake, clock: Clock, answer: Answer) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, get(fake))
        registry.token = lambda request: answer
        clock.now += 3000
        for _ in range(3):
            assert (await stack.send(transport, get(fake))).status_code == 200
        assert len(tokens(fake)) == 2  # the next one after a pause
        clock.now += _core.RENEWAL_PAUSE
        await stack.send(transport, get(fake))
        assert len(tokens(fake)) == 3
        clock.now += 600  # the old one has ended
        if answer.status in (429, 503):
            assert (await stack.send(transport, get(fake))).status_code == answer.status
        else:
            with pytest.raises(AzureError):
                await stack.send(transport, get(fake))


@pytest.mark.parametrize("skew", [-7200, 7200])
async def test_the_clock_of_this_machine_has_no_part(stack: Stack, fake: Fake, clock: Clock, skew: float) -> None:
    """The service's clock is two hours off ours; a token lives as long as the service says."""
    registry = Registry(fake)

    def token(request: Request) -> Answer:
        value = jwt(exp=int(time.time() + skew + 1000), n=len(registry.tokens))
        registry.tokens.append(value)
        return token_answer(value, time.time() + skew)

    registry.token = token
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, get(fake))
        clock.now += 790
        await stack.send(transport, get(fake))
        assert len(registry.tokens) == 1
        clock.now += 20
        await stack.send(transport, get(fake))
        assert len(registry.tokens) == 2


async def test_busy_token_service_is_the_requests_own_answer(stack: Stack, fake: Fake) -> None:
    """So that the SDK's retry waits as long as the service asks."""
    registry = Registry(fake)
    busy = [Answer(429, '{"errors":[]}', {"Retry-After": "1"}), Answer(503), Answer(408)]

    def answer(request: Request) -> Answer:
        if request.path == "/oauth2/token" and busy:
            return busy.pop(0)
        return registry(request)

    fake.answer = answer
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    begun = time.monotonic()
    assert await stack.tags(client, "samples/app", retry_backoff_factor=0) == []
    assert time.monotonic() - begun > 0.9
    assert len(tokens(fake)) == 4
    busy[:] = [Answer(429, '{"errors":[]}', {"Retry-After": "0"})] * 9
    with pytest.raises(HttpResponseError) as caught:
        await stack.tags(client, "samples/other", retry_total=1, retry_backoff_factor=0)
    assert caught.value.status_code == 429
    assert held(caught.value, PASSWORD, *registry.tokens) == []


@pytest.mark.parametrize("status", [302, 307, 400, 403, 404, 405])
async def test_other_answers_of_the_token_service(stack: Stack, fake: Fake, other: Fake, status: int) -> None:
    text = f"no, \x07 {PASSWORD} is not " + "x" * 600
    body = json.dumps({"errors": [{"code": "DENIED", "message": text}]})
    fake.answer = lambda _: Answer(status, body, {"Location": other.url, "Content-Type": "application/json"})
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(RefusedError) as caught:
        await stack.tags(client, "samples/app")
    said = str(caught.value).splitlines()
    assert said[0].startswith(f"the token service answers {status}; the registry answered: no,   [redacted] is not xxx")
    assert "\x07" not in said[0]
    assert len(said[0]) < 600
    assert said[1] == "to find the cause, give this text to: acrkit explain"
    assert held(caught.value, PASSWORD) == []
    assert other.requests == []
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b"[" * 100_000,
        b'{"token":"x"}',
        b'{"access_token":7}',
        b'{"access_token":""}',
        b'{"access_token":["a","b"]}',
        b'{"access_token":"a\\nb"}',
        b'{"access_token":"' + b"x" * (_wire.MAX_TOKEN + 1) + b'"}',
        b'{"access_token":"x"}' + b" " * (_core.MAX_ANSWER - 19),
    ],
)
async def test_answers_that_hold_no_token(stack: Stack, fake: Fake, body: bytes) -> None:
    fake.answer = lambda _: Answer(200, body)
    transport = transport_of(stack, fake)
    async with closing(transport):
        with pytest.raises(RefusedError) as caught:
            await stack.send(transport, get(fake))
    assert str(caught.value).splitlines()[0] == "the token service answers 200 without a usable access_token"
    assert caught.value.code == "protocol"
    assert len(fake.requests) == 1


async def test_the_longest_answer_and_token_that_are_taken(stack: Stack, fake: Fake) -> None:
    value = "x" * 60_000  # what fits into a header of this server, too
    body = json.dumps({"access_token": value}).encode()
    body += b" " * (_core.MAX_ANSWER - len(body))
    fake.answer = lambda r: Answer(200, body if r.method == "POST" else b"")
    transport = transport_of(stack, fake)
    async with closing(transport):
        assert (await stack.send(transport, get(fake))).status_code == 200
    assert fake.requests[-1].headers["authorization"] == "Bearer " + value


@pytest.mark.parametrize("silent", [True, False])
async def test_a_token_request_has_a_limit(
    stack: Stack, fake: Fake, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    for module in ("acrkit._core", "acrkit._sync", "acrkit.aio"):
        monkeypatch.setattr(f"{module}.TOKEN_TIMEOUT", 0.5)
    over = threading.Event()

    def drops() -> Iterator[bytes]:
        while not over.wait(0.05):
            yield b" "

    def answer(request: Request) -> Answer:
        if silent:
            over.wait(20)
            return Answer(0)
        return Answer(200, drops())

    fake.answer = answer
    transport = transport_of(stack, fake)
    begun = time.monotonic()
    try:
        async with closing(transport):
            with pytest.raises(ServiceResponseError) as caught:
                await stack.send(transport, get(fake))
    finally:
        over.set()
    assert time.monotonic() - begun < 5
    assert "cannot be reached" in str(caught.value)
    assert LIMIT == 30


async def test_the_second_password(stack: Stack, fake: Fake) -> None:
    """It is tried when the first is refused, and first from then on."""
    good = [SECOND]

    def answer(request: Request) -> Answer:
        if request.method == "POST":
            return token_answer(access_token()) if request.form["password"] in good else Answer(401)
        return Answer(200)

    fake.answer = answer
    given = stack.scoped_token(fake.host, "ci-pull", PASSWORD, SECOND, transport=stack.inner())
    transport = given["transport"]
    async with closing(transport):
        await stack.send(transport, get(fake, "a"))
        await stack.send(transport, get(fake, "b"))
        assert [r.form["password"] for r in tokens(fake)] == [PASSWORD, SECOND, SECOND]
        good[:] = [PASSWORD]  # both rotate in turn
        await stack.send(transport, get(fake, "c"))
        assert [r.form["password"] for r in tokens(fake)[3:]] == [SECOND, PASSWORD]
        good.clear()
        with pytest.raises(RefusedError):
            await stack.send(transport, get(fake, "d"))
        assert len(tokens(fake)) == 7
        good[:] = [PASSWORD]  # the token is enabled again: no refusal is for ever
        await stack.send(transport, get(fake, "d"))


async def test_an_asynchronous_source_needs_the_asynchronous_client(fake: Fake) -> None:
    async def source() -> Any:
        await asyncio.sleep(0)

    transport: Any = acrkit.scoped_token_from(fake.host, source)["transport"]  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(TypeError, match=r"the source is asynchronous, and the client is not: use acrkit\.aio"):
            transport.send(get(fake))
    assert transport._flights == {}


class Source:
    """A source of names and passwords that counts its calls."""

    def __init__(self, stack: Stack, *given: Any) -> None:
        self.given, self.calls = list(given), 0
        self.asynchronous = stack.name == "async"

    def __call__(self) -> Any:
        self.calls += 1
        value = self.given[0] if len(self.given) == 1 else self.given.pop(0)
        if isinstance(value, Exception):
            raise value

        async def later() -> Any:
            await asyncio.sleep(0)
            return value

        return later() if self.asynchronous else value


def by_source(stack: Stack, fake: Fake, source: Any) -> Any:
    return stack.scoped_token_from(fake.host, source, transport=stack.inner())["transport"]


async def test_a_source_is_asked_once_and_after_a_refusal(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    good = [("ci-pull", PASSWORD)]

    def token(request: Request) -> Answer:
        if (request.form["username"], request.form["password"]) not in good:
            return Answer(401)
        registry.tokens.append(access_token())
        return token_answer(registry.tokens[-1])

    registry.token = token
    source = Source(stack, ("ci-pull", PASSWORD))
    transport = by_source(stack, fake, source)
    async with closing(transport):
        await asyncio.gather(*(stack.send(transport, get(fake, f"samples/app{n}")) for n in range(10)))
        assert source.calls == 1
        # Name and password change under the running client, and the old token ends.
        good[:] = source.given[:] = [("ci-new", SECOND)]
        registry.tokens.clear()
        await asyncio.gather(*(stack.send(transport, get(fake, f"samples/app{n}")) for n in range(10)))
        assert source.calls < 12
        await stack.send(transport, get(fake, "samples/new"))
        assert tokens(fake)[-1].form["username"] == "ci-new"


async def test_a_refused_password_is_not_sent_twice_in_a_row(stack: Stack, fake: Fake) -> None:
    fake.answer = lambda _: Answer(401)
    source = Source(stack, ("ci-pull", PASSWORD))
    transport = by_source(stack, fake, source)
    async with closing(transport):
        with pytest.raises(RefusedError) as caught:
            await stack.send(transport, get(fake))
        assert (len(fake.requests), source.calls) == (1, 2)
        assert "its password from the source are not accepted" in str(caught.value)


async def test_at_most_three_passwords_are_tried(stack: Stack, fake: Fake) -> None:
    fake.answer = lambda _: Answer(401)
    source = Source(stack, *(("ci-pull", f"password-{n}") for n in range(9)))
    transport = by_source(stack, fake, source)
    async with closing(transport):
        with pytest.raises(RefusedError):
            await stack.send(transport, get(fake))
        assert [r.form["password"] for r in fake.requests] == ["password-0", "password-1", "password-2"]
        assert _core.MAX_TRIES == 3


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (LookupError("the vault is sealed"), LookupError, "the vault is sealed"),
        ("password", TypeError, "the source must return a name and a password, not str"),
        ({"a": 1, "b": 2}, TypeError, "the source must return a name and a password, not dict"),
        (("ci-pull", b"x"), TypeError, 'the password from the source of token "ci-pull" must be a str, not bytes'),
        (("ci-pull", "secret\n"), ValueError, "begins or ends with white space"),
        (("", "secret"), ValueError, "the name that goes with the password is empty"),
    ],
)
async def test_sources_that_fail(stack: Stack, fake: Fake, given: Any, error: Any, text: str) -> None:
    registry = Registry(fake)
    source = Source(stack, given, ("ci-pull", PASSWORD))
    transport = by_source(stack, fake, source)
    async with closing(transport):
        with pytest.raises(error) as caught:
            await stack.send(transport, get(fake))
        assert text in str(caught.value)
        assert "secret" not in str(caught.value)
        assert (await stack.send(transport, get(fake))).status_code == 200
    assert len(registry.tokens) == 1


async def test_a_source_that_fails_leaves_the_living_token(stack: Stack, fake: Fake, clock: Clock) -> None:
    registry = Registry(fake)
    source = Source(stack, ("ci-pull", PASSWORD), LookupError("the file is being written"))
    transport = by_source(stack, fake, source)
    async with closing(transport):
        await stack.send(transport, get(fake))
        registry.token = lambda request: Answer(401)
        clock.now += 3000
        assert (await stack.send(transport, get(fake))).status_code == 200
        assert source.calls == 2


ENTRA = jwt(
    iss="https://sts.windows.net/11111111-1111-1111-1111-111111111111/", aud="https://containerregistry.azure.net"
)


class Exchange(Registry):
    """A registry that exchanges Entra tokens."""

    refreshes: list[str]

    def give_token(self, request: Request) -> Answer:
        if request.path == "/oauth2/exchange":
            if request.form["access_token"] != ENTRA:
                return Answer(401)
            self.refreshes.append(
                jwt(iss="Azure Container Registry", grant_type="refresh_token", n=len(self.refreshes))
            )
            # no exp, and so a life of 60 seconds
            return token_answer(self.refreshes[-1], name="refresh_token")
        if request.form.get("refresh_token") not in self.refreshes:
            return Answer(401)
        self.tokens.append(access_token())
        return token_answer(self.tokens[-1])

    def __call__(self, request: Request) -> Answer:
        if request.path == "/oauth2/exchange":
            return self.token(request)
        return super().__call__(request)


@pytest.mark.parametrize("by", ["password", "source"])
async def test_an_entra_token_is_exchanged(stack: Stack, fake: Fake, clock: Clock, by: str) -> None:
    registry = Exchange(fake)
    registry.refreshes = []
    if by == "password":
        transport = stack.scoped_token(fake.host, "token", ENTRA, transport=stack.inner())["transport"]
    else:
        transport = by_source(stack, fake, Source(stack, ("token", ENTRA)))
    async with closing(transport):
        await asyncio.gather(*(stack.send(transport, get(fake, f"samples/app{n}")) for n in range(10)))
        assert len(registry.refreshes) == 1
        exchange = next(r for r in fake.requests if r.path == "/oauth2/exchange")
        assert exchange.form == {"grant_type": "access_token", "service": fake.host, "access_token": ENTRA}
        form = next(r for r in fake.requests if r.path == "/oauth2/token").form
        assert form.pop("scope").startswith("repository:samples/app")
        assert form == {"grant_type": "refresh_token", "service": fake.host, "refresh_token": registry.refreshes[0]}
        clock.now += 47
        await stack.send(transport, get(fake, "samples/new"))
        assert len(registry.refreshes) == 1
        clock.now += 2  # 80 % of its life
        await stack.send(transport, get(fake, "samples/newer"))
        assert len(registry.refreshes) == 2
        registry.refreshes.clear()  # refused before its time
        await stack.send(transport, get(fake, "samples/newest"))
        assert len(registry.refreshes) == 1
        # A refused access token is made anew from the root.
        registry.tokens.clear()
        count = len(fake.requests)
        await stack.send(transport, get(fake, "samples/newest"))
        assert [r.path for r in fake.requests[count + 1 : -1]] == ["/oauth2/exchange", "/oauth2/token"]


async def test_an_entra_token_that_is_refused(stack: Stack, fake: Fake) -> None:
    fake.answer = lambda _: Answer(401)
    transport = stack.scoped_token(fake.host, "token", ENTRA, transport=stack.inner())["transport"]
    async with closing(transport):
        with pytest.raises(RefusedError) as caught:
            await stack.send(transport, get(fake))
    assert str(caught.value) == "the Entra access token is not accepted: wrong, expired, or of another registry"
    assert fake.paths() == ["POST /oauth2/exchange"]
    assert held(caught.value, ENTRA) == []


async def test_an_acr_refresh_token(stack: Stack, fake: Fake) -> None:
    registry = Exchange(fake)
    registry.refreshes = ["opaque-refresh-token"]
    name = "00000000-0000-0000-0000-000000000000"
    transport = stack.scoped_token(fake.host, name, "opaque-refresh-token", transport=stack.inner())["transport"]
    async with closing(transport):
        await stack.send(transport, get(fake))
    assert tokens(fake)[0].form["grant_type"] == "refresh_token"
    assert repr(transport) == f"<acrkit transport: <ACR refresh token on {fake.host}>>"


async def test_a_refused_token_is_fetched_once_for_all(stack: Stack, fake: Fake) -> None:
    """Twenty requests meet an ended token at once: one token request, and each is sent once more."""
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, get(fake))
        registry.tokens.clear()
        answers = await asyncio.gather(*(stack.send(transport, get(fake)) for _ in range(20)))
        assert {a.status_code for a in answers} == {200}
        assert len(tokens(fake)) == 2


async def test_dates_of_answers(stack: Stack, fake: Fake, clock: Clock) -> None:
    """Without a date a token is used for 60 seconds; it is not used in the last tenth of so short a life."""
    registry = Registry(fake)

    def token(request: Request) -> Answer:
        registry.tokens.append(access_token())
        return Answer(200, json.dumps({"access_token": registry.tokens[-1]}), {"X": formatdate()})

    registry.token = token
    transport = transport_of(stack, fake)
    async with closing(transport):
        for after, count in ((0.0, 1), (47.0, 1), (2.0, 2)):
            clock.now += after
            await stack.send(transport, get(fake))
            assert len(registry.tokens) == count


async def test_a_path_with_a_challenge_of_another_repository(stack: Stack, fake: Fake) -> None:
    """What the registry's challenge asks for is fetched for this request, and no more than once."""
    registry = Registry(fake)
    registry.resource = lambda r: challenge(fake.host, f"repository:{len(fake.requests)}:pull")
    transport = transport_of(stack, fake)
    async with closing(transport):
        with pytest.raises(RefusedError):
            await stack.send(transport, HttpRequest("GET", fake.url + TAGS))
    assert len(fake.requests) == 4
