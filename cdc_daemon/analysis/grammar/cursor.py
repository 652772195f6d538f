"""A position in a text's tokens, and the names that can stand there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from sqlglot import exp

from cdc_daemon.analysis.grammar.lexer import Kind, SyntaxFault, Token, tokens

Tree: TypeAlias = exp.Expr
Part = TypeVar("Part")

# Reserved (`pg_get_keywords()`, catcode R): none of them names a column.
RESERVED = frozenset(
    """ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN CONSTRAINT
    CREATE CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT
    DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM GRANT GROUP HAVING IN INITIALLY
    INTERSECT INTO LATERAL LEADING LIMIT LOCALTIME LOCALTIMESTAMP NOT NULL OFFSET ON ONLY OR ORDER PLACING
    PRIMARY REFERENCES RETURNING SELECT SESSION_USER SOME SYMMETRIC TABLE THEN TO TRAILING TRUE UNION UNIQUE
    USER USING VARIADIC WHEN WHERE WINDOW
    WITH""".split()  # noqa: SIM905 # as a list it would fill a page
)
# They may name functions and types, and no table or column (catcode T).
OF_FUNCTIONS = frozenset(
    """AUTHORIZATION BINARY COLLATION CONCURRENTLY CROSS CURRENT_SCHEMA FREEZE FULL ILIKE INNER IS ISNULL JOIN
    LEFT LIKE NATURAL NOTNULL OUTER OVERLAPS RIGHT SIMILAR TABLESAMPLE
    VERBOSE""".split()  # noqa: SIM905 # as above
)
# A label without AS is none of these; all the other keywords may be one (`pg_get_keywords()`, barelabel).
_NO_BARE_LABELS = frozenset(
    """ARRAY AS CHAR CHARACTER CREATE DAY EXCEPT FETCH FILTER FOR FROM GRANT GROUP HAVING HOUR INTERSECT
    INTO ISNULL LIMIT MINUTE MONTH NOTNULL OFFSET ON ORDER OVER OVERLAPS PRECISION RETURNING SECOND TO
    UNION VARYING WHERE WINDOW WITH WITHIN WITHOUT YEAR""".split()  # noqa: SIM905 # as above
)


class Cursor:
    """Reads a text's tokens one after the other.

    Args:
        text: one statement.

    Raises:
        SyntaxFault: the text has no tokens.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0

    # What the grammar's parts need of each other

    def expression(self, least: int = 0, *, restricted: bool = False) -> Tree:
        """Read an expression (a_expr) whose operators bind at least as tightly as level `least`.

        Args:
            restricted: a b_expr, which may be followed by AND.
        """
        raise NotImplementedError

    def primary(self) -> Tree:
        """Read an operand (c_expr) with its subscripts, fields and casts."""
        raise NotImplementedError

    def query(self) -> Tree:
        """Read a SELECT, VALUES or set operation without parentheses around it."""
        raise NotImplementedError

    def type_name(self) -> exp.DataType:
        """Read the name of a type."""
        raise NotImplementedError

    def order_by(self) -> exp.Order:
        """Read the keys of an ORDER BY."""
        raise NotImplementedError

    # Tokens

    @property
    def _current(self) -> Token:
        return self._tokens[self._at]

    def _ahead(self, n: int = 1) -> Token:
        return self._tokens[min(self._at + n, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *words: str) -> bool:
        """Whether these words or signs come next, in this order."""
        return all(self._ahead(n).upper == word for n, word in enumerate(words))

    def _one_of(self, words: frozenset[str] | set[str]) -> bool:
        return self._current.upper in words

    def _take(self, *words: str) -> bool:
        """Go past these words or signs, if they come next."""
        if not self._is(*words):
            return False
        self._at += len(words)
        return True

    def _expect(self, *words: str) -> None:
        if not self._take(*words):
            raise self._fault(f"where {' '.join(words)} is expected")

    def _fault(self, what: str = "") -> SyntaxFault:
        token = self._current
        line = self._text.count("\n", 0, token.start) + 1
        column = token.start - self._text.rfind("\n", 0, token.start)
        shown = self._text[token.start : token.end + 1] or "the end"
        return SyntaxFault(f"{shown} at line {line}, column {column} {what or 'was not expected'}")

    def _list(self, part: Callable[[], Part]) -> list[Part]:
        """One part or several, with commas between them."""
        found = [part()]
        while self._take(","):
            found.append(part())
        return found

    def _in_parentheses(self, part: Callable[[], Part]) -> Part:
        self._expect("(")
        found = part()
        self._expect(")")
        return found

    # Names

    def _placed(self, tree: Tree, token: Token) -> None:
        """Note where a node stands."""
        tree.meta["start"] = token.start
        tree.meta["end"] = token.end

    def _identifier(self, token: Token) -> exp.Identifier:
        found = exp.Identifier(this=token.text, quoted=token.kind is Kind.QUOTED)
        self._placed(found, token)
        return found

    def _starts_name(self, n: int = 0) -> bool:
        """Whether the n-th token ahead can name a column or table."""
        token = self._ahead(n)
        if token.kind is Kind.QUOTED:
            return True
        return token.kind is Kind.WORD and token.upper not in RESERVED and token.upper not in OF_FUNCTIONS

    def _name(self) -> exp.Identifier:
        """A name of a column, table or alias (ColId)."""
        if not self._starts_name():
            raise self._fault("where a name is expected")
        return self._identifier(self._next())

    def _label(self) -> exp.Identifier:
        """A name behind AS or a dot, where any word may stand (ColLabel)."""
        if self._current.kind not in (Kind.WORD, Kind.QUOTED):
            raise self._fault("where a name is expected")
        return self._identifier(self._next())

    def _bare_label(self) -> exp.Identifier | None:
        """A name of an output without AS."""
        token = self._current
        if token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.upper not in _NO_BARE_LABELS):
            return self._identifier(self._next())
        return None
