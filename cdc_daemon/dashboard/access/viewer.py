"""A person who looks at the dashboard, and the rights that not everybody has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """What a viewer may do besides reading states and counts."""

    DOCUMENTS = "documents"
    """See contents of documents, and values of keys."""
    ACTIONS = "actions"
    """Do what changes something."""


@dataclass(frozen=True)
class Viewer:
    """A person who was let in.

    Attributes:
        name: the name in the audit; `local` where nobody is asked for a name.
    """

    name: str
    rights: frozenset[Right] = frozenset()

    @property
    def documents(self) -> bool:
        """Whether the viewer may see documents."""
        return Right.DOCUMENTS in self.rights

    @property
    def actions(self) -> bool:
        """Whether the viewer may act."""
        return Right.ACTIONS in self.rights


LOCAL = "local"
"""Name of the viewer on a loopback address where nobody logs in."""
