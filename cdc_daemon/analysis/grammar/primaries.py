"""Operands: constants, columns, parentheses, CASE, arrays and rows (c_expr)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from cdc_daemon.analysis.grammar.cursor import OF_FUNCTIONS, RESERVED, Cursor, Tree
from cdc_daemon.analysis.grammar.lexer import Kind, SyntaxFault
from cdc_daemon.analysis.grammar.nodes import Words

QUERY_WORDS = frozenset({"SELECT", "VALUES", "WITH", "TABLE"})
CLOCK_WORDS: Mapping[str, type[exp.Func]] = {
    "CURRENT_DATE": exp.CurrentDate,
    "CURRENT_TIME": exp.CurrentTime,
    "CURRENT_TIMESTAMP": exp.CurrentTimestamp,
    "LOCALTIME": exp.Localtime,
    "LOCALTIMESTAMP": exp.Localtimestamp,
}
_SESSION = frozenset(
    {"CURRENT_USER", "SESSION_USER", "USER", "CURRENT_ROLE", "CURRENT_CATALOG", "CURRENT_SCHEMA"}
)
# SYSTEM_USER is a keyword since PostgreSQL 16: in capitals, as definitions have it, it is no column of 15.
# Types of several words, or with modifiers: a constant may follow them.
_LONG_TYPES = frozenset(
    """BIT CHAR CHARACTER DEC DECIMAL DOUBLE FLOAT INTERVAL NATIONAL NCHAR NUMERIC TIME TIMESTAMP
    VARCHAR""".split()  # noqa: SIM905 # shorter
)
_FIELDS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})


class Primaries(Cursor):
    """Reads operands."""

    _queries: dict[int, tuple[exp.Subquery, int] | None]

    def call(self, names: list[exp.Identifier]) -> Tree:
        """Read a call from its first parenthesis on."""
        raise NotImplementedError

    def primary(self) -> Tree:
        """Read an operand with its subscripts, fields and casts."""
        found = self._base()
        while True:
            if self._take("::"):
                found = exp.Cast(this=found, to=self.type_name())
            elif self._is("["):
                found = self._subscripts(found)
            elif self._is(".") and not isinstance(found, exp.Column):
                self._next()
                if self._current.text == "*" and self._current.kind is Kind.OPERATOR:
                    self._next()
                    found = exp.Dot(this=found, expression=exp.Star())
                else:
                    found = exp.Dot(this=found, expression=self._label())
            else:
                return found

    def _subscripts(self, array: Tree) -> Tree:
        self._expect("[")
        first: Tree | None = None
        if not self._is(":"):
            first = self.expression()
        if self._take(":"):
            last = None if self._is("]") else self.expression()
            first = exp.Slice(this=first, expression=last)
        self._expect("]")
        return exp.Bracket(this=array, expressions=[first])

    def _base(self) -> Tree:  # noqa: PLR0911 # one for each production
        token = self._current
        if token.kind is Kind.NUMBER:
            return self._literal(exp.Literal.number(token.text))
        if token.kind is Kind.STRING:
            return self._literal(exp.Literal.string(token.text))
        if token.kind is Kind.NATIONAL:
            string = self._literal(exp.Literal.string(token.text))
            return exp.Cast(this=string, to=exp.DataType(this=exp.DType.BPCHAR))
        if token.kind is Kind.BITS:
            kind = exp.BitString if token.text[0] in "bB" else exp.HexString
            return self._literal(kind(this=token.text[2:-1]))
        if token.upper == "(":
            return self._overlaps(self._parenthesised())
        if token.kind is Kind.WORD and (special := self._special()) is not None:
            return special
        if token.kind not in (Kind.WORD, Kind.QUOTED):
            raise self._fault()
        return self._typed_literal() or self._named()

    def _literal(self, tree: Tree) -> Tree:
        self._placed(tree, self._next())
        return tree

    # Parentheses

    def parenthesised_query(self) -> exp.Subquery | None:
        """Read a query in parentheses; None, with nothing read, if there is none.

        Each is read once. Where the text goes on otherwise than a query does (`((SELECT 1) + 1)`), the outer
        parentheses are read again as an expression, and the inner query is taken from here: without this,
        each level would double the time.
        """
        at, n = self._at, 1
        if not self._is("("):
            return None
        while self._ahead(n).upper == "(":
            n += 1
        if self._ahead(n).upper not in QUERY_WORDS:
            return None
        if at not in self._queries:
            try:
                found = exp.Subquery(this=self._in_parentheses(self.query))
                self._queries[at] = (found, self._at)
            except SyntaxFault:
                self._queries[at] = None
                self._at = at
        known = self._queries[at]
        if known is None:
            return None
        self._at = known[1]
        return known[0]

    def _parenthesised(self) -> Tree:
        query = self.parenthesised_query()
        if query is not None:
            return query
        members = self._in_parentheses(lambda: [] if self._is(")") else self._list(self.expression))
        return exp.Paren(this=members[0]) if len(members) == 1 else exp.Tuple(expressions=members)

    def _overlaps(self, row: Tree) -> Tree:
        if not self._take("OVERLAPS"):
            return row
        return exp.Overlaps(this=row, expression=self._base())

    # Words

    def _special(self) -> Tree | None:  # noqa: PLR0911 # one for each production
        """What keywords begin; None where the word is a name."""
        word = self._current.upper
        if word in {"NULL", "TRUE", "FALSE"}:
            self._next()
            return exp.Null() if word == "NULL" else exp.Boolean(this=word == "TRUE")
        if word in CLOCK_WORDS:
            return self._clock(word)
        if (word in _SESSION and self._ahead().upper != "(") or self._current.text == "SYSTEM_USER":
            self._next()
            return exp.Var(this=word)
        if word == "CASE":
            return self._case()
        if word == "ARRAY":
            return self._array()
        if self._take("COLLATION", "FOR"):
            return Words(expressions=[exp.Var(this="COLLATION FOR"), self._parenthesised()])
        if self._ahead().upper != "(":
            return None
        if word == "EXISTS":
            self._next()
            query = self.parenthesised_query()
            if query is None:
                raise self._fault()
            return exp.Exists(this=query.this)
        if word == "CAST":
            self._next()
            return self._in_parentheses(self._cast)
        if word == "ROW":
            self._next()
            members = self._in_parentheses(lambda: [] if self._is(")") else self._list(self.expression))
            return self._overlaps(exp.Anonymous(this="ROW", expressions=members))
        return None

    def _clock(self, word: str) -> Tree:
        self._next()
        if not self._is("("):
            return CLOCK_WORDS[word]()
        return exp.Anonymous(this=word, expressions=[self._in_parentheses(self.expression)])

    def _cast(self) -> exp.Cast:
        value = self.expression()
        self._expect("AS")
        return exp.Cast(this=value, to=self.type_name())

    def _case(self) -> exp.Case:
        self._next()
        compared = None if self._is("WHEN") else self.expression()
        cases: list[exp.If] = []
        while self._take("WHEN"):
            condition = self.expression()
            self._expect("THEN")
            cases.append(exp.If(this=condition, true=self.expression()))
        default = self.expression() if self._take("ELSE") else None
        self._expect("END")
        return exp.Case(this=compared, ifs=cases, default=default)

    def _array(self) -> Tree:
        self._next()
        query = self.parenthesised_query()
        if query is not None:
            return exp.Anonymous(this="ARRAY", expressions=[query.this])
        return self._members()

    def _members(self) -> exp.Array:
        """`[1, 2]`, or `[[1, 2], [3, 4]]`."""
        self._expect("[")
        members: list[Tree] = []
        if not self._is("]"):
            members = self._list(lambda: self._members() if self._is("[") else self.expression())
        self._expect("]")
        return exp.Array(expressions=members)

    # Names

    def _typed_literal(self) -> Tree | None:
        """`DATE '2020-01-01'`; None, and nothing read, where there is no constant behind a type."""
        at = self._at
        if self._ahead().kind is not Kind.STRING and self._current.upper not in _LONG_TYPES:
            return None
        try:
            type_ = self.type_name()
        except SyntaxFault:
            self._at = at
            return None
        if self._current.kind is not Kind.STRING:
            self._at = at
            return None
        value = self._literal(exp.Literal.string(self._current.text))
        if type_.this is exp.DType.INTERVAL and self._current.upper in _FIELDS:
            type_ = self._interval_type()
        elif type_.this is exp.DType.CHAR and not type_.expressions:  # of any length, as a constant
            type_ = exp.DataType(this=exp.DType.BPCHAR)
        elif type_.sql() == "BIT":
            type_ = exp.DataType(this=exp.DType.USERDEFINED, kind=exp.Identifier(this="bit", quoted=True))
        return exp.Cast(this=value, to=type_)

    def _interval_type(self) -> exp.DataType:
        raise NotImplementedError

    def _named(self) -> Tree:
        """A column, or a call of a function."""
        first = self._current
        word = first.upper
        if word in RESERVED or (word in OF_FUNCTIONS and self._ahead().upper not in {"(", "."}):
            raise self._fault()
        names = [self._label()]
        while self._take("."):
            if self._current.kind is Kind.OPERATOR and self._current.text == "*":
                star = exp.Star()
                self._placed(star, self._next())
                return _column(star, names)
            names.append(self._label())
        if self._is("("):
            return self.call(names)
        if self._current.kind is Kind.STRING and len(names) > 1:
            kind: exp.Identifier | exp.Dot = names[0]
            for name in names[1:]:
                kind = exp.Dot(this=kind, expression=name)
            value = self._literal(exp.Literal.string(self._current.text))
            return exp.Cast(this=value, to=exp.DataType(this=exp.DType.USERDEFINED, kind=kind))
        return _column(names[-1], names[:-1])


def _column(last: Tree, names: list[exp.Identifier]) -> exp.Column:
    parts = dict(zip(("table", "db", "catalog"), reversed(names), strict=False))
    return exp.Column(this=last, **parts)
