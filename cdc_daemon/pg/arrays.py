"""Passes arrays from one session to another in PostgreSQL's binary format, without parsing them."""

from __future__ import annotations

import psycopg
from psycopg import pq
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.postgres import types

from cdc_daemon.pg.session import Connection


class TextArray(bytes):
    """A `text[]` in PostgreSQL's binary format."""


class ByteaArray(bytes):
    """A `bytea[]` in PostgreSQL's binary format."""


class _TextArrayLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> TextArray:
        return TextArray(data)


class _ByteaArrayLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> ByteaArray:
        return ByteaArray(data)


class _TextArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = types["text"].array_oid

    def dump(self, obj: TextArray) -> Buffer | None:
        return obj


class _ByteaArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = types["bytea"].array_oid

    def dump(self, obj: ByteaArray) -> Buffer | None:
        return obj


def array_cursor(connection: Connection) -> psycopg.Cursor[tuple[TextArray | ByteaArray, ...]]:
    """Return a cursor that yields arrays of text and bytea unparsed, as parameters for another statement."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader(types["text"].array_oid, _TextArrayLoader)
    cursor.adapters.register_loader(types["bytea"].array_oid, _ByteaArrayLoader)
    return cursor


def take_arrays(context: AdaptContext) -> None:
    """Make a session accept such arrays as parameters."""
    context.adapters.register_dumper(TextArray, _TextArrayDumper)
    context.adapters.register_dumper(ByteaArray, _ByteaArrayDumper)
