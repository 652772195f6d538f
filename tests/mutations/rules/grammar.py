"""Rules of how text becomes trees and trees text, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

WRITTEN = (
    Mutation(
        "an operator ends before a sign unless it holds an odd one",
        "_operator",
        'len(signs) > 1 and signs[-1] in "+-" and _ODD.isdisjoint(signs)',
        "False",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "comments nest",
        "_end_of_comment",
        "depth == 0",
        "depth <= 1",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a string goes on behind a line break",
        "_continued",
        "_CONTINUED.match(text, end)",
        "None",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a reserved word names no column",
        "RESERVED",
        (
            "'ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN "
            "CONSTRAINT\\n    CREATE CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_TIME "
            "CURRENT_TIMESTAMP CURRENT_USER DEFAULT\\n    DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT "
            "FALSE FETCH FOR FOREIGN FROM GRANT GROUP HAVING IN INITIALLY\\n    INTERSECT INTO LATERAL "
            "LEADING LIMIT LOCALTIME LOCALTIMESTAMP NOT NULL OFFSET ON ONLY OR ORDER PLACING\\n    "
            "PRIMARY REFERENCES RETURNING SELECT SESSION_USER SOME SYMMETRIC TABLE THEN TO TRAILING "
            "TRUE UNION UNIQUE\\n    USER USING VARIADIC WHEN WHERE WINDOW\\n    WITH'"
        ),
        (
            "'ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN "
            "CONSTRAINT\\n    CREATE CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_TIME "
            "CURRENT_TIMESTAMP CURRENT_USER DEFAULT\\n    DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT "
            "FALSE FETCH FOR FOREIGN FROM GRANT GROUP HAVING IN INITIALLY\\n    INTERSECT INTO LATERAL "
            "LEADING LIMIT LOCALTIME LOCALTIMESTAMP NOT NULL OFFSET ON ONLY OR PLACING\\n    PRIMARY "
            "REFERENCES RETURNING SELECT SESSION_USER SOME SYMMETRIC TABLE THEN TO TRAILING TRUE UNION "
            "UNIQUE\\n    USER USING VARIADIC WHEN WHERE WINDOW\\n    WITH'"
        ),
        killed_by=("test_grammar",),
    ),
    Mutation(
        "POWER binds tighter than a product",
        "(OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST)",
        (
            "OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST "
            "= range(1, 15)"
        ),
        (
            "OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, POWER, MULTIPLY, AT, COLLATE, SIGN, CAST "
            "= range(1, 15)"
        ),
        killed_by=("test_grammar",),
    ),
    Mutation(
        "an operator of any other name binds more loosely than a sum",
        "(OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST)",
        (
            "OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST "
            "= range(1, 15)"
        ),
        (
            "OR, AND, NOT, IS, COMPARE, RANGE, ADD, OPERATOR, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST "
            "= range(1, 15)"
        ),
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a sign binds tighter than a power",
        "Expressions._operand",
        "exp.Neg(this=self.expression(SIGN))",
        "exp.Neg(this=self.expression(POWER))",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "operators of one level are read from the left",
        "Expressions._binary",
        "level + 1",
        "level",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "OPERATOR(…) binds as an operator of any other name",
        "Expressions._further",
        "OPERATOR",
        "POWER",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "the lower bound of BETWEEN ends before AND",
        "Expressions._range",
        "self.expression(restricted=True)",
        "self.expression()",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a type keeps its quotes: bit is bit(1)",
        "TypeNames._simple_type",
        'word == "BIT"',
        'self._current.text.upper() == "BIT"',
        killed_by=("test_grammar",),
    ),
    Mutation(
        "an interval keeps its fields",
        "TypeNames._interval",
        "self._one_of(_FIELDS)",
        "False",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a query in parentheses is read once",
        "Primaries.parenthesised_query",
        "self._queries[at] = (found, self._at)",
        """\
self._queries[at] = None
self._at = at
""",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "an argument begins with an expression, whatever its name",
        "Calls._is_keyword",
        """\
if last in _BEFORE_EXPRESSION:
    return False
""",
        "pass",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "a frame without BETWEEN stays one",
        "Calls._frame",
        """\
if self._take("BETWEEN"):
    self._bound(frame, "start")
    self._expect("AND")
    self._bound(frame, "end")
else:
    self._bound(frame, "start")
""",
        """\
if self._take("BETWEEN"):
    self._bound(frame, "start")
    self._expect("AND")
    self._bound(frame, "end")
else:
    self._bound(frame, "start")
    frame.set("end", "1")
""",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "USING may name what it merges",
        "Tables._join",
        'self._take("AS")',
        "False",
        killed_by=("test_dialect",),
    ),
    Mutation(
        "a column of XMLTABLE has its default and path",
        "Tables._table_column",
        "word.kind is Kind.WORD and parts[-1].name not in _XML_OPTIONS",
        "word.kind is Kind.WORD",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "INTERSECT binds tighter than UNION",
        "_Reader._set_operation",
        "self._simple() if kind is exp.Intersect else self._intersection()",
        "self._simple()",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "several statements are not read",
        "_Reader.statement",
        "self._current.kind is not Kind.END",
        "False",
        killed_by=("test_dialect",),
    ),
    Mutation(
        "the name of what USING merged is written again",
        "_Writer.join_sql",
        "name is None",
        "True",
        killed_by=("test_dialect",),
    ),
    Mutation(
        "explicit text has each operator in parentheses",
        "_Writer._needs_parentheses",
        "self.EXPLICIT or isinstance(parent, _FREE)",
        "isinstance(parent, _FREE)",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "explicit text shows the arms of set operations",
        "write",
        "isinstance(inner.parent, exp.SetOperation)",
        "False",
        killed_by=("test_grammar",),
    ),
    Mutation(
        "WITH ORDINALITY stays with its function",
        "_Writer.table_sql",
        'alone.args.pop("joins", None) or []',
        "[]",
        killed_by=("test_dialect",),
    ),
    Mutation(
        "a backslash is escaped",
        "text_of",
        '"E\'"',
        '"\'"',
        killed_by=("test_grammar",),
    ),
    Mutation(
        "somebody's own operator may make something of a NULL",
        "_may_take_null",
        'bool(schema) and schema != "pg_catalog" and _COMPARES not in tree.meta',
        "False",
        killed_by=("test_strictness",),
    ),
    Mutation(
        "somebody's own operator over a type of PostgreSQL is no comparison",
        "mark_comparisons",
        'schema and name in _COMPARISONS and all("." in _type_of(side, types) for side in sides)',
        "schema and name in _COMPARISONS",
        killed_by=("test_strictness",),
    ),
    Mutation(
        "IS TRUE does not ask for NULL",
        "JoinState._contradicts",
        (
            "isinstance(test, exp.Is) and isinstance(test.expression, exp.Null) and not "
            'test.args.get("negate")'
        ),
        'isinstance(test, exp.Is) and not test.args.get("negate")',
        killed_by=("test_strictness",),
    ),
)
