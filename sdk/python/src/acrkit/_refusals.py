"""What is raised for a refusal, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError

from ._text import Facts, Secret, message, plain, quoted
from ._wire import ACTIONS, CATALOG, Challenge, Scope, is_repository, parse_challenge, required_scope


class RefusedError(ClientAuthenticationError):
    """The credential is not accepted, a right is missing, or the request leads to a host that gets no credential.

    code: "credential_rejected", "insufficient_scope", "host_refused", "denied" or "protocol".
    facts: what fills the sentence, such as {"who": 'token "ci-pull"', "right": …}; the keys depend on the cause.
    response: the last answer, of the registry or of its token service; None where none came.

    str() is what to show: the cause, and on a second line, where one is known, what to do. No secret is in it.
    """

    def __init__(
        self, message: Any = None, response: Any = None, *, code: str = "", facts: Facts | None = None
    ) -> None:
        super().__init__(message, response)
        self.message = str(message)  # not what a body in Azure's form of errors says
        self.code = code
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return self.message


Error = TypeVar("Error", bound=AzureError)


def fresh(error: Error) -> Error:
    """Returns the exception without the one that azure-core attaches to it, which holds the request as it was sent.

    azure-core takes what sys.exc_info() says, in Python 3.10 sometimes an exception that was handled before."""
    error.exc_type = error.exc_value = error.exc_traceback = None
    error.exc_msg = error.message
    return error


def refused(code: str, key: str, facts: Facts, response: Any = None) -> RefusedError:
    return fresh(RefusedError(message(key, facts), response, code=code, facts=facts))


def challenge_of(response: Any) -> Challenge:
    """The challenge of a 401; an empty one where there is none that can be read."""
    headers = response.headers
    if hasattr(headers, "getall"):
        values = headers.getall("WWW-Authenticate", [])
    else:
        values = [headers["WWW-Authenticate"]] if "WWW-Authenticate" in headers else []
    try:
        return parse_challenge(values)
    except ValueError:
        return Challenge("", "", Scope(), "")


def text_of(response: Any) -> str:
    """The body of a response; "" where its text cannot be read."""
    try:
        return str(response.text())
    except (AzureError, LookupError, ValueError):
        return ""


def errors_of(response: Any) -> list[tuple[str, str]]:
    """Code and message of each error in a registry's answer; none if it is not such a document."""
    try:
        errors = json.loads(text_of(response))["errors"]
        return [(str(e.get("code") or ""), str(e.get("message") or "")) for e in errors]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def said_in(response: Any, secrets: Sequence[Secret]) -> str:
    """A token service's own text, without "authentication required", which it says for every cause."""
    texts = [text or code for code, text in errors_of(response) if not text.startswith("authentication required")]
    said = plain("; ".join(texts), secrets)
    return f"; the registry answered: {said}" if said else ""


def denied(response: Any, who: str, granted: Scope | None, for_az: Facts) -> RefusedError:
    """A 401 of the registry. granted is what the access token holds, None if that is not known; for_az are facts
    that the commands of az need."""
    facts = {"who": who}
    challenge = challenge_of(response)
    if challenge.error != "insufficient_scope":
        return refused("credential_rejected", "access_not_accepted", facts, response)
    lacks, code = challenge.scope, "insufficient_scope"
    if not lacks or lacks == CATALOG:
        return refused(code, "catalog" if lacks else "missing_unnamed", facts, response)
    key = "missing_action" if len(lacks) == 1 else "missing_actions"
    if granted is not None:
        resources = {right[:2] for right in lacks}
        has = Scope(right for right in granted if right[:2] in resources)
        if lacks <= has:
            return refused(code, "held", {**facts, "right": _rights(lacks)}, response)
        key = "missing_action"
        if has:  # else: that it has nothing else there is not proved, none was asked for
            key, lacks = "missing_some", Scope(lacks - has)
            facts["has"] = ", ".join(_actions(has)) if len(resources) == 1 else _rights(has)
    facts["right"] = _rights(lacks)
    repositories = {name for kind, name, _ in lacks if kind == "repository" and is_repository(name)}
    if len(repositories) == 1:
        actions = " ".join(_actions(lacks))
        if re.fullmatch(r"[a-z/_ ]+", actions):  # they become a part of a command
            facts["repository"], facts["actions"] = repositories.pop(), actions
    return refused(code, key, {**facts, **for_az}, response)


def _actions(scope: Scope) -> list[str]:
    return [ACTIONS.get(word, word) for _, _, word in sorted(scope)]


def _rights(scope: Scope) -> str:
    """The rights under their names in a scope map, and on what."""
    resources = sorted({right[:2] for right in scope})
    shown = []
    for resource in resources[:4]:
        words = _actions(Scope(right for right in scope if right[:2] == resource))
        shown.append(f"{', '.join(words)} on {quoted(resource[1])}")
    return plain(" and ".join(shown + ["…"] * (len(resources) > 4)))


def not_found(registry: str, request: Any, response: Any) -> tuple[str, Facts]:
    """Key and facts of a 404."""
    path = unquote(urlsplit(request.url).path)
    scope = required_scope(request.method, request.url)
    code = next((code for code, _ in errors_of(response)), "")
    keys = {"NAME_UNKNOWN": "no_repository", "BLOB_UNKNOWN": "no_blob"}
    key = keys.get(code) or ("no_manifest" if code in ("TAG_UNKNOWN", "MANIFEST_UNKNOWN") else "")
    if not key or not scope or scope == CATALOG:
        return "not_found", {"registry": registry, "path": plain(path)}
    repository = min(name for _, name, _ in scope)
    if key == "no_repository":
        return key, {"registry": registry, "repository": repository}
    return key, {"repository": repository, "reference": plain(path.rpartition("/")[2])}
