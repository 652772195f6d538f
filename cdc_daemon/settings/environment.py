"""Reads settings from variables: `CDC_<SECTION>_<FIELD>`, for feeds and sinks `CDC_SINKS_<NAME>_<FIELD>`."""

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
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith(PREFIX) or not text or _OURS.fullmatch(variable):
            continue
        places = dict(_places(sections))
        place = places.get(variable)
        if place is not None:
            sections.put(place, _value(sections.annotation(place), text), origin=variable)
        elif not _KUBERNETES.fullmatch(variable):
            near = nearest(variable, places)
            hint = f"`{near}`, the nearest known name" if near else _UNKNOWN
            faults.add_at(variable, "is no setting of cdc-daemon", hint)


def _places(sections: Sections) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every variable that this configuration can use, with the place that it sets."""
    for place in sections.settable_places():
        yield PREFIX + "_".join(place).replace("-", "_").upper(), place


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
