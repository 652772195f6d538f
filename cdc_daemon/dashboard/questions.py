"""Makes the question of a view or an action from the values of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from cdc_daemon.dashboard.definitions import Action, BadQuestion, View


def parsed(routed: View | Action, given: Mapping[str, object]) -> Any:
    """Return the question with these values.

    Raises:
        BadQuestion: a value is missing, unknown or not valid. An unknown one could be a filter that a person
            misspelt; to ignore it would act on everything.
    """
    for name in given:
        if name not in routed.fields:
            known = ", ".join(sorted(routed.fields)) or "nothing"
            raise BadQuestion("is unknown here", where=name, hint=f"known: {known}")
    try:
        return routed.adapter.validate_python(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadQuestion(first["msg"], where=".".join(map(str, first["loc"])) or "the question") from None


def of_texts(routed: View | Action, pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the values of a query or a form by name: lists for the fields that are lists.

    An empty text counts as not given: a browser sends every field of a form.
    """
    found: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        if not value:
            continue
        if name in routed.lists:
            lists.setdefault(name, []).append(value)
        else:
            found[name] = value
    return {**found, **lists}
