"""Statements of `sql/` that no ordinary day of a feed needs, with names and values of a sample filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import LiteralString

import psycopg
from psycopg import sql

from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.pg.statements import rendered, statement, template
from tests.security import shadows

BESIDE_A_QUERY: Mapping[str, str] = {
    "changelog.delta_without_links": "{}",
    "changelog.many": "SELECT * FROM {} AS e",
    "changelog.typed": "SELECT {}",
    "explain.planned_rows": "{}",
    "explain.sample": "{}",
    "feed.bad_keys": "{}",
    "feed.duplicates": "{}",
    "feed.every_row": "{}",
    "feed.hash_of_some": "SELECT {} FROM cdc.feed_items AS made",
    "feed.narrowed_delta": "{}",
    "feed.own_entities": "{}",
    "feed.scan_after": "SELECT FROM cdc.feed_items AS s WHERE true {}",
    "statistics.entities": "{}",
    "verification.reached": "{}",
}
"""Those that stand in a statement with the user's query, or hold it: they run with the configured path."""

NO_STATEMENTS: Mapping[str, str] = {
    "capture.context": "a piece of the capture function",
    "document_history.segment": "a piece of document_history.pass and others",
    "document_list.row": "a piece of document_list.by_key and others",
    "document_history.returned": "a piece of feed.recompute",
    "document_history.changes": "a piece of feed.recompute",
    "payload_log.keys": "a piece of sink_state.lease",
    "fingerprint.digest": "a piece of fingerprint.parts",
    "fingerprint.named": "a piece of fingerprint.parts",
    "failed_item.chosen": "a piece of failed_item.list and others",
    "sample.of_steps": "a piece of sample.feeds_by_step and others",
    "failed_item.id": "a piece of failed_item.refuse",
    "verification.counts": "a piece of verification.compare",
    "feed.respelled": "a piece of feed.recompute, for keys that may be respelled",
    "feed.respelled_key": "a piece of feed.recompute, too",
    "feed.next_revision": "a piece of feed.recompute, too",
    "feed.next_revision_of_respelled": "a piece of feed.recompute, for keys that may be respelled",
    "server.create_database": "not within a transaction; it has a name and nothing else",
    "migration.applied_before_versions": "reads a table that migration 37 replaces by a view which fails",
    "migration.record_before_versions": "writes to that table; a first install does so",
    "coexistence.distributed": "reads a table of Citus, which is not installed",
}

OF_AN_UNINSTALL = frozenset(
    {
        "objects/capture.drop_trigger",
        "queries/daemon.running",
        *(
            f"queries/installation.{name}"
            for name in ("drop_owner", "drop_schema", "foreign", "left", "members")
        ),
    }
)
"""Those that come later, in the life itself."""

_NAMES: Mapping[str, str] = {
    "changelog": "changelog_public_item",
    "column": "sku",
    "feed": "feed_items",
    "first": "changelog_public_item_0",
    "function": "capture_public_item",
    "link": "extra",
    "log": "feed_items_log",
    "owner": "postgres",
    "backlog": "backlog_items",
    "role": "pg_monitor",
    "second": "changelog_public_item_1",
    "segment": "changelog_public_item_0",
    "sequence": "feed_items_revision",
    "stored": "feed_items",
}
_TEXTS: Mapping[str, LiteralString] = {
    "affected": "t.sku = 'x'",
    "affected_query": "true",
    "after": "s.sku OPERATOR(pg_catalog.>) 'x'",
    "any_null": "d.sku IS NOT DISTINCT FROM NULL",
    "conditions": "true",
    "deleted": "copy.gone",
    "delta": "SELECT * FROM public.item",
    "documents": "copy.documents",
    "daemon": "'cdc-daemon'",
    "entities": "q.sku",
    "entries": "(SELECT * FROM cdc.changelog_public_item)",
    "failed_entities": "e.entity[1]::pg_catalog.varchar",
    "feeds": "ARRAY['items']",
    "former_key": "(SELECT pg_catalog.row_to_json(o.*) FROM (SELECT k.sku) AS o)",
    "groups": "d.sku",
    "hash": "'x'::pg_catalog.bytea",
    "key_object": "(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT s.sku) AS k)",
    "keys": "q.sku",
    "limit": "1",
    "log_keys": "l.sku",
    "matches": "s.sku = 'x'",
    "numbered_keys": "n.sku",
    "row": (
        "pg_catalog.json_build_object('sku', s.sku)::pg_catalog.text,"
        " pg_catalog.json_build_array(s.sku)::pg_catalog.text, s.revision, s.deleted, s.captured_at,"
        " s.modified_at, 0"
    ),
    "stored_keys": "s.sku",
    "links": "t.sku",
    "logs": "cdc.feed_items_log",
    "max_bytes": "1",
    "name": "'items'",
    "names": "value_0",
    "new_counts": "true",
    "old_counts": "true",
    "backlog_texts": "p.sku",
    "query": "SELECT i.sku FROM public.item AS i",
    "revision": "'cdc.feed_items_revision'",
    "revisions": "cdc.feed_items_revision",
    "route": "SELECT d.sku FROM delta AS d",
    "same_key": "s.sku = k.sku",
    "schema": "'public'",
    "segments": "cdc.changelog_public_item_0",
    "sink": "'table'",
    "sinks": "ARRAY['table']",
    "stored_entities": "s.sku",
    "stored_texts": "s.sku",
    "table": "'public.item'",
    "text": "'box'",
    "texts": "q.sku",
    "type": "public.kind",
    "typed": "f.entity[1] AS sku",
    "unread": "SELECT * FROM cdc.changelog_public_item",
    "values": "o.value_0",
}
_OF_ONE: Mapping[str, Mapping[str, LiteralString]] = {
    **{
        f"failed_item.{name}": {"chosen": "i.feed = ANY (%(feeds)s::pg_catalog.text[])"}
        for name in ("discard", "list", "page", "retry")
    },
    **{
        f"sample.{name}_by_step": {"of_steps": "CROSS JOIN LATERAL (SELECT %(step)s::int4 AS step) AS n"}
        for name in ("feeds", "deliveries")
    },
    "audit.script": {"arguments": "'{}'", "outcome": "'done'"},
    "changelog.size": {"name": "'cdc.feed_items_log'"},
    "delivery_pause.forget": {"feed": "'items'"},
    "delivered_document.forget": {"feed": "'items'"},
    "document_history.attempts": {"segment": "0::pg_catalog.int2"},
    "document_history.empty_segment": {"tables": "cdc.history_pass_0"},
    "document_history.lock_segment": {"tables": "cdc.history_pass_0"},
    "document_list.by_key": {"after": "AND s.sku OPERATOR(pg_catalog.>) 'x'"},
    "document_list.containing": {"after": "AND s.sku OPERATOR(pg_catalog.>) 'x'"},
    "document_list.key_texts": {"key_texts": "k.sku::pg_catalog.text"},
    "document_list.newest": {"same_key": "s.sku = p.sku"},
    "document_list.oldest": {"same_key": "s.sku = p.sku"},
    "explain.planned_rows": {"table": "public.item AS t"},
    "failed_entity.others": {
        "stored_texts": "s.sku::pg_catalog.text",
        "backlog_texts": "p.sku::pg_catalog.text",
    },
    "failed_entity.unschedule": {"feed": "feed_timed", "affected": "s.sku = 'x'"},
    "failed_item.forget": {"feed": "'items'"},
    "feed.drop_revision": {"revision": "feed_items_revision"},
    "feed.every_row": {"table": "public.item"},
    "feed.forget_times": {"feed": "feed_timed"},
    "feed.remember_obsolete_keys": {"keys": "f.sku"},
    "resync.queue_again": {"columns": "sku"},
    "feed_state.forget": {"feed": "'items'"},
    "feed_state.forget_delivered_of": {"feed": "'items'"},
    "feed_state.forget_failures_of": {"feed": "'items'"},
    "feed_state.forget_former_sinks_of": {"feed": "'items'"},
    "feed_state.forget_obsolete_keys_of": {"feed": "'items'"},
    "feed_state.forget_sinks_of": {"feed": "'items'"},
    "feed_state.own": {"feed": "'items'"},
    "installation.write_feeds": {"feeds": "cdc.feed_items"},
    "installation.create_owner": {"name": "'postgres'"},
    "installation.enter_schemas": {"schemas": "public"},
    "installation.read_sources": {"tables": "public.item"},
    "installation.plan_queries": {"database": "postgres"},
    "obsolete_key.discard_stored": {"table": "feed_items"},
    "log.last_revision": {"segment": "feed_items_log_0"},
    "postgres_sink.add_feed": {"feed": "'items'"},
    "postgres_sink.add_snapshot": {"table": "copy.documents"},
    "retirement.keys": {"keys": "f.sku"},
    "sink_state.forget": {"feed": "'items'"},
    "write_cost.update_one": {"table": "public.item", "value": "t.sku", "filled": "true"},
    "status.undelivered_scan": {"after": "AND s.sku > 'x'", "stored_keys": "s.sku"},
    "sink_state.remember_former": {"feed": "'items'"},
    "verification.counts": {"excluded": "'{}'::pg_catalog.text[]"},
    "verification.due": {"feed": "feed_timed", "texts": "s.sku", "affected": "s.sku = 'x'"},
    "verification.given": {"names": "sku", "arrays": "ARRAY['x']"},
    "verification.in_backlog": {"texts": "p.sku", "affected": "p.sku = 'x'"},
    "verification.renew": {
        "log": "feed_items_log_0",
        "stored_keys": "s.sku",
        "keys": "sku",
        "known_keys": "k.sku",
        "buried_keys": "b.sku",
        "identity": "sku",
        "identity_values": "k.sku",
        "fields": "'{}'::pg_catalog.text[]",
    },
    "verification.reached": {
        "texts": "a.sku",
        "routes": "SELECT i.sku FROM public.item AS i",
        "affected": "a.sku OPERATOR(pg_catalog.=) 'x'",
    },
    "trace.comes_after": {"after": "s.sku OPERATOR(pg_catalog.>) 'x'", "asked": "'x' AS sku"},
    "trace.stored_keys_of_entity": {"keys": "s.sku", "affected": "s.sku = 'x'", "order": "s.sku"},
    "watcher.due": {"feed": "'timed'", "table": "feed_timed"},
}
_VALUES_OF_ONE: Mapping[str, Mapping[str, object]] = {
    "daemon.is_alone": {"id": "x"},
    "daemon.show": {"id": "x"},
    "verification.go_on_from": {"documents": 1, "records": 1},
    "audit.acts": {"act": None, "since": None, "user": None},
    "audit.forget": {"days": 365},
    "document_history.attempts": {"answers": ["x"], "kind": "taken"},
    "document_history.begin_segment": {"number": 0, "after": "2026-01-01"},
    "document_history.mark_empty": {"number": 0},
    "delivered_document.of_key": {"key": '{"sku": "x"}'},
    "document_list.key_texts": {"key": '{"sku": "x"}'},
    "document_list.refused": {"after": ""},
    "feed.refused_documents": {"values": ["x"]},
    "payload_log.ask": {"key": None},
    "resync.cancel": {"number": None},
    "resync.entity_columns": {"backlog": "backlog_items"},
    "resync.move_on": {"position": 1},
    "resync.pause": {"number": None},
    "resync.paused": {"number": None},
    "resync.queue_again": {"first": 1, "last": 1},
    "sample.deliveries_by_step": {"step": 1800, "steps": 48},
    "sample.feeds_by_step": {"step": 1800, "steps": 48},
    "resync.resume": {"number": 0, "count": 0, "first": None, "last": None},
}
_VALUES: Mapping[str, object] = {
    "above": 1,
    "after": 0,
    "daemon": "x",
    "differences": 1,
    "position": ["x"],
    "rest_seconds": 1.0,
    "waiting": 1,
    "base": 1.0,
    "before": None,
    "before_feed": None,
    "before_id": None,
    "before_sink": None,
    "cap": 2.0,
    "mark": "a mark",
    "refill": True,
    "captured_at": "2026-01-01",
    "ago": 60.0,
    "deletes": True,
    "host": "x",
    "process": "x",
    "samples": "[]",
    "sinks": ["x"],
    "target": "x",
    "targets": "{}",
    "until": 1,
    "version": "x",
    "width": 60,
    "database": "shop",
    "documents": ["{}"],
    "entity": ["x"],
    "failure": "x",
    "feed": "items",
    "feeds": ["items"],
    "incarnation": "x",
    "id": b"x",
    "ids": [b"x"],
    "keys": ['{"sku": "x"}'],
    "last": 1,
    "lease": 1,
    "limit": 1,
    "max_attempts": 3,
    "most": 8,
    "name": "items",
    "names": ["x"],
    "owner": "postgres",
    "path": ["public"],
    "parked": True,
    "pause": 1.0,
    "pid": 1,
    "pids": [1],
    "reason": "x",
    "reasons": ["x"],
    "records": 1,
    "relations": [1],
    "retry_seconds": 1.0,
    "revision": 1,
    "revisions": [1],
    "schema": "public",
    "schemas": ["public"],
    "seconds": 1.0,
    "sink": "table",
    "started": "2026-01-01",
    "status": "x",
    "statuses": ["x"],
    "table": "item",
    "text": "x",
    "value": "1",
    "waits_for": b"x",
    "intact": "x",
    **{
        name: [1]
        for name in (
            *("column_relations", "columns", "foreign_key_relations", "foreign_keys", "functions"),
            *("key_relations", "operators", "types", "views", "whole", "symbols"),
        )
    },
}


def send(dsn: str, names: set[str]) -> None:
    """Execute these statements of `sql/`, each in a transaction that is rolled back.

    They see the search path that they see in the daemon.

    Args:
        names: as in `Resolved.missing`.
    """
    with connect(dsn) as session:
        for name in sorted(names):
            folder, _, short = name.partition("/")
            if short not in NO_STATEMENTS and name not in OF_AN_UNINSTALL:
                try:
                    _send(session, folder, short)
                except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.ObjectInUse):
                    pass  # of a DROP, after all names were looked up
                except (psycopg.Error, KeyError) as error:
                    raise AssertionError(f"{name}: {error}") from error


def _send(session: Connection, folder: str, name: str) -> None:
    with session.transaction(force_rollback=True):
        session.execute("CREATE TABLE copy.documents (key jsonb PRIMARY KEY, revision int8, feed text)")
        session.execute("CREATE TABLE copy.gone (key jsonb PRIMARY KEY, revision int8)")
        text = _filled(folder, name)
        if name in BESIDE_A_QUERY:
            text = sql.SQL(BESIDE_A_QUERY[name]).format(text)  # pyright: ignore[reportArgumentType]
            find_names(session, shadows.FIRST)
        values = {**_VALUES, **_VALUES_OF_ONE.get(name, {})}
        session.execute(text, values if "%(" in text.as_string(session) else None)


def _filled(folder: str, name: str) -> sql.Composed:
    wanted = set(re.findall(r"(?<!\{)\{(\w+)\}(?!\})", template(f"{folder}/{name}").as_string()))
    pieces = {each: _piece(name, each) for each in wanted}
    return statement(name, **pieces) if folder == "queries" else rendered(name, **pieces)


def _piece(name: str, piece: str) -> sql.Composable:
    own = _OF_ONE.get(name, {}).get(piece)
    if piece == "id":
        return key_id(sql.SQL("r.key" if name.startswith("failed_item") else "w.key::pg_catalog.jsonb"))
    if piece == "summary":
        return statement("fingerprint.digest")
    if own is not None:
        return sql.SQL(own)
    if piece in _TEXTS:
        return sql.SQL(_TEXTS[piece])
    return sql.Identifier(_NAMES[piece])
