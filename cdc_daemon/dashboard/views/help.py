"""What each word means: the tables of the documentation, which the package carries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cdc_daemon.dashboard.definitions import Asked, Nothing

_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Word:
    """A word and its meaning. Code stands between backquotes."""

    word: str
    meaning: str


@dataclass(frozen=True)
class Help:
    """The words of the dashboard.

    Attributes:
        words: those of the whole program.
        states: those that `status` and these pages say of feeds and sinks.
    """

    words: Sequence[Word]
    states: Sequence[Word]


def help_(_asked: Asked, _question: Nothing) -> Help:
    """Return the words."""
    return Help(words_below("concepts.md", "## Words"), words_below("operating.md", "## What to watch"))


@cache
def words_below(page: str, heading: str) -> Sequence[Word]:
    """Return the first table below a heading of a page of the documentation."""
    return tuple(_rows((docs_directory() / page).read_text("utf-8"), heading))


def docs_directory() -> Path:
    """Return the folder of the documentation: in the installed package, or at the top of the source tree."""
    packaged = Path(__file__).parents[2] / "_docs"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "docs"


def _rows(text: str, heading: str) -> Iterator[Word]:
    below = text.partition(f"{heading}\n")[2]
    table = below[below.index("\n| --- |") :].lstrip("\n")
    for line in table.splitlines()[1:]:
        if not line.startswith("|"):
            return
        word, meaning = (cell.strip() for cell in _CELLS.split(line.strip().strip("|"), maxsplit=1))
        yield Word(word, _plain(meaning))


def _plain(markdown: str) -> str:
    """Return the text without links and emphasis; code keeps its backquotes."""
    return re.sub(r"\*(\w[^*]*)\*", r"\1", _LINK.sub(r"\1", markdown)).replace("\\|", "|")
