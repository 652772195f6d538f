"""`make screenshots`: every page of three shops, light, dark and on a telephone, for people to look at.

Variables: SCREENSHOTS (out/screenshots), SCREENSHOTS_DOCUMENTS (1000000), SCREENSHOTS_SHOPS
(living,crowded,small,empty).
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cdc_daemon.dashboard.routes import VIEWS
from tests.browser.addresses import addresses, filled, key
from tests.browser.browser import NARROW, Look, Viewer, viewer
from tests.browser.crowded_shop import NAMES, crowded_shop
from tests.browser.living_shop import PASSWORDS, LivingShop, living_shop
from tests.receivers.web import free_port
from tests.support import servers

FOLDER = Path(os.environ.get("SCREENSHOTS", "out/screenshots"))
DOCUMENTS = int(os.environ.get("SCREENSHOTS_DOCUMENTS", "1000000"))

LOOKS: Mapping[str, Look] = {"light": Look(), "dark": Look("dark"), "telephone": Look(width=NARROW)}

Shop = Callable[[Path, str], AbstractContextManager[LivingShop]]


def main() -> None:
    """Make the pictures, and print their folder."""
    wanted = os.environ.get("SCREENSHOTS_SHOPS", "living,crowded,small,empty").split(",")
    directory = servers.make_directory()
    try:
        server = servers.start("embedded")
        for name in wanted:
            make, shown = SHOPS[name]
            passwords = PASSWORDS if make is living_shop else {}
            folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
            with (
                server.fresh_database() as dsn,
                make(folder, dsn) as shop,
                viewer(shop.address, passwords) as browser,
            ):
                count = picture(browser, shown(), FOLDER / name)
            shutil.rmtree(folder)
            sys.stdout.write(f"{FOLDER / name}: {count} pictures\n")
    finally:
        servers.stop_all(directory)


def picture(browser: Viewer, paths: Iterable[str], folder: Path) -> int:
    """Make a picture of each page in each look, as long as the page is. Return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in paths:
        for look_name, look in LOOKS.items():
            page = browser.open(path, look)
            name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")[:60] or "overview"
            page.screenshot(path=folder / f"{name}.{look_name}.png", full_page=True, animations="disabled")
            count += 1
    return count


def _crowded(folder: Path, dsn: str) -> AbstractContextManager[LivingShop]:
    return crowded_shop(folder, dsn, documents=DOCUMENTS)


def _small(folder: Path, dsn: str) -> AbstractContextManager[LivingShop]:
    """Seven feeds: what the documentation shows."""
    return crowded_shop(folder, dsn, documents=DOCUMENTS, names=NAMES[:7])


@contextmanager
def _empty(folder: Path, dsn: str) -> Generator[LivingShop]:
    """A configuration without a feed: the first thing that a newcomer sees."""
    shop = LivingShop(folder, dsn, {})
    shop.port = free_port()
    shop.configure(sinks=f'[http]\nlisten = "127.0.0.1:{shop.port}"\n')
    try:
        shop.install()
        shop.daemon = shop.start()
        shop.daemon.await_event("http_started")
        yield shop
    finally:
        shop.close()


def _all() -> Sequence[str]:
    return [address for _, address in addresses()]


def _few() -> Sequence[str]:
    """One address of each view, of what the crowded shop has."""
    values = {"feeds": ["products", key(id=1)], "sinks": ["search"]}
    return [filled(view.path, values) for view in VIEWS]


def _plain() -> Sequence[str]:
    return [view.path for view in VIEWS if "{" not in view.path]


SHOPS: Mapping[str, tuple[Shop, Callable[[], Sequence[str]]]] = {
    "living": (living_shop, _all),
    "crowded": (_crowded, _few),
    "small": (_small, _few),
    "empty": (_empty, _plain),
}

if __name__ == "__main__":
    main()
