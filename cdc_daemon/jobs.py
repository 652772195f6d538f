"""Workers as values: what a configuration asks for, and how two configurations differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cdc_daemon.supervisor import Worker


@dataclass(frozen=True)
class Job:
    """A worker that a configuration asks for. Two jobs are equal if one worker can do both.

    Attributes:
        name: the worker's name.
        made_of: every setting from which the worker is made, and the content of the files that these name.
        make: makes the worker.
        wake: ends a wait of the worker.
        alone: whether nothing else waits for it (see `Supervisor.add`).
    """

    name: str
    made_of: tuple[object, ...] = field(repr=False)
    make: Callable[[], Worker] = field(compare=False, repr=False)
    wake: Callable[[], None] = field(compare=False, repr=False, default=lambda: None)
    alone: bool = False


@dataclass(frozen=True)
class Difference:
    """How two sets of jobs differ.

    Attributes:
        ending: jobs whose workers end.
        starting: jobs whose workers start. A worker that is replaced is in both.
    """

    ending: Mapping[str, Job]
    starting: Mapping[str, Job]

    @property
    def replaced(self) -> list[str]:
        """Names of workers that end, and start anew with other settings."""
        return [name for name in self.ending if name in self.starting]


def difference(before: Mapping[str, Job], after: Mapping[str, Job]) -> Difference:
    """Return the workers to end and to start. All others run on, and notice nothing."""
    return Difference(
        {name: job for name, job in before.items() if after.get(name) != job},
        {name: job for name, job in after.items() if before.get(name) != job},
    )
