"""Checks that a file is ours, and finds the end of its last whole frame. A torn frame after it may be cut."""

from __future__ import annotations

import os
import re

from cdc_daemon.sinks.frames import Frames

_BEGINNING = re.compile(rb'\{"feed":"\w+","')
_LONGEST_BEGINNING = 128
_ENOUGH_OF_A_FRAME = 256 * 1024  # bytes: a block of zstd, of which nothing is read before its end, has 128 kB


class NotRecordsError(Exception):
    """The file is not ours: it is no regular file, or has something else than whole records."""


def whole_end(descriptor: int, size: int, frames: Frames, feed: str | None) -> int:
    """Return the end of the last whole frame, if the file is ours. The rest was torn by a crash.

    Cutting every incomplete frame would destroy the file of a wrong path: a tar archive ends in zeros, and so
    does a file after a power cut. So the sink cuts only what can't be foreign. After a whole record of ours
    it may cut zeros and the beginning of a frame. Without a whole record it may cut only a frame of which no
    more than the beginning of a record is readable.

    Args:
        size: size of the file, in bytes.
        feed: the feed of its records; None if several feeds may share the file.

    Raises:
        NotRecordsError: the file is not ours.
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
    """Whether a crash left the bytes after the last whole frame.

    Args:
        alone: whether no whole frame precedes them.
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
    """Whether a record may begin like this. The text may end anywhere."""
    if feed is not None:
        beginning = b'{"feed":"%b","' % feed.encode()
        return text[: len(beginning)] == beginning[: len(text)]
    before = b'{"feed":"'
    if len(text) <= len(before):
        return before.startswith(text)
    found = re.fullmatch(rb'(?:\{"feed":"\w*)("(?:,(?:".*)?)?)?', text, re.DOTALL)
    return found is not None
