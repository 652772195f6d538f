"""Operators and their precedence (a_expr and b_expr)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from cdc_daemon.analysis.grammar.cursor import Cursor, Tree
from cdc_daemon.analysis.grammar.lexer import Kind
from cdc_daemon.analysis.grammar.nodes import PrefixOperator
from cdc_daemon.analysis.grammar.precedence import (
    ADD,
    AND,
    AT,
    COLLATE,
    COMPARE,
    IS,
    MULTIPLY,
    NOT,
    OPERATOR,
    OR,
    POWER,
    RANGE,
    SIGN,
)

_BINARY: Mapping[str, tuple[int, type[exp.Binary]]] = {
    "=": (COMPARE, exp.EQ),
    "<>": (COMPARE, exp.NEQ),
    "!=": (COMPARE, exp.NEQ),
    "<": (COMPARE, exp.LT),
    "<=": (COMPARE, exp.LTE),
    ">": (COMPARE, exp.GT),
    ">=": (COMPARE, exp.GTE),
    "+": (ADD, exp.Add),
    "-": (ADD, exp.Sub),
    "*": (MULTIPLY, exp.Mul),
    "/": (MULTIPLY, exp.Div),
    "%": (MULTIPLY, exp.Mod),
    "^": (POWER, exp.Pow),
    "||": (OPERATOR, exp.DPipe),
    "~~": (OPERATOR, exp.Like),
    "~~*": (OPERATOR, exp.ILike),
}
_NEVER_PREFIX = frozenset({"=", "<>", "!=", "<", "<=", ">", ">=", "*", "/", "%", "^"})
_NOT_LIKE = {"!~~": exp.Like, "!~~*": exp.ILike}
_RANGES = {"BETWEEN": "", "IN": "", "LIKE": "", "ILIKE": "", "SIMILAR": "TO"}
_TRUTH = ("TRUE", "FALSE")


class Expressions(Cursor):
    """Reads expressions."""

    def expression(self, least: int = 0, *, restricted: bool = False) -> Tree:
        """Read an expression whose operators bind at least as tightly as level `least`; see `Cursor`."""
        left = self._operand(restricted=restricted)
        while (found := self._further(left, least, restricted=restricted)) is not None:
            left = found
        return left

    def _operand(self, *, restricted: bool) -> Tree:
        if self._is("NOT") and not restricted:
            self._next()
            return exp.Not(this=self.expression(NOT))
        if self._take("-"):
            return exp.Neg(this=self.expression(SIGN))
        if self._take("+"):
            return PrefixOperator(this=self.expression(SIGN), operator="+")
        if self._starts_operator() and self._current.text not in _NEVER_PREFIX:
            operator = self._operator()
            return PrefixOperator(this=self.expression(OPERATOR + 1), operator=operator)
        return self.primary()

    def _further(self, left: Tree, least: int, *, restricted: bool) -> Tree | None:  # noqa: PLR0911 # one for each production
        """The expression that goes on behind `left` with an operator; None where it ends."""
        if self._starts_operator():
            text = self._current.text
            level = _BINARY[text][0] if text in _BINARY and self._current.kind is Kind.OPERATOR else OPERATOR
            return self._binary(left, level) if level >= least else None
        word = self._current.upper
        if word == "IS" and least <= IS:
            return self._test(left, restricted=restricted)
        if restricted:
            return None
        if word == "OR" and least <= OR:
            self._next()
            return exp.Or(this=left, expression=self.expression(OR + 1))
        if word == "AND" and least <= AND:
            self._next()
            return exp.And(this=left, expression=self.expression(AND + 1))
        if word in {"ISNULL", "NOTNULL"} and least <= IS:
            self._next()
            return exp.Is(this=left, expression=exp.Null(), negate=word == "NOTNULL" or None)
        if least <= RANGE and self._starts_range():
            return self._range(left)
        if word == "AT" and least <= AT and self._ahead().upper in {"TIME", "LOCAL"}:
            self._next()
            if self._take("LOCAL"):
                return exp.AtTimeZone(this=left, zone=exp.Var(this="LOCAL"))
            self._expect("TIME", "ZONE")
            return exp.AtTimeZone(this=left, zone=self.expression(AT + 1))
        if word == "COLLATE" and least <= COLLATE:
            self._next()
            return exp.Collate(this=left, expression=self._any_name())
        return None

    # Operators

    def _starts_operator(self) -> bool:
        return self._current.kind is Kind.OPERATOR or self._is("OPERATOR", "(")

    def _operator(self) -> str:
        """An operator's signs, with its schema in front if OPERATOR(…) gives one."""
        if not self._take("OPERATOR", "("):
            return self._next().text
        parts: list[str] = []
        while self._current.kind is not Kind.OPERATOR:
            parts.append(self._label().sql(dialect="postgres"))
            self._expect(".")
        parts.append(self._next().text)
        self._expect(")")
        return ".".join(parts)

    def _binary(self, left: Tree, level: int) -> Tree:
        named = self._current.kind is not Kind.OPERATOR
        operator = self._operator()
        right = self._quantified() or self.expression(level + 1)
        if named or operator not in {*_BINARY, *_NOT_LIKE}:
            # Without a schema of its own OPERATOR(=) binds as OPERATOR(…) does: a name with a dot keeps that.
            bare = named and "." not in operator
            return exp.Operator(this=left, operator=f".{operator}" if bare else operator, expression=right)
        if operator in _NOT_LIKE:
            return _NOT_LIKE[operator](this=left, expression=right, negate=True)
        return _BINARY[operator][1](this=left, expression=right)

    def _quantified(self) -> Tree | None:
        """`ANY (…)`, `SOME (…)` or `ALL (…)` behind an operator."""
        if not (self._one_of({"ANY", "SOME", "ALL"}) and self._ahead().upper == "("):
            return None
        every = self._next().upper == "ALL"
        operand = self.primary()
        if not every:
            return exp.Any(this=operand)
        if isinstance(operand, exp.Subquery):
            return exp.All(this=operand.this)
        return exp.Anonymous(this="ALL", expressions=[operand.this])

    # IS, IN, LIKE, BETWEEN

    def _test(self, left: Tree, *, restricted: bool) -> Tree | None:
        at = self._at
        self._next()
        negate = self._take("NOT") or None
        if self._take("DISTINCT", "FROM"):
            right = self.expression(IS + 1, restricted=restricted)
            return (exp.NullSafeEQ if negate else exp.NullSafeNEQ)(this=left, expression=right)
        if self._take("NULL"):
            return exp.Is(this=left, expression=exp.Null(), negate=negate)
        if self._one_of(set(_TRUTH)):
            return exp.Is(this=left, expression=exp.Boolean(this=self._next().upper == "TRUE"), negate=negate)
        words: list[str] = []
        if self._is("JSON"):
            words.append(self._next().upper)
            if self._one_of({"VALUE", "OBJECT", "ARRAY", "SCALAR"}):
                words.append(self._next().upper)
            for unique in ("WITH", "WITHOUT"):
                if self._take(unique, "UNIQUE"):
                    self._take("KEYS")
                    words += [unique, "UNIQUE", "KEYS"]
        elif self._one_of({"UNKNOWN", "DOCUMENT", "NORMALIZED"}):
            words.append(self._next().upper)
        elif self._one_of({"NFC", "NFD", "NFKC", "NFKD"}) and self._ahead().upper == "NORMALIZED":
            words += [self._next().upper, self._next().upper]
        if not words:
            self._at = at
            raise self._fault()
        return exp.Is(this=left, expression=exp.Var(this=" ".join(words)), negate=negate)

    def _starts_range(self) -> bool:
        n = int(self._is("NOT"))
        word = self._ahead(n).upper
        return word in _RANGES and self._ahead(n + 1).upper.startswith(_RANGES[word])

    def _range(self, left: Tree) -> Tree:
        negate = self._take("NOT")
        word = self._next().upper
        if word == "BETWEEN":
            symmetric = self._take("SYMMETRIC") or None
            self._take("ASYMMETRIC")
            low = self.expression(restricted=True)
            self._expect("AND")
            high = self.expression(RANGE + 1)
            found: Tree = exp.Between(this=left, low=low, high=high, symmetric=symmetric)
        elif word == "IN":
            right = self.primary()
            if isinstance(right, exp.Subquery):
                found = exp.In(this=left, query=right)
                return exp.Not(this=found) if negate else found
            members = right.expressions if isinstance(right, exp.Tuple) else [right.this]
            found = exp.In(this=left, expressions=members)
        else:
            if word == "SIMILAR":
                self._expect("TO")
            right = self._quantified() or self.expression(RANGE + 1)
            kind = {"LIKE": exp.Like, "ILIKE": exp.ILike, "SIMILAR": exp.SimilarTo}[word]
            found = kind(this=left, expression=right)
        if negate:
            # To PostgreSQL it is not NOT around the test: `a NOT IN (1, 2)` is `a <> ALL (…)`.
            found.set("negate", True)
        if self._take("ESCAPE"):
            found = exp.Escape(this=found, expression=self.expression(RANGE + 1))
        return found

    def _any_name(self) -> Tree:
        """A name with its schema, as a collation has it."""
        name: Tree = self._label()
        while self._take("."):
            name = exp.Dot(this=name, expression=self._label())
        return name
