"""A feed as it is defined, and the names of what is stored for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from cdc_daemon.analysis.catalogue import Output
from cdc_daemon.analysis.conjuncts import IDENTICAL, TEXTS
from cdc_daemon.pg.session import OWN_PATH, type_name

# Raise it when the same definition gives other documents or hashes: every feed is recomputed once.
DOCUMENT_VERSION = 1

RESERVED = frozenset(
    {
        *("document", "hash", "revision", "deleted", "captured_at", "modified_at"),  # the stored feed
        "refresh_at",  # the same, where the query yields `_refresh_at`
        *("previous", "changed"),  # its log
        *("position", "force"),  # pending
        *("stored", "stranger", "whole", "document_bytes", "respelled"),  # the statement that recomputes
    }
)
"""Names of columns that stand beside key and entity columns, which therefore can't have them."""

MAX_DOCUMENT_BYTES = 16 << 20
"""How large a document may be by default."""

REFRESH_AT = "_refresh_at"
"""The output column that says when an entity has to be recomputed although no row changes."""

# Types whose equal values have one text, unless a collation of the column's own says otherwise.
_WRITTEN_ALIKE = IDENTICAL | TEXTS

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class FeedDefinition:
    """One feed: its query and what its output columns are for.

    Attributes:
        text: the user's SELECT, executed as written.
        outputs: the query's output columns; those beginning with `_` are not in the document.
        hash_exclude: output columns that alone do not make a change.
        max_document_bytes: a larger document is never stored, and never leaves the database.
        search_path: the schemas in which names of the text are found.
        definition: the text after PostgreSQL resolved its names, for routes, which are derived from it.
        definition_path: the schemas with which the definition and the routes mean what the text means.
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
        return f"feed_{self.name}"

    @property
    def log(self) -> str:
        return f"feed_{self.name}_log"

    @property
    def segments(self) -> tuple[str, str]:
        return f"{self.log}_0", f"{self.log}_1"

    @property
    def pending(self) -> str:
        return f"pending_{self.name}"

    @property
    def revision(self) -> str:
        return f"feed_{self.name}_revision"

    @cached_property
    def types(self) -> dict[str, str]:
        return {output.name: output.type for output in self.outputs}

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """Key and entity columns, each once: what is stored beside the document."""
        return tuple(dict.fromkeys((*self.key, *self.entity)))

    @cached_property
    def refreshes(self) -> bool:
        """Whether the query says when entities have to be recomputed although no row changes."""
        return REFRESH_AT in self.types

    @cached_property
    def respells(self) -> bool:
        """Whether equal keys may be written in several ways: 1.0 and 1.00, 'a' and 'A' by some collations."""
        return any(self.types[name] not in _WRITTEN_ALIKE or self.collation(name) for name in self.key)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """The columns that stand beside the document and follow the query."""
        return (*self.identity, "refresh_at") if self.refreshes else self.identity

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The document's top-level fields."""
        return tuple(output.name for output in self.outputs if not output.name.startswith("_"))

    @cached_property
    def hashed_fields(self) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name not in self.hash_exclude)

    @cached_property
    def digest(self) -> str:
        """Changes when the same tables would give other documents."""
        parts = (str(DOCUMENT_VERSION), self.text, *self.key, "", *self.entity, "", *self.hash_exclude)
        if self.refreshes:
            parts = (*parts, "", REFRESH_AT)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @cached_property
    def layout(self) -> str:
        """Changes when the stored tables must be made anew: another key, entity, type or collation of
        theirs."""
        parts = (*self.key, "", *self.entity, "", *(self.types[name] for name in self.identity))
        collations = [name for name in self.identity if self.collation(name)]
        if collations:
            parts = (*parts, "", *(f"{name} {self.collation(name)}" for name in collations))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def query(self, *, with_parameters: bool) -> sql.SQL:
        """The user's text as a piece of a larger statement.

        Args:
            with_parameters: whether that statement is executed with parameters, so that `%` must be doubled.
        """
        text = self.text.replace("%", "%%") if with_parameters else self.text
        return sql.SQL(text)  # pyright: ignore[reportArgumentType] # executing the user's own SELECT is the purpose

    def resolved_query(self) -> sql.SQL:
        """The definition as a piece of a larger statement, which is executed with parameters."""
        text = self.definition.strip().removesuffix(";").replace("%", "%%")
        return sql.SQL(text)  # pyright: ignore[reportArgumentType] # as the server printed it

    def type_of(self, name: str) -> sql.SQL:
        """The type of an output column, named with its schema."""
        output = self._outputs[name]
        return type_name(output.qualified or output.type)

    def comparison_type(self, name: str) -> sql.SQL:
        """The type as which values of an output column are compared: its own, or the enum below a domain."""
        compared_as = self._outputs[name].compared_as
        return type_name(compared_as) if compared_as else self.type_of(name)

    def comparable(self, name: str, value: sql.Composable) -> sql.Composable:
        """A value of an output column as its operators take it."""
        if not self._outputs[name].compared_as:
            return value
        # From a domain to its base type, which is no cast that users could make.
        return sql.SQL("({})::{}").format(value, self.comparison_type(name))

    def is_built_in(self, name: str) -> bool:
        """Whether the type of an output column is one of PostgreSQL's own."""
        output = self._outputs[name]
        return not output.qualified or output.qualified.startswith("pg_catalog.")

    def collation(self, name: str) -> str:
        """The collation of an output column, as in `Column.collation`."""
        return self._outputs[name].collation

    def operators(self, name: str) -> tuple[str, str]:
        """The operators `=` and `>` of an output column's type, each with its schema."""
        output = self._outputs[name]
        return output.equal, output.greater

    def equal(self, name: str) -> sql.SQL:
        return sql.SQL(self._outputs[name].equal)  # pyright: ignore[reportArgumentType] # of the catalogue, quoted there

    def greater(self, name: str) -> sql.SQL:
        return sql.SQL(self._outputs[name].greater)  # pyright: ignore[reportArgumentType] # as above

    @cached_property
    def _outputs(self) -> dict[str, Output]:
        return {output.name: output for output in self.outputs}

    def document(self, fields: tuple[str, ...]) -> sql.Composed:
        """The expression that makes a document (json) of the row `q`, with these fields in their order."""
        # `row_to_json(q)` would be the column of that name, where the query yields one.
        if fields == tuple(output.name for output in self.outputs):
            return sql.Composed([sql.SQL("pg_catalog.row_to_json(q.*)")])
        return sql.SQL("(SELECT pg_catalog.row_to_json(d.*) FROM (SELECT {}) AS d)").format(
            columns(fields, of="q")
        )


def columns(names: tuple[str, ...], *, of: str | None = None) -> sql.Composed:
    """Quoted column names, comma-separated, each qualified by the alias `of` if given."""
    return _COMMA.join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
