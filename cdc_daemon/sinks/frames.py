"""How lines stand in a file: as they are, or as frames of gzip or zstd, one for each append.

Frames that follow each other are one valid file for every program that reads the format (RFC 1952, 2.2;
RFC 8878, 3.1), and each is whole or not: a file that a crash tore is cut back to its last whole one's end.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

Compression = Literal["none", "gzip", "zstd"]

_BLOCK = 64 * 1024
_GZIP_HEADER = 10  # bytes: ours names no file and no time
_GZIP_LEVEL = 6  # of a batch of product documents: 9 took three times as long to save 3 % more


_SHOWN = 1024  # of a line: enough to know whose it is


@dataclass(frozen=True)
class LastFrame:
    """The last whole frame of a file.

    Attributes:
        end: where it ends, in bytes from the beginning of the file; 0 if there is none.
        line: how its last line begins, without its end; None if there is no frame.
        is_closed: whether that line has an end, as each of ours has.
    """

    end: int
    line: bytes | None = None
    is_closed: bool = True


@dataclass(frozen=True)
class Frames:
    """A way to write lines. (Of plain ones, each line is a frame.)

    Attributes:
        packed: lines as they go to the file.
        last: of a descriptor and its size in bytes, its last whole frame.
        beginning: what each frame begins with; empty for plain lines.
        readable: what can be read of a frame that is torn; None if the bytes begin no frame of ours.
    """

    packed: Callable[[bytes], bytes]
    last: Callable[[int, int], LastFrame]
    beginning: bytes
    readable: Callable[[bytes], bytes | None]


def frames(compression: Compression) -> Frames:
    """The way to write lines that has this name.

    Raises:
        ImportError: zstd, which this Python can't.
    """
    match compression:
        case "none":
            return Frames(lambda lines: lines, _last_line, b"", lambda torn: torn)
        case "gzip":
            return _compressed(_packed_gzip(b"")[:_GZIP_HEADER], _packed_gzip, _gzip_reader, zlib.error)
        case "zstd":
            return _zstd()


def known_here(compression: Compression) -> Compression:
    """The compression itself.

    Raises:
        ValueError: it needs a library that is not there.
    """
    try:
        frames(compression)
    except ImportError:
        raise ValueError("zstd needs a library: pip install 'cdc-daemon[zstd]'") from None
    return compression


def _last_line(descriptor: int, size: int) -> LastFrame:
    """Read backwards, so a long file costs no more."""
    ends = _found_backwards(descriptor, size, b"\n")
    end = next(ends, None)
    if end is None:
        return LastFrame(0)
    start = next((before + 1 for before in ends), 0)
    return LastFrame(end + 1, os.pread(descriptor, min(end - start, _SHOWN), start))


def _found_backwards(descriptor: int, size: int, wanted: bytes) -> Iterator[int]:
    """Every place of `wanted` in a file, the last one first."""
    end, block, following = size, 1, b""  # nearly always the last byte is the line end
    while end > 0:
        start = max(0, end - block)
        content = os.pread(descriptor, end - start, start) + following
        found = content.rfind(wanted)
        while found >= 0:
            yield start + found
            found = content.rfind(wanted, 0, found + len(wanted) - 1)
        end, block = start, _BLOCK
        following = content[: len(wanted) - 1]  # it may begin in the block before


class _Reader(Protocol):
    """What unpacks one frame: `zlib.decompressobj` and `ZstdDecompressor` alike."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _compressed(
    beginning: bytes,
    packed: Callable[[bytes], bytes],
    reader: Callable[[], _Reader],
    fault: type[Exception],
) -> Frames:
    """Args as in `Frames`; and what unpacks one frame, with the error that it raises for other bytes."""

    def last(descriptor: int, size: int) -> LastFrame:
        # Walking the frames from the first one on is sure and takes minutes for a large file. Backwards, what
        # looks like the beginning of a frame may be the inside of one: then no frame with a right
        # checksum begins there, and the search goes on.
        for start in _found_backwards(descriptor, size, beginning):
            content = os.pread(descriptor, size - start, start)
            unpacking = reader()
            try:
                lines = unpacking.decompress(content)
            except fault:
                continue
            if unpacking.eof:
                end = start + len(content) - len(unpacking.unused_data)
                begins = lines.rfind(b"\n", 0, -1) + 1
                return LastFrame(end, lines[begins:][:_SHOWN].rstrip(b"\n"), lines.endswith(b"\n"))
        return LastFrame(0)

    def readable(torn: bytes) -> bytes | None:
        if not beginning.startswith(torn[: len(beginning)]):
            return None
        try:
            return reader().decompress(torn, _SHOWN)
        except fault:
            return None

    return Frames(packed, last, beginning, readable)


def _packed_gzip(lines: bytes) -> bytes:
    return gzip.compress(lines, _GZIP_LEVEL, mtime=0)


def _gzip_reader() -> _Reader:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with gzip's header and checksum


def _zstd() -> Frames:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only where it is asked for: it may not be there
    else:
        from backports import zstd  # noqa: PLC0415 - the same

    # A checksum is not zstd's default, and without one a torn frame's inside could pass for a frame.
    options = {int(zstd.CompressionParameter.checksum_flag): 1}

    def packed(lines: bytes) -> bytes:
        return zstd.compress(lines, options=options)

    def reader() -> _Reader:
        return zstd.ZstdDecompressor()

    return _compressed(b"\x28\xb5\x2f\xfd", packed, reader, zstd.ZstdError)
