"""Microsoft's clients against the emulator: what works, what is refused, how many requests it costs, what is logged."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import logging
import tracemalloc
import urllib.parse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.containerregistry.aio import ContainerRegistryClient as AsyncContainerRegistryClient
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential

import acrkit
from acrkit import RefusedError, _core, secret_file

from .conftest import Stack
from .emulator import CLIENT, NAMES, PULL, PUSH, PUSH_2, SECRET, TENANT, Emulator
from .test_requests import held

MIB = 1 << 20
COUNTS = Path(__file__).resolve().parents[1] / "counts.json"


def client_of(stack: Stack, emulator: Emulator, name: str = "ci-pull", password: str = PULL, **options: Any) -> Any:
    return stack.client(stack.scoped_token(emulator.host, name, password, transport=stack.inner()), **options)


def principal_of(stack: Stack, emulator: Emulator) -> Any:
    """The unmodified SDK as a service principal."""
    options = {"authority": emulator.url, "disable_instance_discovery": True}
    if stack.name == "sync":
        credential: Any = ClientSecretCredential(TENANT, CLIENT, SECRET, transport=stack.inner(), **options)
    else:
        credential = AsyncClientSecretCredential(TENANT, CLIENT, SECRET, transport=stack.inner(), **options)
    return stack.client({"endpoint": emulator.url, "credential": credential, "transport": stack.inner()})


def push_many_tags(bundle: str, emulator: Emulator) -> None:
    """Pushes 2,300 tags to samples/many, unless they are there."""
    inner = RequestsTransport(connection_verify=bundle)
    with ContainerRegistryClient(**acrkit.scoped_token(emulator.host, "ci-push", PUSH, transport=inner)) as client:
        try:
            client.get_tag_properties("samples/many", "v2299")
            return
        except ResourceNotFoundError:
            pass
        index: Any = client.get_manifest("samples/app", "v1").manifest
        manifest: Any = client.get_manifest("samples/app", index["manifests"][0]["digest"]).manifest
        for part in [manifest["config"], *manifest["layers"]]:
            client.upload_blob(
                "samples/many", io.BytesIO(b"".join(client.download_blob("samples/app", part["digest"])))
            )
        for n in range(2300):
            client.set_manifest("samples/many", manifest, tag=f"v{n}", media_type=manifest["mediaType"])


async def test_tags_manifests_and_blobs(stack: Stack, emulator: Emulator) -> None:
    client = client_of(stack, emulator, "ci-push", PUSH)
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    manifest = await stack.call(client, "get_manifest", "samples/app", "v1")
    data = bytes(range(256)) * (5 * MIB // 256)
    digest, size = await stack.call(client, "upload_blob", "samples/app", io.BytesIO(data))
    assert size == len(data)
    assert await stack.download(client, "samples/app", digest) == data
    await stack.call(
        client,
        "set_manifest",
        "samples/app",
        io.BytesIO(json.dumps(manifest.manifest).encode()),
        tag="v2",
        media_type=manifest.media_type,
    )
    locked = await stack.call(client, "update_tag_properties", "samples/app", "v2", can_write=False)
    assert locked.can_write is False
    await stack.call(client, "update_tag_properties", "samples/app", "v2", can_write=True)
    await stack.call(client, "delete_tag", "samples/app", "v2")
    await stack.call(client, "delete_blob", "samples/app", digest)
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]


async def test_names_with_a_root_map(stack: Stack, emulator: Emulator) -> None:
    client = client_of(stack, emulator, "ci-names", NAMES)
    assert "samples/app" in await stack.names(client)


Refused = Callable[[Stack, Any], Awaitable[Any]]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s, c: s.tags(c, "private/app"), 'does not have metadata/read on "private/app"'),
        (lambda s, c: s.call(c, "get_manifest", "private/app", "v1"), 'does not have content/read on "private/app"'),
        (
            lambda s, c: s.call(c, "upload_blob", "samples/app", io.BytesIO(b"x")),
            'has content/read but not content/write on "samples/app"',
        ),
        (
            lambda s, c: s.call(c, "update_tag_properties", "samples/app", "v1", can_write=False),
            'does not have metadata/write on "samples/app"',
        ),
        (lambda s, c: s.call(c, "delete_tag", "samples/app", "v1"), 'does not have content/delete on "samples/app"'),
        (
            lambda s, c: s.names(c),
            "may not list the repositories of the registry\n"
            "a scope map opens the list of repositories only with the root wildcard *; name the repositories instead",
        ),
    ],
)
async def test_a_right_is_missing(stack: Stack, emulator: Emulator, call: Refused, text: str) -> None:
    client = client_of(stack, emulator)
    with pytest.raises(ClientAuthenticationError) as caught:
        await call(stack, client)
    assert str(caught.value) == f'the token "ci-pull" {text}'
    assert isinstance(caught.value, RefusedError)
    assert caught.value.code == "insufficient_scope"
    assert caught.value.status_code == 401
    assert emulator.count() == 2


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ci-pull", "not-the-password"),
        ("nobody", PULL),
        ("ci-old", "sdk-old-password-00000000000000007"),
        ("ci-off", "sdk-off-password-00000000000000008"),
    ],
)
async def test_not_accepted(stack: Stack, emulator: Emulator, name: str, password: str) -> None:
    client = client_of(stack, emulator, name, password)
    with pytest.raises(RefusedError) as caught:
        await stack.tags(client, "samples/app")
    assert str(caught.value).startswith(
        f'the token "{name}" and its password are not accepted: wrong, expired, disabled or not yet active'
    )
    assert caught.value.code == "credential_rejected"
    assert emulator.new_requests() == ["POST /oauth2/token denied"]
    assert held(caught.value, password) == []


@pytest.mark.parametrize(
    ("repository", "tag", "text"),
    [
        ("samples/gone", None, 'has no repository "samples/gone"'),
        ("samples/app", "v9", 'the repository "samples/app" has no tag or manifest "v9"'),
    ],
)
async def test_not_found(stack: Stack, emulator: Emulator, repository: str, tag: str | None, text: str) -> None:
    client = client_of(stack, emulator, "ci-push", PUSH)
    with pytest.raises(ResourceNotFoundError, match=text):
        await (stack.tags(client, repository) if tag is None else stack.call(client, "get_manifest", repository, tag))
    assert emulator.count() == 2


async def test_unreachable(stack: Stack) -> None:
    client = stack.client(stack.scoped_token("localhost:9", "ci-pull", PULL, transport=stack.inner()))
    with pytest.raises(ServiceRequestError, match="localhost:9 cannot be reached: "):
        await stack.tags(client, "samples/app", retry_total=0)


@pytest.mark.parametrize("host", ["myregistry.azurecr.io.evil.example", "myregistry.azurecr.io-evil.example"])
async def test_a_look_alike(stack: Stack, host: str) -> None:
    with pytest.raises(ValueError, match="is not a login server of Azure Container Registry, and no credential"):
        stack.scoped_token(host, "ci-pull", PULL)


async def test_an_expired_first_token(stack: Stack, emulator: Emulator) -> None:
    client = client_of(stack, emulator)
    await stack.tags(client, "samples/app")
    emulator.advance("2h")
    emulator.new_requests()
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    assert emulator.new_requests() == [
        "GET /acr/v1/samples/app/_tags denied",
        "POST /oauth2/token allowed",
        "GET /acr/v1/samples/app/_tags allowed",
    ]


async def test_the_second_password(stack: Stack, emulator: Emulator) -> None:
    given = stack.scoped_token(emulator.host, "ci-push", "rotated-away", PUSH_2, transport=stack.inner())
    client = stack.client(given)
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    await stack.tags(client, "samples/other")
    assert [r for r in emulator.new_requests() if "token" in r] == [
        "POST /oauth2/token denied",
        "POST /oauth2/token allowed",
        "POST /oauth2/token allowed",
    ]


async def test_a_password_rotated_under_a_running_client(stack: Stack, emulator: Emulator, tmp_path: Path) -> None:
    path = "/registries/myregistry/tokens/rotating"
    emulator.control("PUT", path, {"scopeMap": "reads-one"})

    def rotate() -> None:
        made = emulator.control("POST", path + "/passwords", {"names": ["password1"]})
        (tmp_path / "new").touch(mode=0o600)
        (tmp_path / "new").write_text(made["passwords"][0]["value"] + "\n")
        (tmp_path / "new").rename(tmp_path / "acr")

    rotate()

    def source() -> tuple[str, str]:
        return "rotating", secret_file(tmp_path / "acr")

    client = stack.client(stack.scoped_token_from(emulator.host, source, transport=stack.inner()))
    for _ in range(3):
        assert await stack.tags(client, "samples/app") == ["latest", "v1"]
        rotate()
        emulator.advance("2h")  # the access token ends, the old password is refused
    emulator.control("DELETE", path)


async def test_a_throttled_token_service(stack: Stack, emulator: Emulator) -> None:
    emulator.control("POST", "/faults", {"kind": "throttle", "routes": ["token"], "count": 1, "retryAfter": 1})
    client = client_of(stack, emulator)
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    assert emulator.count() == 3


async def test_an_answer_of_401_without_a_word(stack: Stack, emulator: Emulator) -> None:
    emulator.control("POST", "/faults", {"kind": "unauthorized", "routes": ["tags"], "count": 1})
    client = client_of(stack, emulator)
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    assert emulator.new_requests() == [
        "POST /oauth2/token allowed",
        "GET /acr/v1/samples/app/_tags faulted",
        "POST /oauth2/token allowed",
        "GET /acr/v1/samples/app/_tags allowed",
    ]


async def test_twenty_concurrent_cold_calls(stack: Stack, emulator: Emulator) -> None:
    client = client_of(stack, emulator)
    lists = await asyncio.gather(*(stack.tags(client, "samples/app") for _ in range(20)))
    assert lists == [["latest", "v1"]] * 20
    assert [r for r in emulator.new_requests() if "token" in r] == ["POST /oauth2/token allowed"]


@pytest.mark.parametrize("as_principal", [False, True])
async def test_an_entra_token_as_the_password(stack: Stack, emulator: Emulator, as_principal: bool) -> None:
    """The published recipe: user "token", password an Entra access token."""
    with_ca = RequestsTransport(connection_verify=stack.bundle)
    credential = ClientSecretCredential(
        TENANT, CLIENT, SECRET, authority=emulator.url, disable_instance_discovery=True, transport=with_ca
    )
    token = credential.get_token("https://containerregistry.azure.net/.default").token
    credential.close()
    emulator.new_requests()
    # Also the principal's id and secret are a name and a password.
    client = client_of(stack, emulator, *((CLIENT, SECRET) if as_principal else ("token", token)))
    assert await stack.tags(client, "samples/app") == ["latest", "v1"]
    assert emulator.count() == (2 if as_principal else 3)


async def test_a_thousand_repositories_in_bounded_memory(stack: Stack, emulator: Emulator) -> None:
    client = client_of(stack, emulator, "ci-push", PUSH)
    transport = client._client._client._pipeline._transport

    async def visit(first: int, last: int) -> None:
        for n in range(first, last):
            with pytest.raises(ResourceNotFoundError):
                await stack.tags(client, f"samples/app{n}")

    monkey = pytest.MonkeyPatch()
    try:
        monkey.setattr(_core, "MAX_CACHED_TOKENS", 100)
        await visit(0, 200)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.take_snapshot()
        await visit(200, 1000)
        gc.collect()
        grown = sum(d.size_diff for d in tracemalloc.take_snapshot().compare_to(before, "filename"))
    finally:
        tracemalloc.stop()
        monkey.undo()
    assert len(transport._tokens) == 100
    assert grown < 2 * MIB, grown


@pytest.mark.slow
async def test_an_upload_outlives_its_token(stack: Stack, emulator: Emulator) -> None:
    """200 MiB; the access token ends on the way, twice."""

    class Blob(io.BytesIO):
        read_before = 0

        def read(self, size: int | None = -1) -> bytes:
            at = self.tell() // (70 * MIB)
            if at > self.read_before:
                self.read_before = at
                emulator.advance("2h")
            return super().read(size)

    size = 200 * MIB
    client = client_of(stack, emulator, "ci-push", PUSH)
    digest, uploaded = await stack.call(client, "upload_blob", "samples/app", Blob(bytes(size)))
    assert uploaded == size
    lines = emulator.new_requests()
    assert lines.count("POST /oauth2/token allowed") == 3
    assert sum("denied" in line for line in lines) == 2
    emulator.control("DELETE", "/clock")
    await stack.call(client, "delete_blob", "samples/app", digest)


async def counts_of(stack: Stack, emulator: Emulator) -> dict[str, dict[str, int]]:
    """How many requests each operation sends, those for tokens included."""
    data = bytes(25 * MIB)
    uploaded = ""

    async def list_tags(client: Any) -> None:
        assert await stack.tags(client, "samples/app")

    async def get_manifest(client: Any) -> None:
        await stack.call(client, "get_manifest", "samples/app", "v1")

    async def upload(client: Any) -> None:
        nonlocal uploaded
        uploaded, _ = await stack.call(client, "upload_blob", "samples/app", io.BytesIO(data))

    async def download(client: Any) -> None:
        assert await stack.download(client, "samples/app", uploaded) == data

    async def paging(client: Any) -> None:
        assert len(await stack.tags(client, "samples/many")) == 2300

    counts = {}
    for name, operation in {
        "list tags": list_tags,
        "get manifest": get_manifest,
        "upload of 25 MiB": upload,
        "download of 25 MiB": download,
        "paging over 2,300 tags": paging,
    }.items():
        client, principal = client_of(stack, emulator, "ci-push", PUSH), principal_of(stack, emulator)
        row = {}
        for column, who in (("acrkit cold", client), ("acrkit warm", client), ("service principal", principal)):
            emulator.new_requests()
            await operation(who)
            row[column] = emulator.count()
        counts[name] = row
    return counts


async def test_counts(stack: Stack, emulator: Emulator) -> None:
    """counts.json holds what is measured here; docs/azure-sdks.md shows it."""
    await asyncio.to_thread(push_many_tags, stack.bundle, emulator)
    counts = await counts_of(stack, emulator)
    if not COUNTS.exists():
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n")
    assert counts == json.loads(COUNTS.read_text())


async def test_the_most_talkative_log(
    stack: Stack, emulator: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every secret of a full run is looked for in all that is logged, printed and raised."""
    secrets = {PUSH, "rotated-away-password"}
    post = _core._token_in

    def record(body: bytes, name: str) -> Any:
        secret = post(body, name)
        if secret is not None:
            secrets.add(secret.reveal())
        return secret

    patch = pytest.MonkeyPatch()
    patch.setattr(_core, "_token_in", record)
    texts: list[str] = []
    caplog.set_level(logging.DEBUG)
    try:
        given = stack.scoped_token(emulator.host, "ci-push", "rotated-away-password", PUSH, transport=stack.inner())
        client = stack.client(given, logging_enable=True)
        await stack.tags(client, "samples/app", logging_enable=True)
        await stack.call(client, "get_manifest", "samples/app", "v1", logging_enable=True)
        await stack.call(client, "upload_blob", "samples/app", io.BytesIO(b"x"), logging_enable=True)
        emulator.advance("2h")
        await stack.tags(client, "samples/app", logging_enable=True)
        for error, call in (
            (RefusedError, stack.tags(client, "private/app", logging_enable=True)),
            (ResourceNotFoundError, stack.call(client, "get_manifest", "samples/app", "v9", logging_enable=True)),
        ):
            with pytest.raises(error) as caught:
                await call
            texts += [str(caught.value), repr(caught.value)]
            assert held(caught.value, *secrets) == []
        emulator.control("POST", "/faults", {"kind": "throttle", "routes": ["token"], "count": 1, "retryAfter": 1})
        await stack.tags(client, "samples/other", logging_enable=True)
    finally:
        patch.undo()
    assert len(secrets) > 5
    texts += [caplog.text, *capfd.readouterr()]
    texts += [str(vars(record)) for record in caplog.records]
    assert "Request headers:" in caplog.text  # it is the most talkative
    everything = "\n".join(texts)
    for secret in secrets:
        for spelling in (
            secret,
            urllib.parse.quote(secret, ""),
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"ci-push:{secret}".encode()).decode(),
            secret[:40],
        ):
            assert spelling not in everything


def test_the_two_clients_are_the_sdks_own() -> None:
    assert ContainerRegistryClient.__module__.startswith("azure.")
    assert AsyncContainerRegistryClient.__module__.startswith("azure.")
