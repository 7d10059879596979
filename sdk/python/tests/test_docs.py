"""The programs of README.md and of the folders examples and copy, as a reader pastes them into an empty folder."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest

from .emulator import PULL, PUSH, Emulator
from .fake import Answer, Fake, access_token, challenge, token_answer
from .test_requests import held

HERE = Path(__file__).resolve().parents[1]
README = (HERE / "README.md").read_text()
COPY = HERE / "copy"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


EXAMPLES = {path.name: path.read_text() for path in sorted((HERE / "examples").glob("*.py"))}
PROGRAMS = (
    dict(re.findall(r"^<!-- file: (\S+) -->\n```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)) | EXAMPLES
)


def environment(emulator: Emulator, folder: Path, name: str = "ci-pull", password: str = PULL) -> dict[str, str]:
    (folder / "password").touch(mode=0o600)
    (folder / "password").write_text(password + "\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ACR_NAME": emulator.host,
        "ACR_ENDPOINT": emulator.url,
        "ACR_TOKEN_NAME": name,
        "ACR_TOKEN_PASSWORD": password,
        "ACR_TOKEN_PASSWORD_FILE": str(folder / "password"),
        "REQUESTS_CA_BUNDLE": emulator.ca,
        "SSL_CERT_FILE": emulator.ca,
        "CA_FILE": emulator.ca,
        "PYTHONPATH": str(HERE / "src"),
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert env["ACR_TOKEN_PASSWORD"] not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p != "promote.py"])
def test_programs_of_the_readme(emulator: Emulator, tmp_path: Path, program: str) -> None:
    (tmp_path / program).write_text(PROGRAMS[program])
    env = environment(emulator, tmp_path)
    if program == "transport.py":
        del env["REQUESTS_CA_BUNDLE"], env["SSL_CERT_FILE"]
    done = run(tmp_path, env, program, "samples/app")
    assert (done.stdout, done.stderr) == ("latest\nv1\n", "")
    done = run(tmp_path, env, program, "private/app")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == 'acrkit.RefusedError: the token "ci-pull" does not have metadata/read on "private/app"'
    env["ACR_TOKEN_PASSWORD"] = "not-the-password"
    (tmp_path / "password").write_text("not-the-password")
    done = run(tmp_path, env, program, "samples/app")
    assert "are not accepted: wrong, expired, disabled or not yet active" in done.stderr.splitlines()[-1]


def test_promote(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "promote.py").write_text(PROGRAMS["promote.py"])
    done = run(tmp_path, environment(emulator, tmp_path, "ci-push", PUSH), "promote.py", "samples/other", "v1")
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "approved: v1-approved writable: False"
    done = run(tmp_path, environment(emulator, tmp_path), "promote.py", "samples/app", "v1")
    assert 'has content/read but not content/write on "samples/app"' in done.stderr.splitlines()[-1]


def test_the_programs_are_formatted_and_typed(tmp_path: Path) -> None:
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text)
    config = ["--config", str(HERE / "pyproject.toml")]
    for arguments in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"]):
        subprocess.run([sys.executable, "-m", *arguments, *config, "."], cwd=tmp_path, check=True)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull]
    programs = ["list_tags.py", "list_tags_async.py", "source.py", "transport.py"]
    env = {**os.environ, "MYPYPATH": str(HERE / "src")}
    done = subprocess.run([*mypy, *programs], cwd=tmp_path, env=env, capture_output=True, text=True)
    # The SDK has types that are not complete; what is ours is.
    assert [line for line in done.stdout.splitlines() if "acrkit" in line and "error" in line] == []


def test_every_program_has_a_file_and_is_run() -> None:
    assert len(PROGRAMS) == len(blocks(README, "python")) + len(EXAMPLES) == 5
    lines = "".join(blocks(README, "sh"))
    assert [name for name in PROGRAMS if not re.search(rf"python (acrkit/sdk/python/examples/)?{name} ", lines)] == []


def test_nobody_is_told_to_install_a_strangers_package() -> None:
    assert not re.search(r"pip install[^\n]*\sacrkit\b", README)


@pytest.mark.slow
def test_install_from_a_clone(emulator: Emulator, tmp_path: Path) -> None:
    """README's lines in a clean environment; "git clone" finds the sources beside this package."""
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin" / "git"
    git.write_text(f'#!/bin/sh\ntest "$1" = clone && ln -s {HERE.parents[1]} acrkit\n')
    git.chmod(0o755)
    pins = re.findall(r"^([a-z0-9-]+==\S+)", (HERE / "requirements.txt").read_text(), re.MULTILINE)
    (tmp_path / "pins").write_text("\n".join(pins))
    folder = tmp_path / "empty"
    folder.mkdir()
    env = environment(emulator, tmp_path)
    del env["PYTHONPATH"], env["PYTHONWARNINGS"], env["REQUESTS_CA_BUNDLE"], env["SSL_CERT_FILE"]
    env["PATH"] = f"{tmp_path / 'bin'}:{Path(sys.executable).resolve().parent}:{env['PATH']}"
    env["PIP_CONSTRAINT"] = str(tmp_path / "pins")
    env |= {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}
    install, *_ = blocks(README, "sh")
    (folder / "list_tags.py").write_text(PROGRAMS["list_tags.py"])
    script = f"set -e\n{install}\nREQUESTS_CA_BUNDLE={emulator.ca} python list_tags.py samples/app\npip list\n"
    pip = Path(os.environ.get("HOME", "/")) / ".config" / "pip" / "pip.conf"
    if pip.exists():
        env["PIP_CONFIG_FILE"] = str(pip)
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nlatest\nv1\n" in done.stdout
    assert re.search(r"^acrkit +0\.1\.0", done.stdout, re.MULTILINE)
    assert "aiohttp" not in done.stdout
    # What is installed is whole, and what reads types finds them.
    (site,) = (folder / "venv" / "lib").glob("python3*/site-packages/acrkit")
    assert {p.name for p in site.glob("*") if p.name != "__pycache__"} == {
        p.name for p in (HERE / "src" / "acrkit").glob("*") if p.name != "__pycache__"
    }


@pytest.fixture
def copied(tmp_path: Path) -> Any:
    """The module of the folder copy."""
    for file in ("scoped_token.py", "list_tags.py"):
        (tmp_path / file).write_text((COPY / file).read_text())
    assert len((COPY / "scoped_token.py").read_text().splitlines()) <= 60
    spec = importlib.util.spec_from_file_location("copied", tmp_path / "scoped_token.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_copied_program(copied: types.ModuleType, emulator: Emulator, tmp_path: Path) -> None:
    env = environment(emulator, tmp_path)
    del env["PYTHONPATH"]
    done = run(tmp_path, env, "list_tags.py", "samples/app")
    assert (done.stdout, done.stderr) == ("latest\nv1\n", "")
    assert emulator.count() == 3
    env["ACR_TOKEN_PASSWORD"] = "not-the-password"
    done = run(tmp_path, env, "list_tags.py", "samples/app")
    assert "ClientAuthenticationError: the token service answers 401" in done.stderr
    assert emulator.new_requests() == ["GET /acr/v1/samples/app/_tags challenged", "POST /oauth2/token denied"]


def test_the_copied_transport(copied: Any, fake: Fake, other: Fake, certificate: tuple[Path, Path]) -> None:
    password, tokens = "a-password-to-be-copied", [access_token()]
    location = other.url + "/blob"
    breaks = False

    def answer(request: Any) -> Answer:
        if request.path == "/oauth2/token":
            return token_answer(tokens[0])
        if "authorization" not in request.headers:
            return challenge(fake.host, "repository:samples/app:pull")
        return Answer(0) if breaks else Answer(307, "", {"Location": location})

    fake.answer = answer
    other.answer = lambda _: Answer(401, "", {"WWW-Authenticate": f'Bearer realm="{other.url}",scope="x"'})
    transport = copied.ScopedTokenTransport(fake.url, "ci-pull", password, connection_verify=str(certificate[0]))
    with ContainerRegistryClient(fake.url, transport=transport) as client:
        with pytest.raises(ClientAuthenticationError) as caught:
            client.download_blob("samples/app", "sha256:" + "0" * 64)
        assert other.paths() == ["GET /blob"]
        assert held(other.requests, password, tokens[0]) == []
        assert held(caught.value, password, tokens[0], frames=False) == []
        assert len(fake.requests) == 3
        request = HttpRequest("GET", fake.url + "/v2/samples/app/manifests/v1", headers={"X-Mine": "1"})
        response = transport.send(request)
        assert held(response.internal_response.request, password, tokens[0]) == []
        assert response.request is request
        assert dict(request.headers) == {"X-Mine": "1"}
        breaks = True
        with pytest.raises((ServiceRequestError, ServiceResponseError)) as broken:
            client.get_manifest("samples/app", "v1", retry_total=0)
        assert held(broken.value, password, tokens[0], frames=False) == []
        fake.answer = lambda r: Answer(503) if r.method == "POST" else challenge(fake.host, "repository:a:pull")
        with pytest.raises(HttpResponseError) as busy:
            client.get_manifest("samples/app", "v1", retry_total=0)
        assert busy.value.status_code == 503
        assert held(busy.value, password, frames=False) == []
    for endpoint in ("http://myregistry.azurecr.io", "https://myregistry.azurecr.io@evil.example", "myregistry"):
        with pytest.raises(ValueError, match="must be https://HOST"):
            copied.ScopedTokenTransport(endpoint, "ci-pull", password)
