"""One request: where the credential goes, what a 401 leads to, and what the SDK gets to see."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import AsyncioRequestsTransport, HttpTransport, RequestsTransport
from azure.core.pipeline.transport import HttpRequest as LegacyRequest
from azure.core.rest import HttpRequest

import acrkit
import acrkit.aio
from acrkit import RefusedError, _core

from .conftest import Stack
from .fake import Answer, Fake, Request, access_token, challenge, token_answer

PASSWORD = "a-password-of-the-tests-00000001"
JSON = {"Content-Type": "application/json"}
TAGS = "/acr/v1/samples%2Fapp/_tags"


def transport_of(stack: Stack, fake: Fake, **options: Any) -> Any:
    given = stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner(), **options)
    assert given["endpoint"] == fake.url
    assert given["credential"] is None
    return given["transport"]


class Registry:
    """A registry that gives a new token to each token request and takes those that it gave."""

    def __init__(self, fake: Fake, life: float = 3600) -> None:
        self.fake, self.life = fake, life
        self.tokens: list[str] = []
        self.token: Callable[[Request], Answer] = self.give_token
        self.resource: Callable[[Request], Answer] = lambda _: Answer(200, '{"tags":[]}', JSON)
        fake.answer = self

    def __call__(self, request: Request) -> Answer:
        if request.path.startswith("/oauth2/token"):
            return self.token(request)
        if request.headers.get("authorization") not in [f"Bearer {t}" for t in self.tokens]:
            return challenge(self.fake.host, "repository:samples/app:metadata_read", "invalid_token")
        return self.resource(request)

    def give_token(self, request: Request) -> Answer:
        if request.form.get("password") != PASSWORD:
            return Answer(401, '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
        self.tokens.append(access_token(self.life))
        return token_answer(self.tokens[-1])


@pytest.mark.parametrize("kind", [HttpRequest, LegacyRequest])
@pytest.mark.parametrize("streamed", [False, True])
async def test_the_request_of_the_sdk_is_left_alone(stack: Stack, fake: Fake, kind: Any, streamed: bool) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        request = kind("GET", fake.url + TAGS, headers={"X-Mine": "1"})
        response = await stack.send(transport, request, stream=streamed)
        assert response.status_code == 200
        assert response.request is request
        assert dict(request.headers) == {"X-Mine": "1"}
        assert fake.requests[-1].headers["authorization"] == f"Bearer {registry.tokens[0]}"
        assert fake.requests[-1].headers["x-mine"] == "1"
        assert held(response, PASSWORD, registry.tokens[0]) == []
        form = fake.requests[0].form
        assert form == {
            "grant_type": "password",
            "username": "ci-pull",
            "password": PASSWORD,
            "service": fake.host,
            "scope": "repository:samples/app:metadata_read",
        }
        if streamed:
            await stack_read(response)
        assert fake.paths() == ["POST /oauth2/token", f"GET {TAGS}"]


async def test_a_callers_authorization_is_replaced(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        await stack.send(transport, HttpRequest("GET", fake.url + TAGS, headers={"authorization": "Bearer mine"}))
        assert fake.requests[-1].headers["authorization"] == f"Bearer {registry.tokens[0]}"


@pytest.mark.parametrize("path", ["/v2/samples/app/blobs/x", "/oauth2/token", "/acr/v1/_catalog"])
async def test_no_header_leaves_the_origin(stack: Stack, fake: Fake, other: Fake, path: str) -> None:
    Registry(fake)
    transport = transport_of(stack, fake)
    async with closing(transport):
        for name in ("Authorization", "authorization", "AUTHORIZATION"):
            request = HttpRequest("GET", other.url + path, headers={name: "Bearer mine", "X-Mine": "1"})
            assert (await stack.send(transport, request)).status_code == 200
            assert request.headers[name] == "Bearer mine"
        assert all("authorization" not in r.headers and r.headers["x-mine"] == "1" for r in other.requests)
        assert len(other.requests) == 3
        assert fake.requests == []


async def test_the_token_service_is_left_to_the_sdk(stack: Stack, fake: Fake) -> None:
    fake.answer = lambda _: Answer(401)
    transport = transport_of(stack, fake)
    async with closing(transport):
        request = HttpRequest("POST", fake.url + "/oauth2/token?a=b", headers={"Authorization": "Bearer mine"})
        assert (await stack.send(transport, request)).status_code == 401
        assert fake.paths() == ["POST /oauth2/token?a=b"]
        assert "authorization" not in fake.requests[0].headers


async def test_a_redirect_carries_nothing(stack: Stack, fake: Fake, other: Fake) -> None:
    registry = Registry(fake)
    registry.resource = lambda r: Answer(307, "", {"Location": other.url + "/blob?sig=1"})
    content = b"content"
    headers = {"Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}
    other.answer = lambda _: Answer(206, content, headers)
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert await stack.download(client, "samples/app", digest) == content
    assert [r.path for r in other.requests] == ["/blob?sig=1"]
    assert "authorization" not in other.requests[0].headers
    assert held(other.requests, *registry.tokens) == []


async def test_a_host_that_points_back_gets_no_credential_used(stack: Stack, fake: Fake, other: Fake) -> None:
    registry = Registry(fake)
    registry.resource = lambda r: Answer(307, "", {"Location": other.url + "/x"})
    other.answer = lambda _: Answer(307, "", {"Location": fake.url + "/v2/private/app/manifests/v1"})
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(ClientAuthenticationError):
        await stack.call(client, "get_manifest", "samples/app", "v1")
    assert fake.requests[-1].path == "/v2/private/app/manifests/v1"
    assert "authorization" not in fake.requests[-1].headers


async def test_a_blob_host_that_answers_401(stack: Stack, fake: Fake, other: Fake) -> None:
    registry = Registry(fake)
    registry.resource = lambda r: Answer(307, "", {"Location": other.url + "/blob"})
    other.answer = lambda _: challenge(other.host, "repository:samples/app:pull")
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(RefusedError) as caught:
        await stack.call(client, "download_blob", "samples/app", "sha256:" + "0" * 64)
    assert caught.value.code == "host_refused"
    assert str(caught.value) == (
        f'{other.host} answers 401, and no credential goes there: the token "ci-pull" is for {fake.host} alone'
    )
    assert other.paths() == ["GET /blob"]
    assert len(fake.requests) == 2


async def test_a_realm_elsewhere(stack: Stack, fake: Fake, other: Fake) -> None:
    registry = Registry(fake)
    scope = "repository:samples/app:metadata_read"
    registry.resource = lambda r: challenge(fake.host, scope, realm=other.url + "/oauth2/token")
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(RefusedError) as caught:
        await stack.tags(client, "samples/app")
    assert other.host in str(caught.value)
    assert "no credential goes there" in str(caught.value)
    assert caught.value.status_code == 401
    assert other.requests == []
    assert len(fake.requests) == 2


@pytest.mark.parametrize("url", ["http://localhost:1/", "HTTP://evil.example/blob"])
async def test_plain_http_is_refused(stack: Stack, fake: Fake, url: str) -> None:
    transport = transport_of(stack, fake)
    async with closing(transport):
        for address in (url, fake.url.replace("https", "http") + TAGS):
            with pytest.raises(RefusedError) as caught:
                await stack.send(transport, HttpRequest("GET", address))
            assert caught.value.code == "host_refused"
            assert str(caught.value).startswith("plain HTTP to ")
        assert fake.requests == []


async def test_a_scope_that_only_the_registry_knows(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)

    def answer(request: Request) -> Answer:
        if request.path == "/v2/unheard/of" and "authorization" not in request.headers:
            return challenge(fake.host, "repository:unheard:pull")
        return registry(request)

    fake.answer = answer
    transport = transport_of(stack, fake)
    async with closing(transport):
        assert (await stack.send(transport, HttpRequest("GET", fake.url + "/v2/unheard/of"))).status_code == 200
        assert fake.paths() == ["GET /v2/unheard/of", "POST /oauth2/token", "GET /v2/unheard/of"]
        assert fake.requests[1].form["scope"] == "repository:unheard:pull"


async def test_the_challenge_asks_for_more(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    more = "repository:samples/app:metadata_read,pull"

    def resource(request: Request) -> Answer:
        if request.headers["authorization"] == f"Bearer {registry.tokens[0]}":
            return challenge(fake.host, more, "insufficient_scope")
        return Answer(200, "{}")

    registry.resource = resource
    transport = transport_of(stack, fake)
    async with closing(transport):
        assert (await stack.send(transport, HttpRequest("GET", fake.url + TAGS))).status_code == 200
        assert fake.requests[2].form["scope"] == more
        assert len(fake.requests) == 4


@pytest.mark.parametrize("answer", ["invalid_token", "no error", "none", "malformed", "insufficient_scope"])
async def test_at_most_one_second_try(stack: Stack, fake: Fake, answer: str) -> None:
    registry = Registry(fake)
    scope = "repository:samples/app:metadata_read"
    registry.resource = lambda r: {
        "invalid_token": challenge(fake.host, scope, "invalid_token"),
        "no error": challenge(fake.host, scope),
        "none": Answer(401),
        "malformed": Answer(401, "", {"WWW-Authenticate": 'Bearer realm="'}),
        "insufficient_scope": challenge(fake.host, scope, "insufficient_scope"),
    }[answer]
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(RefusedError) as caught:
        await stack.tags(client, "samples/app")
    right = answer == "insufficient_scope"  # of a token that is new
    assert len(fake.requests) == (2 if right else 4)
    assert caught.value.code == ("insufficient_scope" if right else "credential_rejected")
    assert caught.value.status_code == 401
    assert caught.value.response is not None
    assert caught.value.response.status_code == 401


async def test_rights_may_have_changed_since(stack: Stack, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(_core, "monotonic", lambda: now)
    registry = Registry(fake)
    scope = "repository:samples/app:metadata_read"
    transport = transport_of(stack, fake)
    request = HttpRequest("GET", fake.url + TAGS)
    async with closing(transport):
        await stack.send(transport, request)
        first = registry.tokens[0]

        def resource(request: Request) -> Answer:
            old = request.headers["authorization"] == f"Bearer {first}"
            return challenge(fake.host, scope, "insufficient_scope") if old else Answer(200)

        registry.resource = resource
        now += _core.RIGHTS_AGE
        with pytest.raises(RefusedError):
            await stack.send(transport, request)
        assert len(fake.requests) == 3
        now += 0.1
        assert (await stack.send(transport, request)).status_code == 200
        assert len(fake.requests) == 6


async def test_an_ended_token_costs_one_failed_request(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    transport = transport_of(stack, fake)
    body = io.BytesIO(b"skipped|sent twice")
    body.seek(8)
    async with closing(transport):
        await stack.send(transport, HttpRequest("GET", fake.url + TAGS))
        registry.tokens.clear()  # the registry does not know it any more
        request = HttpRequest("PATCH", fake.url + TAGS, content=body)
        registry.tokens.clear()
        assert (await stack.send(transport, request)).status_code == 200
        assert (await stack.send(transport, HttpRequest("GET", fake.url + TAGS))).status_code == 200
    patches = [r for r in fake.requests if r.method == "PATCH"]
    assert [r.body for r in patches] == [b"sent twice"]
    assert len(fake.requests) == 7


async def test_a_body_is_sent_again_from_where_it_began(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    refused: list[bytes] = []

    def resource(request: Request) -> Answer:
        if not refused:
            refused.append(request.body)
            return challenge(fake.host, error="invalid_token")
        return Answer(202)

    registry.resource = resource
    transport = transport_of(stack, fake)
    body = io.BytesIO(b"skipped|sent twice")
    body.seek(8)
    async with closing(transport):
        request = HttpRequest("PATCH", fake.url + "/v2/samples/app/blobs/uploads/1", content=body)
        assert (await stack.send(transport, request)).status_code == 202
    assert refused == [b"sent twice"]
    assert fake.requests[-1].body == b"sent twice"


async def test_a_body_that_can_be_read_once_is_not_sent_again(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    registry.resource = lambda r: challenge(fake.host, error="invalid_token")
    transport = transport_of(stack, fake)

    async def parts() -> Any:
        yield b"once"

    content: Any = iter([b"once"]) if stack.name == "sync" else parts()
    async with closing(transport):
        request = HttpRequest("PATCH", fake.url + "/v2/samples/app/blobs/uploads/1", content=content)
        with pytest.raises(RefusedError):
            await stack.send(transport, request)
        assert len(fake.requests) == 2
        # The token is gone all the same: the next request gets a new one.
        registry.resource = lambda r: Answer(202)
        request = HttpRequest("PATCH", fake.url + "/v2/samples/app/blobs/uploads/1", content=b"")
        await stack.send(transport, request)
        assert len(fake.requests) == 4


async def test_not_found_is_the_sdks_own_error(stack: Stack, fake: Fake) -> None:
    registry = Registry(fake)
    body = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":null}]}'
    registry.resource = lambda r: Answer(404, body, JSON)
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(ResourceNotFoundError) as caught:
        await stack.call(client, "get_manifest", "samples/app", "v9")
    assert 'the repository "samples/app" has no tag or manifest "v9"' in str(caught.value)
    assert caught.value.status_code == 404
    assert len(fake.requests) == 2
    await stack.call(client, "delete_manifest", "samples/app", "sha256:" + "0" * 64)  # a success to the SDK


@pytest.mark.parametrize("status", [400, 403, 405, 409, 416])
async def test_other_refusals_name_explain(stack: Stack, fake: Fake, status: int) -> None:
    registry = Registry(fake)
    body = '{"errors":[{"code":"DENIED","message":"client is not allowed access","detail":null}]}'
    registry.resource = lambda r: Answer(status, body, JSON)
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises(HttpResponseError) as caught:
        await stack.tags(client, "samples/app")
    assert caught.value.status_code == status
    assert "give this text to: acrkit explain" in str(caught.value)
    assert "client is not allowed access" in str(caught.value)
    assert len(fake.requests) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_the_sdk_retries_it_gets(stack: Stack, fake: Fake, status: int) -> None:
    registry = Registry(fake)
    registry.resource = lambda r: (
        Answer(200, '{"tags":[]}', JSON) if len(fake.requests) > 3 else Answer(status, "", {"Retry-After": "0"})
    )
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    assert await stack.tags(client, "samples/app", retry_backoff_factor=0) == []
    assert len(fake.requests) == 4


async def test_unreachable(stack: Stack, fake: Fake) -> None:
    given = stack.scoped_token("localhost:9", "ci-pull", PASSWORD, transport=stack.inner())
    client = stack.client(given)
    with pytest.raises(ServiceRequestError) as caught:
        await stack.tags(client, "samples/app", retry_total=0)
    assert str(caught.value).startswith("localhost:9 cannot be reached: ")
    assert held(caught.value, PASSWORD) == []


async def test_a_connection_that_breaks(stack: Stack, fake: Fake) -> None:
    """The exception is of the inner transport's type, so that the SDK tries again, and holds no header."""
    registry = Registry(fake)
    registry.resource = lambda r: Answer(0)
    client = stack.client(stack.scoped_token(fake.host, "ci-pull", PASSWORD, transport=stack.inner()))
    with pytest.raises((ServiceRequestError, ServiceResponseError)) as caught:
        await stack.tags(client, "samples/app", retry_total=1, retry_backoff_factor=0)
    assert f"{fake.host} cannot be reached: " in str(caught.value)
    assert fake.paths()[-2:] == [f"GET {TAGS}"] * 2
    assert held(caught.value, PASSWORD, *registry.tokens) == []
    assert caught.value.__cause__ is None


async def test_a_second_client_of_the_same_call(stack: Stack, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    Registry(fake)
    made = []

    def inner() -> Any:  # as the default, but for the CA
        made.append(stack.inner())
        return made[-1]

    stack.patch_default(monkeypatch, inner)
    given = stack.scoped_token(fake.host, "ci-pull", PASSWORD)
    first, second = stack.client(given), stack.client(given)
    await stack.tags(first, "samples/app")
    await stack.close(first)
    await stack.tags(second, "samples/app")
    await stack.close(second)
    assert len(fake.requests) == 3  # the token is still there
    assert len(made) == 2
    assert all(transport.session is None for transport in made)


async def test_nested_with_blocks_share_the_connections(
    fake: Fake, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry(fake)
    made: list[Any] = []

    class Inner(RequestsTransport):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(connection_verify=str(certificate[0]))
            made.append(self)

    monkeypatch.setattr("acrkit._sync.ScopedTokenTransport._default", lambda self: Inner)
    given = acrkit.scoped_token(fake.host, "ci-pull", PASSWORD)

    def use() -> None:
        with ContainerRegistryClient(**given) as first:
            with ContainerRegistryClient(**given) as second:
                list(second.list_tag_properties("samples/app"))
            assert made[0].session is not None
            list(first.list_tag_properties("samples/app"))
        assert made[0].session is None
        with ContainerRegistryClient(**given) as third:
            list(third.list_tag_properties("samples/app"))

    await asyncio.to_thread(use)
    assert len(made) == 2
    assert made[1].session is None
    assert len(fake.requests) == 4


def test_netrc_has_no_part(
    fake: Fake, other: Fake, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests puts the credential of ~/.netrc in place of a header, and sends it to the host of a redirect."""
    (tmp_path / "netrc").touch(mode=0o600)
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    registry = Registry(fake)
    inner = RequestsTransport(connection_verify=str(certificate[0]))
    transport: Any = acrkit.scoped_token(fake.host, "ci-pull", PASSWORD, transport=inner)["transport"]
    with transport:
        transport.send(HttpRequest("GET", fake.url + TAGS))
        transport.send(HttpRequest("GET", other.url + "/blob"))
    sent = [r.headers.get("authorization") for r in (*fake.requests, *other.requests)]
    assert sent == [None, f"Bearer {registry.tokens[0]}", None]


async def test_another_transport_of_azure_core(
    fake: Fake, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without aiohttp: azure-core has an asynchronous transport by threads. ~/.netrc has no part in it, too."""
    (tmp_path / "netrc").touch(mode=0o600)
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    registry = Registry(fake)
    inner = AsyncioRequestsTransport(connection_verify=str(certificate[0]))
    transport: Any = acrkit.aio.scoped_token(fake.host, "ci-pull", PASSWORD, transport=inner)["transport"]
    async with closing(transport):
        for kind in (HttpRequest, LegacyRequest):
            response = await transport.send(kind("GET", fake.url + TAGS))
            assert response.status_code == 200
            assert held(response, PASSWORD, *registry.tokens) == []
    assert len(fake.requests) == 3


class Foreign(HttpTransport[Any, Any]):
    """A transport with responses of its own making, which cannot be changed."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, request: Any, **kwargs: Any) -> Any:
        self.sent.append(request.url)
        token = {"access_token": "a-token-of-the-tests"}
        made = SimpleNamespace(
            request=request,
            status_code=200 if request.url.endswith("/oauth2/token") else 404,
            reason="Not Found",
            headers={},
            text=lambda: "",
            body=lambda: b"",
            iter_bytes=lambda: iter([json.dumps(token).encode()]),
        )

        class Fixed:
            def __getattr__(self, name: str) -> Any:
                return getattr(made, name)

            def __setattr__(self, name: str, value: Any) -> None:
                raise AttributeError(name)

        return Fixed()

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def __exit__(self, *args: Any) -> None:
        pass


def test_responses_of_anothers_making() -> None:
    inner = Foreign()
    transport: Any = acrkit.scoped_token("myregistry", "ci-pull", PASSWORD, transport=inner)["transport"]
    response = transport.send(HttpRequest("GET", "https://myregistry.azurecr.io" + TAGS))
    assert response.status_code == 404
    assert response.request.headers == {}
    assert len(inner.sent) == 2


class closing:  # noqa: N801
    """Closes a transport of either kind."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *args: Any) -> None:
        done = self.transport.close()
        if asyncio.iscoroutine(done):
            await done


async def stack_read(response: Any) -> None:
    read = getattr(response, "read", None) or getattr(response, "load_body", None) or response.body
    done = read()
    if asyncio.iscoroutine(done):
        await done


KINDS = ("module", "type", "function", "method", "traceback", "frame")


def held(thing: Any, *secrets: str, frames: bool = True) -> list[str]:
    """Where a secret can be reached from an object: through attributes, items, causes and frames of tracebacks.

    Our own transports and cores hold them and are not entered; neither are modules, classes and functions. Of frames
    the variables of all but the tests are printed, as tools that report errors do; those of the package are entered.
    """
    found: list[str] = []
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [(type(thing).__name__, thing)]
    skipped = ("acrkit._core", "acrkit._sync", "acrkit.aio", "tests.")
    while todo:
        where, it = todo.pop()
        if id(it) in seen or where.count("/") > 9:
            continue
        seen.add(id(it))
        kind = type(it)
        if kind.__module__.startswith(skipped) or kind.__name__ in KINDS:
            continue
        if isinstance(it, (str, bytes, bytearray)):
            text = it if isinstance(it, str) else bytes(it).decode("latin-1")
            found += [where for secret in secrets if secret in text]
            continue
        if kind.__name__ in ("Session", "ClientSession", "HTTPAdapter", "TCPConnector"):
            continue
        if isinstance(it, BaseException):
            frame = it.__traceback__ if frames else None
            while frame is not None:
                code = frame.tb_frame.f_code
                for name, value in frame.tb_frame.f_locals.items():
                    if "/tests/" not in code.co_filename:  # a test knows the secrets
                        todo.append((f"{where}>{code.co_name}/{name}/repr", repr(value)))
                    if "/acrkit/" in code.co_filename:
                        todo.append((f"{where}>{code.co_name}/{name}", value))
                frame = frame.tb_next
        if isinstance(it, dict):
            todo += [(f"{where}/[{k}]", v) for k, v in it.items()]
        todo += [(f"{where}/{type(r).__name__}", r) for r in gc.get_referents(it)]
        todo.append((f"{where}/repr", repr(it)))
    return found


def test_held_finds() -> None:
    request = HttpRequest("GET", "https://x/", headers={"Authorization": "Bearer abc-secret"})
    error = ServiceRequestError("x", error=ValueError(json.dumps({"a": 1})))
    error.inner_exception.request = request  # type: ignore[union-attr]
    assert held(error, "abc-secret")
    assert not held(error, "another")
