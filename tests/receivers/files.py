"""Files and standard output."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.receivers.receiver import Documents, Receiver, folded, seen


class FileReceiver(Receiver):
    """A folder with files of plain lines."""

    kind = "file"
    keeps_history = True
    loss_is = "told"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder / "files"

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {"path": str(self._folder / "{feed}.ndjson")}

    def lines(self, feed: str) -> list[bytes]:
        path = self._folder / f"{feed}.ndjson"
        return path.read_bytes().splitlines() if path.exists() else []

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        path = Path(str(self.settings()["path"]).replace("{feed}", feed))
        return {"deleted": path.unlink, "emptied": lambda: path.write_bytes(b"")}

    def documents(self, feed: str) -> Documents:
        return folded(map(seen, self.lines(feed)))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in map(seen, self.lines(feed))]


class ArchiveReceiver(FileReceiver):
    """A folder with compressed files that are set aside when they are large."""

    def settings(self, port: int | None = None) -> dict[str, object]:
        path = str(self._folder / "{feed}.ndjson.gz")
        return {"path": path, "compression": "gzip", "rotate_bytes": 2000}

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        def delete() -> None:
            for file in self._folder.glob(f"{feed}*"):
                file.unlink()

        return {"deleted": delete}

    def lines(self, feed: str) -> list[bytes]:
        written = f"{feed}.ndjson.gz"
        files = sorted(self._folder.glob("*.gz"), key=lambda path: (path.name == written, path.name))
        return [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


class StdoutReceiver(FileReceiver):
    """What was written to standard output.

    Args:
        read: gives what was written since it was called last.
    """

    kind = "stdout"

    def __init__(self, read: Callable[[], bytes]) -> None:
        super().__init__(Path())
        self._read = read
        self._text = b""

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {}

    def lines(self, feed: str) -> list[bytes]:
        self._text += self._read()
        return self._text.splitlines()
