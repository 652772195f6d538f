"""The definition of a feed, and the names of its stored objects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from cdc_daemon.analysis.model.catalogue import IDENTICAL, TEXTS, Output
from cdc_daemon.pg.session import OWN_PATH, type_name

# Raise it if the same definition gives other documents or hashes. Then every feed is recomputed once.
DOCUMENT_VERSION = 1

RESERVED = frozenset(
    {
        *("document", "hash", "revision", "deleted", "captured_at", "modified_at"),  # the stored feed
        "refresh_at",  # the same, if the query has `_refresh_at`
        *("previous", "changed"),  # its log
        *("position", "force"),  # backlog
        *("stored", "key_conflict", "whole", "document_bytes", "respelled"),  # the statement that recomputes
    }
)
"""Names of our own columns beside key and entity columns, which therefore can't have these names."""

MAX_DOCUMENT_BYTES = 16 << 20
"""Default of the largest size of a document, in bytes."""

REFRESH_AT = "_refresh_at"
"""The output column with the time when an entity must be recomputed although no row changes."""

# Types whose equal values have one text, unless a collation of the column's own says otherwise.
_WRITTEN_ALIKE = IDENTICAL | TEXTS

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class FeedDefinition:
    """A feed: its query and the roles of its output columns.

    Attributes:
        text: the user's SELECT, which is executed as written.
        outputs: the query's output columns. Columns whose names begin with `_` are not in the document.
        hash_exclude: output columns whose change alone does not count as a change.
        max_document_bytes: largest size of a document. A larger one is never stored and never leaves the
            database.
        search_path: the schemas in which names of the text are looked up.
        definition: the text after PostgreSQL resolved its names. Routes are derived from it.
        definition_path: the search path with which definition and routes have the meaning of the text.
    """

    name: str
    text: str
    outputs: tuple[Output, ...]
    key: tuple[str, ...]
    entity: tuple[str, ...]
    hash_exclude: tuple[str, ...] = ()
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    search_path: str = "public"
    definition: str = ""
    definition_path: str = OWN_PATH

    @property
    def table(self) -> str:
        """Name of the stored feed's table."""
        return f"feed_{self.name}"

    @property
    def log(self) -> str:
        """Name of the feed's log."""
        return f"feed_{self.name}_log"

    @property
    def segments(self) -> tuple[str, str]:
        """Names of the log's two segments."""
        return f"{self.log}_0", f"{self.log}_1"

    @property
    def backlog(self) -> str:
        """Name of the backlog."""
        return f"backlog_{self.name}"

    @property
    def revision(self) -> str:
        """Name of the sequence of revisions."""
        return f"feed_{self.name}_revision"

    @cached_property
    def types(self) -> dict[str, str]:
        """Type of each output column, by name."""
        return {output.name: output.type for output in self.outputs}

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """Key and entity columns, each once. They are stored beside the document."""
        return tuple(dict.fromkeys((*self.key, *self.entity)))

    @cached_property
    def refreshes(self) -> bool:
        """Whether the query has `_refresh_at`."""
        return REFRESH_AT in self.types

    @cached_property
    def respells(self) -> bool:
        """Whether equal keys may be written in several ways: 1.0 and 1.00, 'a' and 'A' by some collations."""
        return any(self.types[name] not in _WRITTEN_ALIKE or self.collation(name) for name in self.key)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """The columns of the query that are stored beside the document."""
        return (*self.identity, "refresh_at") if self.refreshes else self.identity

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The document's top-level fields."""
        return tuple(output.name for output in self.outputs if not output.name.startswith("_"))

    @cached_property
    def hashed_fields(self) -> tuple[str, ...]:
        """The document's fields that the hash covers."""
        return tuple(name for name in self.fields if name not in self.hash_exclude)

    @cached_property
    def digest(self) -> str:
        """A digest that changes if the same tables would give other documents."""
        parts = (str(DOCUMENT_VERSION), self.text, *self.key, "", *self.entity, "", *self.hash_exclude)
        if self.refreshes:
            parts = (*parts, "", REFRESH_AT)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @cached_property
    def layout(self) -> str:
        """A digest that changes if the stored tables must be created anew.

        That is with another key or entity, or another type or collation of their columns."""
        parts = (*self.key, "", *self.entity, "", *(self.types[name] for name in self.identity))
        collations = [name for name in self.identity if self.collation(name)]
        if collations:
            parts = (*parts, "", *(f"{name} {self.collation(name)}" for name in collations))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def query(self, *, with_parameters: bool) -> sql.SQL:
        """Return the user's text as a part of a larger statement.

        Args:
            with_parameters: whether the statement is executed with parameters, so that `%` must be doubled.
        """
        text = self.text.replace("%", "%%") if with_parameters else self.text
        return sql.SQL(text)  # pyright: ignore[reportArgumentType] # executing the user's own SELECT is the purpose

    def resolved_query(self) -> sql.SQL:
        """Return the definition as a part of a larger statement, which is executed with parameters."""
        text = self.definition.strip().removesuffix(";").replace("%", "%%")
        return sql.SQL(text)  # pyright: ignore[reportArgumentType] # as the server printed it

    def type_of(self, name: str) -> sql.SQL:
        """Return the type of an output column, with its schema."""
        output = self._outputs[name]
        return type_name(output.qualified or output.type)

    def comparison_type(self, name: str) -> sql.SQL:
        """Return the type in which an output column is compared: its own, or the enum of a domain."""
        compared_as = self._outputs[name].compared_as
        return type_name(compared_as) if compared_as else self.type_of(name)

    def comparable(self, name: str, value: sql.Composable) -> sql.Composable:
        """Return a value of an output column in the type that its operators take."""
        if not self._outputs[name].compared_as:
            return value
        # A domain is converted to its base type, for which users can't create a cast.
        return sql.SQL("({})::{}").format(value, self.comparison_type(name))

    def is_built_in(self, name: str) -> bool:
        """Whether the type of an output column is built into PostgreSQL."""
        output = self._outputs[name]
        return not output.qualified or output.qualified.startswith("pg_catalog.")

    def collation(self, name: str) -> str:
        """Return the collation of an output column, as in `Column.collation`."""
        return self._outputs[name].collation

    def operators(self, name: str) -> tuple[str, str]:
        """Return the operators `=` and `>` of an output column's type, each with its schema."""
        output = self._outputs[name]
        return output.equal, output.greater

    def equal(self, name: str) -> sql.SQL:
        """Return the operator `=` of an output column's type, with its schema."""
        return sql.SQL(self._outputs[name].equal)  # pyright: ignore[reportArgumentType] # of the catalogue, quoted there

    def greater(self, name: str) -> sql.SQL:
        """Return the operator `>` of an output column's type, with its schema."""
        return sql.SQL(self._outputs[name].greater)  # pyright: ignore[reportArgumentType] # as above

    @cached_property
    def _outputs(self) -> dict[str, Output]:
        return {output.name: output for output in self.outputs}

    def document(self, fields: tuple[str, ...]) -> sql.Composed:
        """Return the expression of a document (json) of the row `q`, with these fields in their order."""
        # If the query has an output column `q`, `row_to_json(q)` would mean that column.
        if fields == tuple(output.name for output in self.outputs):
            return sql.Composed([sql.SQL("pg_catalog.row_to_json(q.*)")])
        return sql.SQL("(SELECT pg_catalog.row_to_json(d.*) FROM (SELECT {}) AS d)").format(
            columns(fields, of="q")
        )


def columns(names: tuple[str, ...], *, of: str | None = None) -> sql.Composed:
    """Return quoted column names, separated by commas, each qualified by the alias `of` if given."""
    return _COMMA.join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
