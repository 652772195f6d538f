"""Reads settings from variables: `CDC_<SECTION>_<FIELD>`, for feeds and sinks `CDC_SINKS_<NAME>_<FIELD>`.

Variables can also declare feeds and sinks, so that a daemon needs no file at all: `CDC_SINKS_<NAME>_TYPE`
declares a sink, and `CDC_FEEDS_<NAME>_QUERY` or `CDC_FEEDS_<NAME>_QUERY_TEXT` a feed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cdc_daemon.nearest import nearest
from cdc_daemon.settings.faults import Faults
from cdc_daemon.settings.sections import Sections

PREFIX = "CDC_"

_UNKNOWN = "unset it: variables are CDC_<SECTION>_<SETTING>, such as CDC_DATABASE_DSN or CDC_SINKS_<NAME>_URL"

_OURS = re.compile(r"CDC_CONFIG|CDC_TEST_.*")
_DECLARING = re.compile(
    r"CDC_(?:SINKS_(?P<sink>[A-Z][A-Z0-9_]*)_TYPE|FEEDS_(?P<feed>[A-Z][A-Z0-9_]*?)_QUERY(?:_TEXT)?)"
)
# Kubernetes sets these in every container of a namespace that has a service called `cdc` or `cdc-…`. If they
# were faults, the daemon would not start because of its own service's name.
_KUBERNETES = re.compile(
    r".*_SERVICE_HOST|.*_SERVICE_PORT(_[A-Z0-9_]+)?|.*_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?"
)


def apply(sections: Sections, environ: Mapping[str, str], faults: Faults) -> None:
    """Override values of the file by variables. An empty variable counts as unset.

    Args:
        sections: the values of the file; changed in place.
        environ: environment variables; only names that begin with `CDC_` count.
        faults: gets a fault for each variable that is no setting.
    """
    given = _given(environ)
    _declare(sections, given)
    for variable, text in given.items():
        key_paths = dict(_key_paths(sections))
        key_path = key_paths.get(variable)
        if key_path is not None:
            sections.put(key_path, _value(sections.annotation(key_path), text), origin=variable)
        elif not _KUBERNETES.fullmatch(variable):
            near = nearest(variable, key_paths)
            hint = f"`{near}`, the nearest known name" if near else _UNKNOWN
            faults.add_at(variable, "is no setting of cdc-daemon", hint)


def sets_something(environ: Mapping[str, str]) -> bool:
    """Whether a variable sets anything; those of Kubernetes and of the tests don't count."""
    return any(not _KUBERNETES.fullmatch(variable) for variable in _given(environ))


def variable_of(key_path: tuple[str, ...]) -> str:
    """Return the name of the variable that sets a key."""
    return PREFIX + "_".join(key_path).replace("-", "_").upper()


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be settings, in alphabetical order."""
    return {
        variable: environ[variable]
        for variable in sorted(environ)
        if variable.startswith(PREFIX) and environ[variable] and not _OURS.fullmatch(variable)
    }


def _declare(sections: Sections, given: Mapping[str, str]) -> None:
    """Declare the feeds and sinks that only variables name.

    `CDC_SINKS_A_DOCUMENT_TYPE` could declare a sink `a_document`, or set `document_type` of a sink `a`. So
    shorter variables come first, and a variable that sets something of a known sink declares none.
    """
    for variable in sorted(given, key=lambda each: (len(each), each)):
        match = _DECLARING.fullmatch(variable)
        if match is None or variable in dict(_key_paths(sections)):
            continue
        if sink := match["sink"]:
            # The kind of a sink says which other variables are settings of it.
            sections.declare(("sinks", sink.lower()), {"type": given[variable]})
        else:
            sections.declare(("feeds", match["feed"].lower()), {})


def _key_paths(sections: Sections) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every variable that this configuration can use, with the key that it sets."""
    for key_path in sections.settable_keys():
        yield variable_of(key_path), key_path


def _value(annotation: Any, text: str) -> object:
    """Return the text as the value that the file would have; an unreadable text stays text, for the fault."""
    kind = repr(annotation)
    if "dict[" in kind:
        return _from_json(text)
    if "tuple[" in kind:
        return [name.strip() for name in text.split(",") if name.strip()]
    try:
        value = TypeAdapter[object](annotation).validate_python(text)
    except ValidationError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
