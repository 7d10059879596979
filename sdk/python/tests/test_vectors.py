"""The vectors that acrkit's Go tests write: all languages answer them alike, and each reads every one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acrkit import _login, _refusals, _wire, scoped_token
from acrkit._core import Failure, Token
from acrkit._sync import run
from acrkit._text import Secret, message

VECTORS = Path(__file__).resolve().parents[3] / "testdata" / "vectors"


def scope(v: Any) -> Any:
    return {"scope": str(_wire.required_scope(v["method"], v["path"]))}


def endpoint(v: Any) -> Any:
    try:
        registry = _wire.parse_endpoint(v["endpoint"], v.get("custom", False))
        return {"url": registry.url, "service": registry.service}
    except ValueError as error:
        return {"code": "host_refused" if "no credential goes there" in str(error) else "usage"}


def origin(v: Any) -> Any:
    return {"home": _wire.parse_endpoint(v["endpoint"], True).is_home(v["url"])}


def challenge(v: Any) -> Any:
    headers = [re.sub(r"\{(.) \* (\d+)\}", lambda m: m[1] * int(m[2]), h) for h in v["headers"]]
    try:
        found = _wire.parse_challenge(headers)
    except ValueError as error:
        return {"refused": str(error)}
    if found.realm and not _wire.Registry(v["registry"]).is_realm(found.realm):
        return {"refused": "foreign_realm"}
    return {k: v for k, v in {**found._asdict(), "scope": str(found.scope)}.items() if v}


def token(v: Any) -> Any:
    return {"kind": _login.password_kind(v["user"], v["password"])}


def lifetime(v: Any) -> Any:
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acrkit._core.monotonic", lambda: now)
        made = Token(Secret("x"), _wire.life_of(v["token"], v["date"]), {})
        seen = {"life": made.life}
        checks: dict[str, Callable[[], bool]] = {"renew": lambda: made.due, "ends": lambda: not made.alive}
        for key, reached in checks.items():
            now = v[key] - 0.001
            assert not reached()
            now += 0.002
            assert reached()
            seen[key] = v[key]
    return seen


def refusal(v: Any) -> Any:
    """What the core makes of a last answer, of the registry or of its token service."""
    given = scoped_token(v["registry"], v["credential"], "correct-horse-battery-staple")
    transport: Any = given["transport"]
    request = SimpleNamespace(method=v["method"], url=f"https://{v['registry']}{v['path']}", headers={}, data=None)
    answer = SimpleNamespace(
        status_code=v["status"], headers=v["headers"], reason="", text=lambda: v["body"], read=lambda: b""
    )
    claims = {} if v["granted"] is None else {"access": access(v["granted"], v.get("capitals", False))}
    key, facts = "", {}

    def fill(sentence: str, given: Any) -> str:
        nonlocal key, facts
        if sentence != "other":
            key, facts = sentence, dict(given)
        return message(sentence, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acrkit._refusals.message", fill)
        patch.setattr("acrkit._core.message", fill)
        if v["from"] == "registry":
            made = Token(Secret("x"), 3600, claims)
            said, code = outcome_of(transport._judge(request, answer, made)), "not_found"
        else:

            async def post(*_: Any) -> Any:
                return answer, b""

            patch.setattr(transport, "_post", post)
            failure = run(transport._fetch(_wire.Scope.parse("repository:a:pull"), request, {}))
            assert isinstance(failure, Failure)
            assert failure.error is not None
            said, code = failure.error(), ""
    if isinstance(said, _refusals.RefusedError):
        text, code = str(said), said.code
        assert said.facts == facts
        assert said.response is answer
    else:
        assert said is answer
        text = said.reason.removeprefix(": ")
    return {"code": code, "sentence": key, "facts": facts, "message": text}


def access(scope: str, capitals: bool) -> Any:
    kind, name, actions = ("Type", "Name", "Actions") if capitals else ("type", "name", "actions")
    return [{kind: t, name: n, actions: [w]} for t, n, w in _wire.Scope.parse(scope)]


def outcome_of(steps: Any) -> Any:
    try:
        return run(steps)
    except _refusals.RefusedError as error:
        return error


FILES: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "scopes": (scope, {"method", "path"}),
    "endpoints": (endpoint, {"endpoint", "custom"}),
    "origins": (origin, {"endpoint", "url"}),
    "challenges": (challenge, {"registry", "headers"}),
    "tokens": (token, {"user", "password"}),
    "lifetimes": (lifetime, {"token", "date"}),
    "refusals": (
        refusal,
        {"name", "registry", "credential", "method", "path", "from", "status", "headers", "body"}
        | {"requested", "granted", "capitals"},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_vectors(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer, given = FILES[name]
    vectors = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
    right = 0
    for vector in vectors:
        want = {k: v for k, v in vector.items() if k not in given}
        assert answer({**vector}) == want, vector
        right += 1
    with capsys.disabled():
        print(f"\nvectors: {name}: {right} of {len(vectors)}", end="")
    assert right == len(vectors) > 0


def test_every_file_is_read() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == {*FILES, "sentences"}


def test_the_sentences_are_those_of_all_languages() -> None:
    mine = files("acrkit").joinpath("sentences.json").read_bytes()
    assert mine == (VECTORS / "sentences.json").read_bytes()


@pytest.mark.parametrize(
    "header", ["Bearer realm=a,realm=a", 'Bearer realm=a,REALM="b"', "Basic x=1,x=1,Bearer realm=a"]
)
def test_a_parameter_stands_once(header: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        _wire.parse_challenge([header])


def test_half_a_command_is_left_out() -> None:
    facts = {"who": "{right}", "right": "R", "token": "ci", "name": "r", "repository": "a", "actions": "metadata/read"}
    assert message("missing_action", facts).splitlines()[0] == "the {right} does not have R"
    assert len(message("missing_action", facts).splitlines()) == 2
    del facts["token"]
    assert len(message("missing_action", facts).splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://\u212aate.azurecr.io/v2/",  # the sign for kelvin, whose lower case is a k
        "https://kate.azurecr.io\n",
        "https://kate.azurecr.io\\@evil.example/",
        "https://ci@kate.azurecr.io/v2/",
        "https://kate.azurecr.io%2eevil.example/",
        "//kate.azurecr.io/v2/",
        "",
    ],
)
def test_what_is_not_plainly_the_origin_is_another(url: str) -> None:
    assert not _wire.parse_endpoint("kate").is_home(url)
    assert not _wire.parse_endpoint("kate").is_realm(url)
