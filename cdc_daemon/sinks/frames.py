"""The format of lines in a file: plain, or in frames of gzip or zstd, one for each append.

A sequence of frames is a valid file of the format (RFC 1952, 2.2; RFC 8878, 3.1). Each frame is whole or
torn: after a crash the file is cut to the end of its last whole frame.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, cast

Compression = Literal["none", "gzip", "zstd"]

_BLOCK = 64 * 1024
_GZIP_HEADER = 10  # bytes: our header has no file name and no time
_GZIP_LEVEL = 6  # for a batch of product documents, level 9 took three times as long and saved 3 % more


_SHOWN = 1024  # bytes of a line: enough to recognize its feed


@dataclass(frozen=True)
class LastFrame:
    """The last whole frame of a file.

    Attributes:
        end: its end, in bytes from the beginning of the file; 0 if there is no frame.
        line: beginning of its last line, without the line end; None if there is no frame.
        is_closed: whether this line has a line end, as each of ours has.
    """

    end: int
    line: bytes | None = None
    is_closed: bool = True


@dataclass(frozen=True)
class Frames:
    """A format of files. (In a plain file, each line is a frame.)

    Attributes:
        packed: returns lines as the bytes of a frame.
        last: returns the last whole frame of a descriptor, given its size in bytes.
        beginning: first bytes of each frame; empty for plain lines.
        readable: returns the readable part of a torn frame; None if the bytes begin no frame of ours.
        opened: opens a file to read its lines.
        unpacked: returns the lines in the bytes of a whole file.
    """

    packed: Callable[[bytes], bytes]
    last: Callable[[int, int], LastFrame]
    beginning: bytes
    readable: Callable[[bytes], bytes | None]
    opened: Callable[[Path], BinaryIO]
    unpacked: Callable[[bytes], bytes]


def frames(compression: Compression) -> Frames:
    """Return the format of this name.

    Raises:
        ImportError: this Python has no zstd.
    """
    match compression:
        case "none":
            return Frames(lambda lines: lines, _last_line, b"", lambda torn: torn, _opened, bytes)
        case "gzip":
            return _compressed(
                _packed_gzip(b"")[:_GZIP_HEADER],
                _packed_gzip,
                _gzip_reader,
                zlib.error,
                _opened_gzip,
                gzip.decompress,
            )
        case "zstd":
            return _zstd()


def known_here(compression: Compression) -> Compression:
    """Return the compression, if this Python has it.

    Raises:
        ValueError: a library is missing.
    """
    try:
        frames(compression)
    except ImportError:
        raise ValueError("zstd needs a library: pip install 'cdc-daemon[zstd]'") from None
    return compression


def _last_line(descriptor: int, size: int) -> LastFrame:
    """Return the last whole line. It reads backwards, so a long file costs no more."""
    ends = _found_backwards(descriptor, size, b"\n")
    end = next(ends, None)
    if end is None:
        return LastFrame(0)
    start = next((before + 1 for before in ends), 0)
    return LastFrame(end + 1, os.pread(descriptor, min(end - start, _SHOWN), start))


def _found_backwards(descriptor: int, size: int, wanted: bytes) -> Iterator[int]:
    """Yield every position of `wanted` in a file, the last one first."""
    end, block, following = size, 1, b""  # usually the last byte is the line end
    while end > 0:
        start = max(0, end - block)
        content = os.pread(descriptor, end - start, start) + following
        found = content.rfind(wanted)
        while found >= 0:
            yield start + found
            found = content.rfind(wanted, 0, found + len(wanted) - 1)
        end, block = start, _BLOCK
        following = content[: len(wanted) - 1]  # it may begin in the previous block


class _Reader(Protocol):
    """Decompresses one frame: `zlib.decompressobj` or `ZstdDecompressor`."""

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
    opened: Callable[[Path], BinaryIO],
    unpacked: Callable[[bytes], bytes],
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

    return Frames(packed, last, beginning, readable, opened, unpacked)


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _opened_gzip(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb"))


def _packed_gzip(lines: bytes) -> bytes:
    return gzip.compress(lines, _GZIP_LEVEL, mtime=0)


def _gzip_reader() -> _Reader:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with gzip's header and checksum


def _zstd() -> Frames:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only where it is asked for: it may not be there
    else:
        from backports import zstd  # noqa: PLC0415 - the same

    # zstd has no checksum by default. Without one, the inside of a torn frame could look like a frame.
    options = {int(zstd.CompressionParameter.checksum_flag): 1}

    def packed(lines: bytes) -> bytes:
        return zstd.compress(lines, options=options)

    def reader() -> _Reader:
        return zstd.ZstdDecompressor()

    def opened(path: Path) -> BinaryIO:
        return cast("BinaryIO", zstd.open(path, "rb"))

    return _compressed(b"\x28\xb5\x2f\xfd", packed, reader, zstd.ZstdError, opened, zstd.decompress)
