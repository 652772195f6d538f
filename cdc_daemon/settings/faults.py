"""Collects the faults of a configuration: where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from cdc_daemon.nearest import nearest
from cdc_daemon.redaction import hide_passwords
from cdc_daemon.settings.section import holds_secret

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KeyPath = tuple[str, ...]
"""Path of a value: section, name (of a feed or sink), field."""

_LONGEST_VALUE = 80


class Faults:
    """All faults found so far.

    Args:
        file: the configuration file. Every fault of a value from this file names it.
    """

    def __init__(self, file: str) -> None:
        self.found: list[tuple[str, str, str | None]] = []
        self.origins: dict[KeyPath, str] = {}
        self._file = file

    def add(self, key_path: KeyPath, what: str, hint: str | None = None) -> None:
        """Add a fault of the value at `key_path`."""
        self.add_at(self.where(key_path), what, hint)

    def add_at(self, where: str, what: str, hint: str | None = None) -> None:
        """Add a fault that belongs to no value of the configuration."""
        self.found.append((where, what, hint))

    def where(self, key_path: KeyPath) -> str:
        """Return the key in a person's words: the variable or option that set it, else file and field."""
        return self.origins.get(key_path) or f"{self._file}: {'.'.join(key_path)}"

    def add_invalid(
        self,
        key_path: KeyPath,
        model: type[BaseModel],
        error: ValidationError,
        *,
        leaving_out: Collection[str] = (),
        hiding: Collection[str] = (),
    ) -> None:
        """Add each fault that pydantic found in one section.

        Args:
            leaving_out: fields that already have a fault; pydantic's faults of these are dropped.
            hiding: fields whose values are not shown although their types are not secret.
        """
        for detail in error.errors(include_url=False, include_context=False):
            if detail["type"] == "default_factory_not_called" or set(detail["loc"][:1]) & set(leaving_out):
                continue  # a consequence of a fault that is already added
            self._add_detail(key_path, model, detail, hiding)

    def _add_detail(
        self, key_path: KeyPath, model: type[BaseModel], detail: ErrorDetails, hiding: Collection[str]
    ) -> None:
        path = [str(part) for part in detail["loc"]]
        name = path[0] if path else ""
        field = model.model_fields.get(name)
        hint = f"set {name} ({field.description.rstrip('.')})" if field and field.description else None
        # The path below the field has positions in a list and keys of a table. They belong to the message.
        inner = f"{'.'.join(path[1:])}: " if len(path) > 1 else ""
        at = (*key_path, name) if name else key_path
        if detail["type"] == "missing":
            self.add(at, "is missing", hint)
            return
        value = detail["input"] if path else None
        if detail["type"] in {"tuple_type", "list_type"} and isinstance(value, str) and name and not inner:
            self.add(at, f"is {shown(value)}; it should be a list", f'{name} = ["{value}"]')
            return
        rule = "should name at least one" if detail["type"] == "too_short" else rule_of(detail["msg"])
        if field is None or holds_secret(field) or name in hiding or value is None:
            self.add(at, f"{inner}{rule}", hint)
        else:
            self.add(at, f"{inner}is {shown(value)}; it {rule}", hint)


def rule_of(message: str) -> str:
    """Return the rule in pydantic's message, as the end of a sentence that begins with "it"."""
    for beginning in ("Input ", "Value error, ", "Assertion failed, "):
        message = message.removeprefix(beginning)
    if message.startswith(("should ", "must ", "has ", "can't ", "is ")):
        return message
    return f"is refused: {message[:1].lower()}{message[1:]}"


def shown(value: object) -> str:
    """Return a value for a message: at most 80 characters, on one line, without passwords."""
    text = hide_passwords(repr(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the hint for an unknown name: the nearest known name, else all known names."""
    known = list(known)
    near = nearest(name, known)
    if near:
        return f"`{near}`, the nearest known name"
    return (
        f"one of {', '.join(f'`{one}`' for one in known)}" if known else "declare it first: there is none yet"
    )
