"""The commands of a page, as they stand there, for a test that runs them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands(page: str, name: str) -> str:
    """Return the script that the blocks `<!-- run: NAME -->` of a page make together.

    Raises:
        LookupError: the page has none.
    """
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(
        rf"^<!-- run: {re.escape(name)} -->\n```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    if not blocks:
        raise LookupError(f"{page} has no block <!-- run: {name} -->")
    return "".join(blocks)
