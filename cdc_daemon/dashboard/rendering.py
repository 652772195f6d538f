"""Renders templates. Every value is escaped, without secrets, and without signs that don't print."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from cdc_daemon import __version__
from cdc_daemon.dashboard.access.origin import TOKEN_FIELD
from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.formats import FILTERS
from cdc_daemon.dashboard.pictures import PICTURES
from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible_lines

_FOLDER = Path(__file__).parent
TEMPLATES, STATIC = _FOLDER / "templates", _FOLDER / "static"

_PART = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass
class Rendered:
    """A page.

    Attributes:
        text: the HTML.
        fragments: the HTML of each live fragment, by its ID.
    """

    text: str = ""
    fragments: dict[str, str] = field(default_factory=dict[str, str])

    def live(self, name: str, caller: Callable[[], Markup], label: str | None = None) -> Markup:
        """Return a live fragment: `{% call live("feeds", label="Feeds") %}…{% endcall %}`.

        Args:
            name: its ID on the page.
            label: its name for screen readers.
        """
        attributes = Markup(' aria-label="{}"').format(label) if label else Markup("")
        html = Markup('<section id="{}" data-live{}>{}</section>').format(name, attributes, caller())
        self.fragments[name] = str(html)
        return html


class Renderer:
    """Renders the pages of a route table."""

    def __init__(self, views: Sequence[View], actions: Sequence[Action]) -> None:
        self._paths = {each.name: each.path for each in (*views, *actions)}
        # Rendered fragments are shared by all viewers with the same rights. Each gets a token of its own in
        # the place of this text, which nobody can guess.
        self._token = secrets.token_hex(16)
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_shown,
        )
        # Jinja does not say what its dictionaries hold.
        self._environment.filters.update(FILTERS)  # pyright: ignore[reportUnknownMemberType]
        # Globals, not the context of a page: macros see them too.
        self._environment.globals.update(  # pyright: ignore[reportUnknownMemberType]
            link=self.link,
            static=self.static,
            csrf=Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, self._token),
            csrf_token=self._token,
            version=__version__,
            **PICTURES,
            pages=set(self._paths),
            menu=[view for view in views if view.menu],
        )

    def render(self, template: str, context: Mapping[str, object]) -> Rendered:
        """Return a page; its forms have no tokens yet (see `with_token`)."""
        rendered = Rendered()
        rendered.text = self._environment.get_template(template).render({**context, "live": rendered.live})
        return rendered

    def with_token(self, html: str, token: str) -> str:
        """Return HTML with the token of a session in its forms."""
        return html.replace(self._token, token)

    def link(self, name: str, **values: object) -> Markup:
        """Return the path of a view or an action, its values quoted; those that no part takes are its query.

        Args:
            name: of the view or action.
            values: a list gives several values; None gives none.
        """
        taken = set[str]()

        def part(found: re.Match[str]) -> str:
            taken.add(found[1])
            return quote(str(values[found[1]]), safe="")

        path = _PART.sub(part, self._paths[name])
        rest = {each: value for each, value in values.items() if each not in taken and value is not None}
        return escape(f"{path}?{urlencode(rest, doseq=True)}" if rest else path)

    def static(self, name: str) -> str:
        """Return the address of a file of `static/`; it changes with the content."""
        return f"/static/{name}?{self._digests[name]}"

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        return {
            path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in STATIC.rglob("*")
            if path.is_file()
        }


def _shown(value: object) -> object:
    """Return what a page shows of a value. Templates are trusted, and so is markup; texts are not."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible_lines(hide(value))
    return value
