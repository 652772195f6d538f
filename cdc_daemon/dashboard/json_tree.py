"""JSON as a template shows it: parts that fold, each with its spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cdc_daemon.insight.json_values import Fields, Literal, Value, parse, written


@dataclass(frozen=True)
class Branch:
    """A value.

    Attributes:
        name: the field that has it, as JSON; None for an element of an array and for the whole.
        opens, closes: brackets of an object or array with inner values.
        inners: its inner values.
        text: the spelling of everything else.
        kind: `string`, `number` or `word` (true, false, null, or empty brackets).
    """

    name: str | None = None
    opens: str = ""
    closes: str = ""
    inners: Sequence[Branch] = ()
    text: str = ""
    kind: str = "word"


def tree(document: str) -> Branch:
    """Return the tree of a JSON document.

    Raises:
        CdcError: it nests too deep.
    """
    return _branch(parse(document))


def _branch(value: Value) -> Branch:
    if isinstance(value, Fields) and value.fields:
        inners = [replace(_branch(inner), name=written(name)) for name, inner in value.fields]
        return Branch(opens="{", closes="}", inners=inners)
    if isinstance(value, list) and value:
        return Branch(opens="[", closes="]", inners=[_branch(inner) for inner in value])
    if isinstance(value, Literal):
        return Branch(text=value, kind="number" if value[0] in "-0123456789" else "word")
    return Branch(text=written(value), kind="string" if isinstance(value, str) else "word")
