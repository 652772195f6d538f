"""Names of types (Typename)."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.grammar.cursor import Cursor
from cdc_daemon.analysis.grammar.lexer import Kind

# The types that the analysis knows; any other is carried by its name.
_TYPES = {
    **dict.fromkeys(("SMALLINT", "INT2"), exp.DType.SMALLINT),
    **dict.fromkeys(("INTEGER", "INT", "INT4"), exp.DType.INT),
    **dict.fromkeys(("BIGINT", "INT8"), exp.DType.BIGINT),
    **dict.fromkeys(("NUMERIC", "DECIMAL", "DEC"), exp.DType.DECIMAL),
    **dict.fromkeys(("REAL", "FLOAT4"), exp.DType.FLOAT),
    **dict.fromkeys(("FLOAT8",), exp.DType.DOUBLE),
    **dict.fromkeys(("BOOLEAN", "BOOL"), exp.DType.BOOLEAN),
    "TEXT": exp.DType.TEXT,
    "VARCHAR": exp.DType.VARCHAR,
    "BPCHAR": exp.DType.BPCHAR,
    "UUID": exp.DType.UUID,
    "DATE": exp.DType.DATE,
    "TIMESTAMPTZ": exp.DType.TIMESTAMPTZ,
    "TIMETZ": exp.DType.TIMETZ,
    "JSON": exp.DType.JSON,
    "JSONB": exp.DType.JSONB,
}
_FIELDS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_CHARACTERS = frozenset({"CHARACTER", "CHAR", "NCHAR", "NATIONAL"})


class TypeNames(Cursor):
    """Reads the name of a type."""

    def type_name(self) -> exp.DataType:
        """Read a type with its modifiers. `int[]`, `int[3]` and `int ARRAY` are arrays of any size."""
        found = self._simple_type()
        while True:
            if self._take("ARRAY"):
                if self._take("["):
                    self._next()
                    self._expect("]")
            elif self._take("["):
                if not self._take("]"):
                    self._next()
                    self._expect("]")
            else:
                return found
            found = exp.DataType(this=exp.DType.ARRAY, expressions=[found], nested=True)

    def _simple_type(self) -> exp.DataType:  # noqa: PLR0911 # one for each production
        word = self._current.upper
        if self._take("DOUBLE", "PRECISION"):
            return exp.DataType(this=exp.DType.DOUBLE)
        if word in _CHARACTERS and self._ahead().upper not in {".", "["}:
            self._next()
            if word == "NATIONAL":
                self._next()
            varying = self._take("VARYING")
            return self._with_size(exp.DType.VARCHAR if varying else exp.DType.CHAR)
        if word == "BIT":
            self._next()
            return self._called("BIT VARYING" if self._take("VARYING") else "BIT")
        if word in {"TIME", "TIMESTAMP"}:
            self._next()
            size = self._sizes()
            zone = self._take("WITH", "TIME", "ZONE")
            if not zone:
                self._take("WITHOUT", "TIME", "ZONE")
            return exp.DataType(this=exp.DType[word + "TZ" * zone], expressions=size)
        if word == "INTERVAL":
            self._next()
            return self._interval(self._sizes())
        if word == "FLOAT" and self._ahead().upper == "(":
            self._next()
            return self._called("FLOAT")
        if word == "FLOAT":
            self._next()
            return exp.DataType(this=exp.DType.DOUBLE)
        if word in _TYPES and self._ahead().upper != ".":
            self._next()
            return self._with_size(_TYPES[word])
        name: exp.Identifier | exp.Dot = self._label()
        while self._take("."):
            name = exp.Dot(this=name, expression=self._label())
        return exp.DataType(this=exp.DType.USERDEFINED, kind=name, expressions=self._sizes())

    def _with_size(self, type_: exp.DType) -> exp.DataType:
        return exp.DataType(this=type_, expressions=self._sizes())

    def _called(self, name: str) -> exp.DataType:
        return exp.DataType(this=exp.DType.USERDEFINED, kind=exp.Var(this=name), expressions=self._sizes())

    def _interval(self, size: list[exp.DataTypeParam]) -> exp.DataType:
        """`INTERVAL(2)`, `INTERVAL DAY TO SECOND(2)`."""
        kind = "INTERVAL"
        if self._one_of(_FIELDS):
            kind += f" {self._next().upper}"
            if self._take("TO"):
                kind += f" TO {self._next().upper}"
            size = self._sizes()
        return exp.DataType(this=exp.DType.INTERVAL, kind=exp.Var(this=kind), expressions=size)

    def _sizes(self) -> list[exp.DataTypeParam]:
        """The modifiers in parentheses; none where there are no parentheses."""
        if not self._is("("):
            return []
        return self._in_parentheses(lambda: self._list(self._size))

    def _size(self) -> exp.DataTypeParam:
        negative = self._take("-")
        if self._current.kind is Kind.STRING:
            return exp.DataTypeParam(this=exp.Literal.string(self._next().text))
        if self._current.kind is Kind.NUMBER:
            return exp.DataTypeParam(this=exp.Literal.number("-" * negative + self._next().text))
        return exp.DataTypeParam(this=self._label())  # geometry(Point, 4326)
