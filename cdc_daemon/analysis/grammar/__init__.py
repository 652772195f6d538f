"""PostgreSQL's SELECT as sqlglot trees and back.

`read_query` follows the productions of PostgreSQL's own grammar (gram.y, scan.l), so operators, precedence
and calls with a syntax of their own mean what PostgreSQL means by them. sqlglot gives the trees and what
works on trees. Decision 38 says why its parser is not used.
"""

from cdc_daemon.analysis.grammar.lexer import SyntaxFault
from cdc_daemon.analysis.grammar.queries import read_query
from cdc_daemon.analysis.grammar.writer import write

__all__ = ["SyntaxFault", "read_query", "write"]
