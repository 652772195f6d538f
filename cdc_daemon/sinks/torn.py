"""Whether a file is ours, and where its last whole frame ends: what a crash tore may be cut off behind it."""

from __future__ import annotations

import os
import re

from cdc_daemon.sinks.frames import Frames

_BEGINNING = re.compile(rb'\{"feed":"\w+","')
_LONGEST_BEGINNING = 128
_ENOUGH_OF_A_FRAME = 256 * 1024  # bytes: a block of zstd, of which nothing is read before its end, has 128 kB


class NotRecordsError(Exception):
    """The file isn't one of ours: not regular, or it holds something else than whole records."""


def whole_end(descriptor: int, size: int, frames: Frames, feed: str | None) -> int:
    """Where the last whole frame ends, if the file is ours; what follows it was torn by a crash.

    To cut whatever is not a whole frame destroys the file that a wrong path names: a tar archive ends in
    zeros, as a file does after a power cut. So nothing may be cut that could be somebody's. Where a whole
    record of ours precedes, zeros and the beginning of a frame may go. Where nothing whole precedes, only a
    frame may go of which no more can be read than the beginning of a record.

    Args:
        size: of the file, in bytes.
        feed: whose records it holds; None where several feeds may share it.

    Raises:
        NotRecordsError: it is not a file of ours.
    """
    if size == 0:
        return 0
    last = frames.last(descriptor, size)
    if last.line is not None:
        if not last.is_closed:
            raise NotRecordsError("its last line is not closed and not a record")
        if not _is_record(last.line, feed):
            raise NotRecordsError("its last line is not a record" + (f" of feed {feed}" if feed else ""))
    if last.end < size and not _is_torn(descriptor, last.end, size, frames, feed, alone=last.line is None):
        raise NotRecordsError("its last line is not closed and not a record")
    return last.end


def _is_torn(
    descriptor: int, start: int, size: int, frames: Frames, feed: str | None, *, alone: bool
) -> bool:
    """Whether what stands behind the last whole frame was left by a crash.

    Args:
        alone: no whole frame precedes it.
    """
    if not alone:
        begins = os.pread(descriptor, _LONGEST_BEGINNING, start).rstrip(b"\0")
        if frames.beginning:
            return frames.beginning.startswith(begins[: len(frames.beginning)])
        return _begins_record(begins, feed)
    said = frames.readable(os.pread(descriptor, min(size - start, _ENOUGH_OF_A_FRAME), start))
    return said is not None and _begins_record(said[:_LONGEST_BEGINNING], feed)


def _is_record(line: bytes, feed: str | None) -> bool:
    found = _BEGINNING.match(line)
    return found is not None and _begins_record(line, feed)


def _begins_record(text: bytes, feed: str | None) -> bool:
    """Whether a record may begin so; the text may end anywhere."""
    if feed is not None:
        beginning = b'{"feed":"%b","' % feed.encode()
        return text[: len(beginning)] == beginning[: len(text)]
    before = b'{"feed":"'
    if len(text) <= len(before):
        return before.startswith(text)
    found = re.fullmatch(rb'(?:\{"feed":"\w*)("(?:,(?:".*)?)?)?', text, re.DOTALL)
    return found is not None
