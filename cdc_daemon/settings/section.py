"""The base of every section of the configuration, and what its fields say about themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from cdc_daemon.sinks.settings import MAY_HOLD_SECRET

NOT_SETTABLE: JsonDict = {"settable": False}

PRIVATE_FILE: JsonDict = {"private_file": True}
"""Marks the path of a file that only the daemon's user may read. systemd may hand it over as a credential."""


def _without_repetition(names: tuple[str, ...]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f"must not name {name!r} twice")
    return names


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], AfterValidator(_without_repetition)]
SomeNames = Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_without_repetition)]


class Section(BaseModel):
    """A table of the configuration: it knows all of its keys and never changes."""

    # hide_input_in_errors: an error's text may reach a log, and the input may be a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def settable(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a section that a person may set, by name."""
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if field.json_schema_extra != NOT_SETTABLE
    }


def holds_secret(field: FieldInfo) -> bool:
    """Whether the field holds a secret: its value must not be shown, and `<field>_file` may replace it."""
    # The annotation may be a union, annotated, or a mapping. In each case its text names the type.
    return "SecretStr" in repr(field.annotation)


def may_stand_in_a_file(field: FieldInfo) -> bool:
    """Whether `<field>_file` may replace the field: it is a secret, or a URL that may hold one."""
    return holds_secret(field) or field.json_schema_extra == MAY_HOLD_SECRET
