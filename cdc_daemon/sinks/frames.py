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
from typing import Literal

Compression = Literal["none", "gzip", "zstd"]

_BLOCK = 64 * 1024
_GZIP_LEVEL = 6  # of a batch of product documents: 9 took three times as long to save 3 % more


class NotRecordsError(Exception):
    """The file isn't one of ours: not regular, or it ends in neither a whole line nor a torn record."""


@dataclass(frozen=True)
class Frames:
    """A way to write lines. (Of plain ones, each line is a frame.)

    Attributes:
        beginning: what each frame begins with.
        packed: lines as they go to the file.
        whole_end: of a descriptor and its size in bytes, where the last whole frame ends.
    """

    beginning: bytes
    packed: Callable[[bytes], bytes]
    whole_end: Callable[[int, int], int]


def frames(compression: Compression) -> Frames:
    """The way to write lines that has this name.

    Raises:
        ImportError: zstd, which this Python can't.
    """
    match compression:
        case "none":
            return Frames(b'{"feed":"', lambda lines: lines, _end_of_last_line)
        case "gzip":
            return _compressed(b"\x1f\x8b\x08", _packed_gzip, _unpacked_gzip)
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


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Read backwards, so a long file costs no more."""
    return next((start + 1 for start in _found_backwards(descriptor, size, b"\n")), 0)


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


def _compressed(
    beginning: bytes,
    packed: Callable[[bytes], bytes],
    unpacked: Callable[[bytes], tuple[bytes, int] | None],
) -> Frames:
    """Args as in `Frames`; and what gives the content and length of the frame that bytes begin with, None
    when none that is whole does."""

    def whole_end(descriptor: int, size: int) -> int:
        # Walking the frames from the first one on is sure and takes minutes for a large file. Backwards, what
        # looks like the beginning of a frame may be the inside of one: then no frame with a right
        # checksum begins there, and the search goes on.
        for start in _found_backwards(descriptor, size, beginning):
            if frame := unpacked(os.pread(descriptor, size - start, start)):
                lines, length = frame
                if not lines.endswith(b"\n"):
                    raise NotRecordsError("its last line is not closed and not a record")
                return start + length
        return 0

    return Frames(beginning, packed, whole_end)


def _packed_gzip(lines: bytes) -> bytes:
    return gzip.compress(lines, _GZIP_LEVEL, mtime=0)


def _unpacked_gzip(content: bytes) -> tuple[bytes, int] | None:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with gzip's header and checksum
    try:
        lines = reader.decompress(content)
    except zlib.error:
        return None
    return (lines, len(content) - len(reader.unused_data)) if reader.eof else None


def _zstd() -> Frames:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only where it is asked for: it may not be there
    else:
        from backports import zstd  # noqa: PLC0415 - the same

    # A checksum is not zstd's default, and without one a torn frame's inside could pass for a frame.
    options = {int(zstd.CompressionParameter.checksum_flag): 1}

    def packed(lines: bytes) -> bytes:
        return zstd.compress(lines, options=options)

    def unpacked(content: bytes) -> tuple[bytes, int] | None:
        reader = zstd.ZstdDecompressor()
        try:
            lines = reader.decompress(content)
        except zstd.ZstdError:
            return None
        return (lines, len(content) - len(reader.unused_data)) if reader.eof else None

    return _compressed(b"\x28\xb5\x2f\xfd", packed, unpacked)
