"""Imports structlog without rich.

structlog imports rich if it is installed, for tracebacks in color that show the values of variables. This log
never prints these, because a value may be a secret. The import takes 50 ms of every command.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

__all__ = ["structlog"]

_modules = cast("dict[str, ModuleType | None]", sys.modules)
_is_loaded = "rich" in _modules
# None lets `import rich` fail (a convention of Python). What imports rich later gets it.
_modules.setdefault("rich", None)
try:
    import structlog
finally:
    if not _is_loaded:
        del _modules["rich"]
