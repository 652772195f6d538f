"""Renders the body of a capture function, which the triggers of one source table call.

`sql/objects/capture.sql` has the reasons, above its statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import sql

from cdc_daemon.analysis.model.conditions import ENUM, AllOf, AnyOf, Comparison, Condition, NullTest, any_of
from cdc_daemon.capture.source import Link, Source, needs_pinned_path
from cdc_daemon.pg.session import collated
from cdc_daemon.pg.statements import rendered
from cdc_daemon.segments import SEGMENT_SECONDS

_COMMA = sql.SQL(", ")
_AND = sql.SQL(" AND ")
_OR = sql.SQL(" OR ")
# The type into which a domain's text is converted: one that compares with every constant of its family.
_WIDEST: Mapping[str, str] = {"int2": "int8", "int4": "int8", "varchar": "text"}


def render(source: Source) -> sql.Composed:
    """Return the plpgsql body for one source table. The caller quotes it as a string."""
    links = [_CarriedLink(number, link) for number, link in enumerate(source.links, start=1)]
    return rendered(
        "capture.body",
        declarations=sql.SQL("\n").join(link.declaration() for link in links),
        update=_update(source, links),
        insert=_all_rows(source, "new_rows", "cdc_rows", [(link.array, link) for link in links]),
        delete=_all_rows(source, "old_rows", "cdc_rows", [(link.array, link) for link in links]),
        forget=_lines(sql.SQL("{} := NULL;").format(link.array) for link in links),
        entries=_entries(source, links),
        segment_seconds=sql.Literal(SEGMENT_SECONDS),
    )


def _entries(source: Source, links: list[_CarriedLink]) -> sql.Composed:
    first, second = (sql.Identifier(segment) for segment in source.segments)
    names = _continued(sql.Identifier(link.entry_column) for link in links)
    context = {
        "told": sql.SQL(', "cdc$application", "cdc$user"' if source.context else ""),
        "context": _continued([rendered("capture.context")] if source.context else []),
    }
    entry = rendered(
        "capture.entry",
        **context,
        first_segment=first,
        second_segment=second,
        columns=names,
        arrays=_continued(link.array for link in links),
    )
    if not links:
        return entry  # no part of the entry can be long
    return rendered(
        "capture.entries",
        **context,
        first_segment=first,
        second_segment=second,
        columns=names,
        slices=_continued(link.slice() for link in links),
        entry=entry,
    )


class _CarriedLink:
    """A link column in the body, with the arrays of its values in old and in new rows."""

    def __init__(self, number: int, link: Link) -> None:
        self.name = link.name
        self.entry_column = link.entry_column
        self.array = sql.Identifier(f"cdc_link_{number}")
        self.more = sql.Identifier(f"cdc_more_{number}")
        self._carried_as = sql.SQL(link.carried_as)  # pyright: ignore[reportArgumentType] # pg_catalog.<typname>
        self._as_text = link.as_text

    def declaration(self) -> sql.Composed:
        return sql.SQL("    {} {}[];\n    {} {}[];").format(
            self.array, self._carried_as, self.more, self._carried_as
        )

    def of(self, alias: str) -> sql.Composed:
        """Return the column's value in one transition table, in the type of the entry."""
        column = sql.Identifier(alias, self.name)
        return _text(column) if self._as_text else sql.Composed([column])

    def append(self) -> sql.Composed:
        return sql.SQL("{} := {} OPERATOR(pg_catalog.||) {};").format(self.array, self.array, self.more)

    def slice(self) -> sql.Composed:
        return sql.SQL("{}[cdc_first : cdc_first OPERATOR(pg_catalog.+) 999]").format(self.array)


def _continued(pieces: Iterable[sql.Composable]) -> sql.Composed:
    """Return the pieces, each after a comma, to continue a list."""
    return sql.Composed([sql.SQL(", ") + piece for piece in pieces])


def _lines(pieces: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL("\n        ").join(pieces)


def _text(column: sql.Composable) -> sql.Composed:
    return rendered("capture.as_text", column=column)


def _rows(source: Source, transition: str, *, typed: bool) -> sql.Composed:
    """Return a transition table as a sub-select.

    Args:
        typed: whether to check the types of its columns. The first query of a call does. The writer's lock on
            the table keeps the types until the end of the call.
    """
    columns = {name: _bare(name) for name in source.read}
    pieces = {"columns": _COMMA.join(columns.values()), "rows": sql.Identifier(transition)}
    if not typed or not source.types:
        return rendered("capture.rows", **pieces)
    checks = (
        sql.SQL("pg_catalog.array_eq(ARRAY[{}], NULL::{}[])").format(columns[name], sql.SQL(type_))  # pyright: ignore[reportArgumentType] # pg_catalog.<typname>
        for name, type_ in source.types
    )
    return rendered("capture.typed_rows", **pieces, typed=_AND.join(checks))


def _bare(column: str) -> sql.Identifier:
    """Return the column of a transition table, by its name alone if that is unambiguous."""
    return sql.Identifier("cdc_table", column) if needs_pinned_path(column) else sql.Identifier(column)


def _all_rows(
    source: Source,
    rows: str,
    count: str,
    links: list[tuple[sql.Identifier, _CarriedLink]],
    *,
    typed: bool = True,
) -> sql.Composed:
    return rendered(
        "capture.all_rows",
        rows=_rows(source, rows, typed=typed),
        where=sql.SQL("" if source.filters is None else " WHERE ") + _counts(source, "r"),
        into=_COMMA.join([sql.Identifier(count), *(array for array, _ in links)]),
        aggregates=_continued(sql.SQL("pg_catalog.array_agg({})").format(link.of("r")) for _, link in links),
    )


def _counts(source: Source, *aliases: str) -> sql.Composed:
    """Return the check that one of these rows fulfils a filter of the table; empty without filters."""
    if source.filters is None:
        return sql.Composed([])
    condition = any_of(source.filters)
    return sql.SQL("({})").format(_OR.join(_fulfils(condition, alias, source) for alias in aliases))


def _fulfils(condition: Condition, alias: str, source: Source) -> sql.Composed:
    """Return a condition on a row that looks nothing up through the writer's search path.

    An IN list would look its `=` up there. Columns without a built-in type (enums, domains) compare by their
    text.
    """
    match condition:
        case AllOf() | AnyOf():
            joined = _AND if isinstance(condition, AllOf) else _OR
            return sql.SQL("({})").format(
                joined.join(_fulfils(part, alias, source) for part in condition.parts)
            )
        case NullTest():
            form = "{} IS NOT NULL" if condition.negated else "{} IS NULL"
            return sql.SQL(form).format(sql.Identifier(alias, condition.column))
        case Comparison():
            column: sql.Composable = sql.Identifier(alias, condition.column)
            operator = sql.SQL("OPERATOR(pg_catalog.{})").format(sql.SQL(condition.operator))  # pyright: ignore[reportArgumentType] # of a closed set
            type_ = sql.Identifier("pg_catalog", "text" if condition.type == ENUM else condition.type)
            if condition.type == ENUM:
                # Compare a label as text. A comparison as an enum would look the type's name up, and after a
                # rename of the label it would fail the write. The filter excludes rows with a new label until
                # the daemon notices it in the fingerprint, plans the feed anew and resyncs it.
                column = _text(column)
            elif condition.column not in dict(source.types):
                read_as = _WIDEST.get(condition.type, condition.type)
                column = sql.SQL("({})::{}").format(_text(column), sql.Identifier("pg_catalog", read_as))
                column = collated(column, dict(source.collations).get(condition.column, ""))
            values = [sql.Literal(value) for value in condition.values]
            if len(values) == 1:
                return sql.SQL("{} {} {}::{}").format(column, operator, values[0], type_)
            every = sql.SQL("ANY" if condition.operator == "=" else "ALL")
            return sql.SQL("{} {} {} (ARRAY[{}]::{}[])").format(
                column, operator, every, _COMMA.join(values), type_
            )


def _both_sides(source: Source, links: list[_CarriedLink]) -> sql.Composed:
    """Without a primary key, several rows can't be paired, so each of them counts as changed."""
    return _lines(
        [
            _all_rows(source, "old_rows", "cdc_rows", [(link.array, link) for link in links], typed=False),
            _all_rows(source, "new_rows", "cdc_more", [(link.more, link) for link in links], typed=False),
            _append(links),
        ]
    )


def _append(links: list[_CarriedLink]) -> sql.Composed:
    return _lines([rendered("capture.append"), *(link.append() for link in links)])


def _update(source: Source, links: list[_CarriedLink]) -> sql.Composed:
    if source.filters is None:
        return _one_row(source, links)
    return rendered(
        "capture.if_any_counts",
        new_rows=_rows(source, "new_rows", typed=True),
        old_rows=_rows(source, "old_rows", typed=False),
        new_counts=_counts(source, "n"),
        old_counts=_counts(source, "o"),
        then=_one_row(source, links),
    )


def _one_row(source: Source, links: list[_CarriedLink]) -> sql.Composed:
    return rendered(
        "capture.one_row",
        aggregates=_continued(
            sql.SQL("pg_catalog.array_agg({})").format(sql.Identifier("r", link.name)) for link in links
        ),
        into=_continued(link.array for link in links),
        links=sql.Composed(
            [sql.SQL("{} AS {}, ").format(link.of("o"), sql.Identifier(link.name)) for link in links]
        ),
        moved=_different(links) if links else sql.SQL("false"),
        old_rows=_rows(source, "old_rows", typed=source.filters is None),
        new_rows=_rows(source, "new_rows", typed=False),
        many_rows=_changed_rows(source, links) if source.primary_key else _both_sides(source, links),
        old_columns=_columns(source, "o"),
        new_columns=_columns(source, "n"),
    )


def _columns(source: Source, alias: str) -> sql.Composed:
    return _COMMA.join(sql.Identifier(alias, column) for column in source.columns)


def _changed_rows(source: Source, links: list[_CarriedLink]) -> sql.Composed:
    first_key = source.primary_key[0][0]
    pairs = {
        "old_rows": _rows(source, "old_rows", typed=False),
        "new_rows": _rows(source, "new_rows", typed=False),
        "same_key": _AND.join(_same(column, as_text=as_text) for column, as_text in source.primary_key),
        "old_columns": _columns(source, "o"),
        "new_columns": _columns(source, "n"),
        "counts": _counts(source, "o", "n") + sql.SQL("" if source.filters is None else " AND "),
    }
    # For a composite value with a NULL inside, both IS NULL and IS NOT NULL may be false.
    old_is_there = sql.SQL("{} IS DISTINCT FROM NULL").format(sql.Identifier("o", first_key))
    new_is_there = sql.SQL("{} IS DISTINCT FROM NULL").format(sql.Identifier("n", first_key))
    unpaired = sql.SQL("{} IS NOT DISTINCT FROM NULL").format(sql.Identifier("o", first_key))
    differ = sql.SQL("{} OR {}").format(unpaired, _different(links)) if links else unpaired
    new_counts = sql.SQL("{} AND ({})").format(new_is_there, differ)
    gather, gather_if = (
        sql.SQL("pg_catalog.array_agg({})"),
        sql.SQL("pg_catalog.array_agg({}) FILTER (WHERE {})"),
    )
    changed = rendered(
        "capture.changed_rows",
        aggregates=_continued(gather.format(link.of("o")) for link in links),
        moved=sql.SQL("{} OR {} IS NOT DISTINCT FROM NULL").format(differ, sql.Identifier("n", first_key)),
        into=_continued(link.array for link in links),
        **pairs,
    )
    moved = rendered(
        "capture.moved_rows",
        old_is_there=old_is_there,
        new_counts=new_counts,
        old_aggregates=_continued(gather_if.format(link.of("o"), old_is_there) for link in links),
        new_aggregates=_continued(gather_if.format(link.of("n"), new_counts) for link in links),
        into=_continued([*(link.array for link in links), *(link.more for link in links)]),
        append=_append(links),
        **pairs,
    )
    return _lines([changed, moved])


def _same(column: str, *, as_text: bool) -> sql.Composed:
    old, new = sql.Identifier("o", column), sql.Identifier("n", column)
    if not as_text:
        return sql.SQL("{} OPERATOR(pg_catalog.=) {}").format(old, new)
    # The `=` of an extension's type is in the extension's schema. The text pairs rows just as well, and a key
    # is never NULL.
    return sql.SQL("pg_catalog.format('%s', {}) OPERATOR(pg_catalog.=) pg_catalog.format('%s', {})").format(
        old, new
    )


def _different(links: list[_CarriedLink]) -> sql.Composed:
    return sql.SQL("ROW({})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({})::pg_catalog.record").format(
        _COMMA.join(sql.Identifier("o", link.name) for link in links),
        _COMMA.join(sql.Identifier("n", link.name) for link in links),
    )
