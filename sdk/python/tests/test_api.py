"""What people type, right and wrong, and what they read then."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import AioHttpTransport, AsyncioRequestsTransport, RequestsTransport

import acrkit
import acrkit.aio
from acrkit import RefusedError, scoped_token, scoped_token_from, secret_file

from .fake import jwt

PASSWORD = "correct-horse-battery-staple"


def test_the_names_of_the_package() -> None:
    assert len(acrkit.__all__) <= 6
    assert set(acrkit.aio.__all__) < set(acrkit.__all__)


def test_it_fits_the_clients_constructor() -> None:
    given = scoped_token("myregistry", "ci-pull", PASSWORD)
    assert given["endpoint"] == "https://myregistry.azurecr.io"
    assert given["credential"] is None
    with ContainerRegistryClient(**given) as client:
        # The SDK's client of the token service goes through our transport, too.
        assert client._client._client._pipeline._transport is given["transport"]
        exchange = client._auth_policy._exchange_client._client._client._pipeline._transport
        assert exchange is given["transport"]


def test_the_two_modules_take_the_same_arguments() -> None:
    for name in ("scoped_token", "scoped_token_from"):
        mine, theirs = (inspect.signature(getattr(module, name)) for module in (acrkit, acrkit.aio))
        assert list(mine.parameters) == list(theirs.parameters)


@pytest.mark.parametrize("module", [acrkit, acrkit.aio])
@pytest.mark.parametrize(
    ("endpoint", "name", "password", "error", "text"),
    [
        (
            None,
            "ci",
            PASSWORD,
            TypeError,
            "endpoint must be a str such as 'https://myregistry.azurecr.io', not NoneType",
        ),
        (b"myregistry", "ci", PASSWORD, TypeError, "not bytes"),
        ({"endpoint": "x"}, "ci", PASSWORD, TypeError, "not dict"),
        ("", "ci", PASSWORD, ValueError, "endpoint '' is empty"),
        (" myregistry", "ci", PASSWORD, ValueError, "endpoint ' myregistry' begins or ends with white space"),
        ("http://myregistry.azurecr.io", "ci", PASSWORD, ValueError, "plain HTTP to myregistry.azurecr.io is refused"),
        ("https://x:pass@myregistry.azurecr.io", "ci", PASSWORD, ValueError, "must not carry a user name or password"),
        ("myregistry.azurecr.io.evil.example", "ci", PASSWORD, ValueError, "no credential goes there"),
        ("myregistry.azurecr.io/samples/app", "ci", PASSWORD, ValueError, "without a path"),
        ("registry.contoso.com", "ci", PASSWORD, ValueError, "say custom_login_server=True"),
        ("myregistry", "", PASSWORD, ValueError, "the name that goes with the password is empty"),
        ("myregistry", None, PASSWORD, TypeError, "the name that goes with the password must be a str, not NoneType"),
        ("myregistry", "ci", "", ValueError, 'the password of token "ci" is empty'),
        ("myregistry", "ci", None, TypeError, 'the password of token "ci" must be a str, not NoneType'),
        ("myregistry", "ci", PASSWORD.encode(), TypeError, 'the password of token "ci" must be a str, not bytes'),
        ("myregistry", "ci", {"password": PASSWORD}, TypeError, "must be a str, not dict"),
        ("myregistry", "ci", PASSWORD + "\n", ValueError, "begins or ends with white space (perhaps a line feed"),
        ("myregistry", "ci", PASSWORD + "\r\nx", ValueError, "has a control character"),
        ("myregistry", "ci", PASSWORD + "\udc80", ValueError, "is not text in UTF-8"),
        ("myregistry", "<token>", PASSWORD + " ä", ValueError, "is taken for a token and is none"),
    ],
)
def test_wrong_arguments(module: Any, endpoint: Any, name: Any, password: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        module.scoped_token(endpoint, name, password)
    assert text in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "pass@" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_access_token_is_no_password() -> None:
    with pytest.raises(ValueError, match="an ACR access token, good for one scope"):
        scoped_token("myregistry", "ci", jwt(iss="Azure Container Registry", grant_type="access_token"))


def test_a_token_of_resource_manager_stays_with_microsofts_hosts() -> None:
    token = jwt(aud="https://management.azure.com/")
    scoped_token("myregistry", "token", token)
    scoped_token("localhost:5443", "token", token)
    with pytest.raises(ValueError, match="the host is not one of Microsoft's"):
        scoped_token("registry.contoso.com", "token", token, custom_login_server=True)
    scoped_token("registry.contoso.com", "token", jwt(iss="https://sts.windows.net/x/"), custom_login_server=True)


def test_the_second_password_is_looked_at_too() -> None:
    with pytest.raises(ValueError, match='the second password of token "ci" is empty'):
        scoped_token("myregistry", "ci", PASSWORD, "")


def test_a_login_server_of_ones_own_name() -> None:
    given = scoped_token("registry.contoso.com:8443", "ci", PASSWORD, custom_login_server=True)
    assert given["endpoint"] == "https://registry.contoso.com:8443"


@pytest.mark.parametrize("module", [acrkit, acrkit.aio])
def test_wrong_sources_and_transports(module: Any) -> None:
    with pytest.raises(TypeError, match="source must be a function that returns a name and a password, not tuple"):
        module.scoped_token_from("myregistry", ("ci", PASSWORD))
    with pytest.raises(TypeError, match=r"transport must be an azure-core (Async)?HttpTransport, not object"):
        module.scoped_token("myregistry", "ci", PASSWORD, transport=object())


def test_transports_of_the_other_kind() -> None:
    with pytest.raises(TypeError, match="must be an azure-core HttpTransport, not AioHttpTransport"):
        scoped_token("myregistry", "ci", PASSWORD, transport=AioHttpTransport())
    with pytest.raises(TypeError, match="must be an azure-core AsyncHttpTransport, not RequestsTransport"):
        acrkit.aio.scoped_token("myregistry", "ci", PASSWORD, transport=RequestsTransport())
    with pytest.raises(TypeError, match="must be an azure-core HttpTransport, not AsyncioRequestsTransport"):
        scoped_token("myregistry", "ci", PASSWORD, transport=AsyncioRequestsTransport())


def test_no_secret_is_shown() -> None:
    for module in (acrkit, acrkit.aio):
        given = module.scoped_token("myregistry", "ci-pull", PASSWORD, PASSWORD + "2")
        transport = given["transport"]
        assert repr(transport) == '<acrkit transport: <token "ci-pull" on myregistry.azurecr.io>>'
        logins = transport._logins
        shown = [repr(given), str(given), f"{transport}", repr(logins), repr(vars(transport))]
        shown += [repr(vars(login)) for login in logins]
        assert not [text for text in shown if PASSWORD in text]
        for secret in (given, transport, logins[0], logins[0].password):
            for carry in (pickle.dumps, copy.copy, copy.deepcopy):
                if carry is copy.copy and secret in (given, logins[0]):
                    continue  # another name for the same
                with pytest.raises(TypeError):
                    carry(secret)
            with pytest.raises(TypeError):
                json.dumps(secret)
    given = scoped_token_from("myregistry", lambda: ("ci-pull", PASSWORD))
    assert repr(given["transport"]) == "<acrkit transport: <credential on myregistry.azurecr.io>>"


def test_a_refusal_is_the_sdks_own_exception_and_can_be_pickled() -> None:
    error = RefusedError("text", code="denied", facts={"who": "x"})
    assert isinstance(error, ClientAuthenticationError)
    same = pickle.loads(pickle.dumps(error))
    assert (str(same), same.code, same.facts) == ("text", "denied", {"who": "x"})


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"secret", "secret"), (b"secret\n", "secret"), (b"secret\r\n", "secret"), (b"x" * (64 << 10), "x" * (64 << 10))],
)
def test_secret_files(tmp_path: Path, content: bytes, value: str) -> None:
    path = tmp_path / "acr"
    path.write_bytes(content)
    assert secret_file(path) == secret_file(str(path)) == value


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"secret\n\n", "begins or ends with white space"),
        (b" secret", "begins or ends with white space"),
        (b"secret\rx", "has a control character"),
        (b"secret\x00", "has a control character"),
        (b"secret\xff", "is not text in UTF-8"),
        (b"\xef\xbb\xbfsecret", "begins with a byte order mark"),
        (b"x" * (64 << 10) + b"\n", "is larger than 65536 bytes"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "acr"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=why) as caught:
        secret_file(path)
    assert str(path) in str(caught.value)
    assert "secret\\" not in repr(caught.value)
    assert "xx" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_missing_secret_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        secret_file(tmp_path / "nowhere")


def test_the_synchronous_module_needs_no_aiohttp() -> None:
    program = """if True:
        import sys
        sys.modules["aiohttp"] = None
        import acrkit
        acrkit.scoped_token("myregistry", "ci", "password")
        import acrkit.aio
        try:
            acrkit.aio.scoped_token("myregistry", "ci", "password")
        except ImportError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "acrkit.aio needs aiohttp: install it, or give a transport of your own\n"
