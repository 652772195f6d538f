"""What the last action told, for the page that follows: in a signed cookie that is read once."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "cdc_notice"
LONGEST_SECONDS = 60
LONGEST_TEXT = 1000
"""A browser takes cookies of 4 kB."""


@dataclass(frozen=True)
class Notice:
    """A sentence for a person.

    Attributes:
        failed: whether the action failed.
        hint: what to do then.
    """

    text: str
    failed: bool = False
    hint: str | None = None


class Notices:
    """Signs notices, so that nobody else can put words on a page.

    Args:
        key: the secret key of the signatures.
    """

    def __init__(self, key: str) -> None:
        self._signer = URLSafeTimedSerializer(key, salt="cdc-daemon notice")

    def leave(self, request: Request, response: Response, notice: Notice) -> None:
        """Leave a notice for the next page."""
        short = Notice(notice.text[:LONGEST_TEXT], notice.failed, (notice.hint or "")[:LONGEST_TEXT] or None)
        response.set_cookie(
            COOKIE,
            self._signer.dumps(asdict(short)),
            max_age=LONGEST_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def take(self, request: Request) -> Notice | None:
        """Return the notice for this page, if there is one."""
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        try:
            return Notice(**self._signer.loads(cookie, max_age=LONGEST_SECONDS))
        except (BadData, TypeError):
            return None

    @staticmethod
    def forget(response: Response) -> None:
        """Take the notice away: it was shown."""
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
