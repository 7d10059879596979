"""Messages, and secrets that no message shows. The sentences are in sentences.json, which all of acrkit's languages
share."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NoReturn, cast
from urllib.parse import quote, quote_plus

MAX_SAID = 512  # characters of a server's text that a message repeats

Facts = Mapping[str, str]


@cache
def _table() -> Mapping[str, Facts]:
    text = files(__package__).joinpath("sentences.json").read_text(encoding="utf-8")
    return cast("Mapping[str, Facts]", json.loads(text))


def message(key: str, facts: Facts) -> str:
    """The sentence with its facts, and what to do on a second line, which is left out where it lacks a fact."""

    def fill(template: str) -> str:
        return re.sub(r"\{([a-z_]+)\}", lambda word: facts.get(word.group(1), ""), template)

    sentence = _table()[key]
    whole = all(facts.get(word) for word in re.findall(r"\{([a-z_]+)\}", sentence["fix"]))
    return "\n".join(part for part in (fill(sentence["text"]), fill(sentence["fix"]) if whole else "") if part)


class Secret:
    """A string that no repr, log, pickle or copy shows."""

    def __init__(self, value: str) -> None:
        self.reveal: Callable[[], str] = lambda: (
            value
        )  # a debugger or a dump that walks attributes does not enter a function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return "[redacted]"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can be neither pickled nor copied")

    def out_of(self, text: str) -> str:
        """The text without the secret, as it is or as a URL, HTML, JSON or base64 spells it."""
        value = self.reveal()
        if len(value) > 2:  # a shorter one occurs everywhere
            in_json = json.dumps(value)[1:-1]
            in_base64 = base64.b64encode(value.encode()).decode()
            for spelling in (value, quote(value, ""), quote_plus(value), html.escape(value), in_json, in_base64):
                text = text.replace(spelling, repr(self))
        return text


def quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def plain(text: str, secrets: Sequence[Secret] = ()) -> str:
    """A server's text as a part of one line, without secrets."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    for secret in secrets:
        text = secret.out_of(text)
    text = re.sub(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]*)?", "[redacted]", text).strip()
    return text if len(text) <= MAX_SAID else text[:MAX_SAID] + "…"
