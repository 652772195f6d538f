"""What a view and an action are: the entries of the route table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from cdc_daemon.dashboard.access.viewer import Right, Viewer
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.recent_log import LogPlace
from cdc_daemon.insight.status import Objects
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings


class NotThere(CdcError):
    """What was asked for does not exist. The answer is 404."""


class BadQuestion(CdcError):
    """The question has a value that can't be used. The answer is 422."""


class Forbidden(CdcError):
    """The viewer lacks a right. The answer is 403."""


@dataclass(frozen=True)
class Asked:
    """What a view or an action gets besides the question.

    Attributes:
        connection: a session on which each statement is its own transaction.
        objects: the plans of the feeds, and how installed objects differ from them; at most a minute old.
        viewer: the person who asks.
        log: where the log is if this process is no daemon.
    """

    connection: Connection
    settings: Settings
    objects: Callable[[], Objects]
    viewer: Viewer
    log: LogPlace = field(default_factory=LogPlace)

    def require_feed(self, name: str) -> None:
        """Check that a feed is configured.

        Raises:
            NotThere: it is not.
        """
        if name not in self.settings.feeds:
            raise NotThere("is not configured", where=f"feed {name}")

    def require_sink(self, name: str, feed: str | None = None) -> None:
        """Check that a sink is configured, and that the feed goes to it.

        Raises:
            NotThere: it is not, or the feed does not.
        """
        if name not in self.settings.sinks:
            raise NotThere("is not configured", where=f"sink {name}")
        if feed is not None:
            self.require_feed(feed)
            if name not in self.settings.feeds[feed].sinks:
                raise NotThere(f"does not go to sink {name}", where=f"feed {feed}")


@dataclass(frozen=True)
class Nothing:
    """The question of a view that needs no values."""


@dataclass(frozen=True)
class Done:
    """The result of an action.

    Attributes:
        told: one sentence for a person.
    """

    told: str


class _Routed:
    """What views and actions have in common: the types of question and answer, read from the function."""

    name: str
    path: str
    function: Callable[[Asked, Any], Any]

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function)

    @cached_property
    def question(self) -> type[Any]:
        """The dataclass of the values that path, query or body give."""
        _, name = inspect.signature(self.function).parameters
        return cast("type[Any]", self._hints[name])

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Validates values and makes the question of them."""
        return TypeAdapter(self.question)

    @cached_property
    def fields(self) -> frozenset[str]:
        """Names of the question's fields."""
        return frozenset(get_type_hints(self.question))

    @cached_property
    def lists(self) -> frozenset[str]:
        """Names of the fields that are lists."""
        return frozenset(name for name, hint in get_type_hints(self.question).items() if _is_list(hint))

    @cached_property
    def answer(self) -> type[Any]:
        """The dataclass of the answer."""
        return cast("type[Any]", self._hints["return"])


def _is_list(hint: object) -> bool:
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return not issubclass(origin, Mapping)
    return any(_is_list(each) for each in get_args(hint))


@dataclass(frozen=True)
class View(_Routed):
    """A question with its page and its JSON twin.

    Attributes:
        name: stable: the operation's ID in the API. The page's template is `<name>.html`.
        path: path of the page, with `{field}` for fields of the question. The API has it below `/api/v1`.
        title: title of the page.
        function: answers the question.
        needs: the rights without which nothing is answered.
        menu: whether the page is in the menu.
    """

    name: str
    path: str
    title: str
    function: Callable[[Asked, Any], Any]
    needs: frozenset[Right] = frozenset()
    menu: bool = False


@dataclass(frozen=True)
class Action(_Routed):
    """Something that a person may do: a form of a page posts it to `path`, a program to `/api/v1` and `path`.

    Attributes:
        name: stable: the operation's ID in the API.
        function: does it, and records it in the audit with `asked.viewer.name` as the dashboard's user.
        needs: rights besides `Right.ACTIONS`, which every action needs.
        back: path of the page to show then, if the browser does not say where it came from.
    """

    name: str
    path: str
    title: str
    function: Callable[[Asked, Any], Done]
    needs: frozenset[Right] = frozenset()
    back: str = "/"

    @property
    def all_needs(self) -> frozenset[Right]:
        """Every right that the action needs."""
        return self.needs | {Right.ACTIONS}
