"""Calls of functions: arguments, calls with a syntax of their own, aggregates and windows (func_expr)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from cdc_daemon.analysis.grammar.cursor import Cursor, Tree
from cdc_daemon.analysis.grammar.lexer import Kind
from cdc_daemon.analysis.grammar.nodes import Words
from cdc_daemon.analysis.grammar.primaries import QUERY_WORDS

_ENCODED = "FORMAT JSON ENCODING UTF8 UTF16 UTF32"
_RETURNED = f"{_ENCODED} RETURNING"
_UNIQUE = "WITH WITHOUT UNIQUE KEYS"
_WRAPPED = "WITH WITHOUT CONDITIONAL UNCONDITIONAL ARRAY WRAPPER KEEP OMIT QUOTES SCALAR STRING OBJECT"
_ASKED = f"{_RETURNED} PASSING AS ON EMPTY ERROR NULL TRUE FALSE UNKNOWN DEFAULT"

# The keywords that may stand inside a call of a function.
_KEYWORDS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "EXTRACT": "FROM",
        "JSON": f"{_ENCODED} {_UNIQUE}",
        "JSON_ARRAY": f"{_RETURNED} NULL ABSENT ON",
        "JSON_ARRAYAGG": f"{_RETURNED} NULL ABSENT ON",
        "JSON_EXISTS": _ASKED,
        "JSON_OBJECT": f"{_RETURNED} {_UNIQUE} VALUE NULL ABSENT ON",
        "JSON_OBJECTAGG": f"{_RETURNED} {_UNIQUE} VALUE NULL ABSENT ON",
        "JSON_QUERY": f"{_ASKED} {_WRAPPED}",
        "JSON_SERIALIZE": _RETURNED,
        "JSON_VALUE": _ASKED,
        "NORMALIZE": "NFC NFD NFKC NFKD",
        "OVERLAY": "PLACING FROM FOR",
        "POSITION": "IN",
        "SUBSTRING": "FROM FOR SIMILAR ESCAPE",
        "TRIM": "BOTH LEADING TRAILING FROM",
        "XMLATTRIBUTES": "AS",
        "XMLELEMENT": "NAME",
        "XMLEXISTS": "PASSING BY REF VALUE",
        "XMLFOREST": "AS",
        "XMLNAMESPACES": "AS DEFAULT",
        "XMLPARSE": "DOCUMENT CONTENT PRESERVE STRIP WHITESPACE",
        "XMLPI": "NAME",
        "XMLROOT": "VERSION STANDALONE YES NO VALUE",
        "XMLSERIALIZE": "DOCUMENT CONTENT AS NO INDENT",
    }.items()
}
# Those with which an argument may begin; anywhere else it begins with an expression, whatever its name.
_LEADING = frozenset(
    """ABSENT BOTH LEADING TRAILING FROM FOR NAME DOCUMENT CONTENT VERSION STANDALONE NFC NFD NFKC NFKD
    DEFAULT RETURNING NULL""".split()  # noqa: SIM905 # shorter
)
# Behind these stands an expression, whatever its name.
_BEFORE_EXPRESSION = frozenset(
    {"FROM", "FOR", "PLACING", "SIMILAR", "ESCAPE", "IN", "VALUE", ":", "DEFAULT", "DOCUMENT", "CONTENT"}
)
_FRAMES = frozenset({"ROWS", "RANGE", "GROUPS"})


class Calls(Cursor):
    """Reads calls."""

    def call(self, names: list[exp.Identifier]) -> Tree:
        """Read a call from its first parenthesis on, with FILTER, WITHIN GROUP and OVER.

        Args:
            names: the function's name, with its schema in front.
        """
        return self.further_call(self.plain_call(names))

    def plain_call(self, names: list[exp.Identifier]) -> Tree:
        """Read a call up to its closing parenthesis."""
        name = names[-1]
        plain = len(names) == 1 and not name.args.get("quoted")
        keywords = _KEYWORDS.get(name.name.upper()) if plain else None
        if keywords is None:
            arguments = self._in_parentheses(self._arguments)
        else:
            arguments = self._in_parentheses(lambda: self._argument_words(name.name.upper(), keywords))
        call: Tree = exp.Anonymous(this=name if name.args.get("quoted") else name.name, expressions=arguments)
        call.meta.update(name.meta)
        for schema in reversed(names[:-1]):
            call = exp.Dot(this=schema, expression=call)
        return call

    # Ordinary arguments

    def _arguments(self) -> list[Tree]:
        if self._is(")"):
            return []
        if self._is("*", ")"):
            self._next()
            return [exp.Star()]
        distinct = self._take("DISTINCT")
        if not distinct:
            self._take("ALL")
        arguments: list[Tree] = self._list(self._argument)
        if distinct:
            arguments = [exp.Distinct(expressions=arguments)]
        if self._take("ORDER", "BY"):
            order = self.order_by()
            order.set("this", arguments.pop())
            arguments.append(order)
        return arguments

    def _argument(self) -> Tree:
        if self._take("VARIADIC"):
            return exp.Variadic(this=self._argument())
        if self._current.kind in (Kind.WORD, Kind.QUOTED) and self._ahead().upper in {"=>", ":="}:
            name = self._label()
            self._next()
            return exp.Kwarg(this=name, expression=self.expression())
        return self.expression()

    # Arguments with keywords

    def _argument_words(self, function: str, keywords: frozenset[str]) -> list[Tree]:
        if self._is(")"):
            return []
        return self._list(lambda: self._words(function, keywords))

    def _words(self, function: str, keywords: frozenset[str]) -> Tree:
        """An argument: expressions with keywords between them."""
        parts: list[Tree] = []
        last = ""
        while not (self._is(",") or self._is(")")):
            word = self._current.upper
            if function == "EXTRACT" and not parts and self._current.kind in (Kind.WORD, Kind.QUOTED):
                parts.append(exp.Var(this=self._next().text))
            elif self._is(":") or self._is_keyword(word, last, keywords, begins=not parts):
                last = self._next().upper
                parts.append(exp.Var(this=last))
                parts += self._behind_keyword(function, last)
            elif self._take("ORDER", "BY"):
                order = self.order_by()
                order.set("this", parts.pop())
                parts.append(order)
                last = ""
            else:
                parts.append(self._value(function))
                last = ""
        return parts[0] if len(parts) == 1 else Words(expressions=parts)

    def _is_keyword(self, word: str, last: str, keywords: frozenset[str], *, begins: bool) -> bool:
        if word not in keywords:
            return False
        if word == "NULL" and self._ahead().upper != "ON":
            return False
        if last in _BEFORE_EXPRESSION:
            return False
        if last == "NO" or not begins:
            return True
        return word in _LEADING and self._ahead().upper not in {",", "."} | ({")"} - set(self._alone(word)))

    @staticmethod
    def _alone(word: str) -> str:
        """A closing parenthesis if the keyword may be a whole argument: `NORMALIZE(a, NFC)`."""
        return ")" if word.startswith("NF") else ""

    def _behind_keyword(self, function: str, word: str) -> list[Tree]:
        """A name or a type that belongs to a keyword."""
        if word == "RETURNING" or (word == "AS" and function == "XMLSERIALIZE"):
            return [self.type_name()]
        return [self._label()] if word in {"NAME", "AS"} else []

    def _value(self, function: str) -> Tree:
        if self._current.upper in QUERY_WORDS - {"VALUES", "TABLE"}:
            return self.query()
        if function == "POSITION":
            return self.expression(restricted=True)
        if function == "XMLEXISTS":
            return self.primary()
        if self._current.kind is Kind.OPERATOR and self._current.text == "*":
            raise self._fault()
        return self._argument()

    # Aggregates and windows

    def further_call(self, call: Tree) -> Tree:
        """Read the clauses after a call."""
        if self._take("WITHIN", "GROUP", "("):
            self._expect("ORDER", "BY")
            call = exp.WithinGroup(this=call, expression=self.order_by())
            self._expect(")")
        if self._take("FILTER", "(", "WHERE"):
            call = exp.Filter(this=call, expression=exp.Where(this=self.expression()))
            self._expect(")")
        if not self._is("OVER"):
            return call
        self._next()
        if self._is("("):
            window = self.window_definition()
            window.set("this", call)
            window.set("over", "OVER")
            return window
        return exp.Window(this=call, alias=self._name(), over="OVER")

    def window_definition(self) -> exp.Window:
        """`(PARTITION BY … ORDER BY … ROWS …)`."""
        self._expect("(")
        window = exp.Window()
        starts = self._is("PARTITION", "BY") or self._is("ORDER", "BY") or self._one_of(_FRAMES)
        if self._starts_name() and not starts:
            window.set("alias", self._name())
        if self._take("PARTITION", "BY"):
            window.set("partition_by", self._list(self.expression))
        if self._take("ORDER", "BY"):
            window.set("order", self.order_by())
        if self._one_of(_FRAMES):
            window.set("spec", self._frame())
        self._expect(")")
        return window

    def _frame(self) -> exp.WindowSpec:
        frame = exp.WindowSpec(kind=self._next().upper)
        if self._take("BETWEEN"):
            self._bound(frame, "start")
            self._expect("AND")
            self._bound(frame, "end")
        else:
            self._bound(frame, "start")
        if self._take("EXCLUDE"):
            words = [self._next().upper]
            if words[0] in {"CURRENT", "NO"}:
                words.append(self._next().upper)
            frame.set("exclude", exp.Var(this=" ".join(words)))
        return frame

    def _bound(self, frame: exp.WindowSpec, which: str) -> None:
        if self._take("CURRENT", "ROW"):
            frame.set(which, "CURRENT ROW")
            return
        if self._take("UNBOUNDED"):
            frame.set(which, "UNBOUNDED")
        else:
            frame.set(which, self.expression(restricted=which == "start"))
        frame.set(f"{which}_side", self._next().upper)
