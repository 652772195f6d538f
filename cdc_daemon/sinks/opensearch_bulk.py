"""Bulk requests of OpenSearch: the lines of a request, and the refusals in its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

import opensearchpy
import orjson
from opensearchpy import OpenSearch

from cdc_daemon.errors import RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.sinks.key_text import joined, shortened
from cdc_daemon.sinks.record import Record, on_one_line
from cdc_daemon.sinks.sink import Refusal

LONGEST_ID_BYTES = 512
_LONGEST_REASON = 2000
_VERSION_CONFLICT = "version_conflict_engine_exception"
_CURRENT_VERSION = re.compile(r"current version \[(\d+)\]")
# Errors of the index or of rights, not of a document: the cluster would refuse every record.
_OF_THE_INDEX: Mapping[str, str] = {
    "cluster_block_exception": "is the index read-only, or the disk past its watermark? It goes on by itself",
    "index_closed_exception": "open the index",
    "index_not_found_exception": "make the index, or allow it to be made (action.auto_create_index)",
    "invalid_index_name_exception": "correct index: small letters, digits, - and _",
    "security_exception": "give the user the right to write to the index",
}


def identity_of(key: bytes) -> str:
    """Return the id of a document."""
    return shortened(joined(key), LONGEST_ID_BYTES)


def action(index: str, record: Record) -> bytes:
    """Return a record's lines of a bulk request: the action and, unless it is a delete, the document."""
    where = {
        "_index": index,
        "_id": identity_of(record.key),
        # A document of a full snapshot has the snapshot's number as its version: it replaces every stored
        # document, and at its end the sink finds documents that it did not name.
        "version": max(record.revision, record.stamp),
        # A replay writes a document even if its version is stored already.
        "version_type": "external" if record.snapshot is None else "external_gte",
    }
    if record.data is None:
        return orjson.dumps({"delete": where}) + b"\n"
    return orjson.dumps({"index": where}) + b"\n" + on_one_line(record.data) + b"\n"


def deletion(index: str, identity: str, version: int) -> bytes:
    """Return the line of a bulk request that deletes a document of this version or an older one."""
    where = {"_index": index, "_id": identity, "version": version, "version_type": "external_gte"}
    return orjson.dumps({"delete": where}) + b"\n"


def send(client: OpenSearch, body: bytes) -> object:
    """Send a bulk request. Return the decoded answer, which may be anything.

    Raises:
        opensearchpy.OpenSearchException: the request failed as a whole.
    """
    return client.transport.perform_request(
        "POST",
        "/_bulk",
        # Only the fields that are used: otherwise the answer to 500 records has 100 kB.
        params={"filter_path": "errors,items.*.status,items.*.error.type,items.*.error.reason"},
        headers={"Content-Type": "application/x-ndjson"},
        body=body,
    )


def try_to_write(client: OpenSearch, index: str, where: str) -> None:
    """Check the right to write: request an update of a document that does not exist, which changes nothing.

    Raises:
        SinkUnavailable: the sink can't write to the index.
    """
    client.transport.perform_request("GET", "/")
    try:
        client.transport.perform_request("HEAD", f"/{index}")
    except opensearchpy.NotFoundError:  # the first delivery creates it; the update would create it now
        return
    what = orjson.dumps({"update": {"_index": index, "_id": "cdc-daemon-probe"}}) + b'\n{"doc":{}}\n'
    answer = send(client, what)
    items = cast("dict[str, object]", answer).get("items") if isinstance(answer, dict) else None
    for status, kind, reason in map(_result, cast("list[object]", items or [])):
        if kind in _OF_THE_INDEX or status == 429:
            raise _of_the_index(status, kind, reason, where)


def _of_the_index(status: int, kind: str, reason: str, where: str) -> SinkUnavailable:
    """Return the error for a result whose cause is the index or the cluster, not the document."""
    hint = _OF_THE_INDEX.get(kind, "the cluster is busy; it is tried again")
    if kind == "security_exception":
        return RightMissing(f"{status} {reason}", where=where, hint=hint)
    of_target = status == 429 or kind in _OF_THE_INDEX
    return (TargetFault if of_target else SinkUnavailable)(f"{status} {reason}", where=where, hint=hint)


def _is_stale(record: Record, reason: str) -> bool:
    """Whether a version conflict is with a newer document, and not with the same version."""
    current = _CURRENT_VERSION.search(reason)
    return current is not None and int(current[1]) > max(record.revision, record.stamp)


def refusals_of(records: Sequence[Record], answer: object, where: str) -> tuple[list[Refusal], int]:
    """Return the records that the answer refuses, and the number of records older than the stored documents.

    Raises:
        SinkUnavailable: the cluster can't take a record now, or this is no answer to a bulk request.
    """
    said: dict[str, object] = cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    results = [_result(item) for item in cast("list[object]", said["items"])] if _has_items(said) else []
    if len(results) != len(records):
        hint = "correct url: which program listens there?"
        raise SinkUnavailable("answered with something else than a bulk response", where=where, hint=hint)
    if said.get("errors") is False:
        return [], 0
    refusals: list[Refusal] = []
    ignored = 0
    for record, (status, kind, reason) in zip(records, results, strict=True):
        if status == 409 and kind == _VERSION_CONFLICT:
            ignored += _is_stale(record, reason)
            continue
        if not kind:
            continue  # taken, or a delete of a document that did not exist
        if status == 429 or status >= 500 or kind in _OF_THE_INDEX:
            raise _of_the_index(status, kind, reason, where)
        refusals.append(Refusal(record.key, reason, status))
    return refusals, ignored


def _has_items(answer: dict[str, object]) -> bool:
    return isinstance(answer.get("items"), list)


def _result(item: object) -> tuple[int, str, str]:
    """Return one record's status (0 if unusable), kind of error ("" if none) and reason."""
    results = [*cast("dict[str, object]", item).values()] if isinstance(item, dict) else []
    if len(results) != 1 or not isinstance(results[0], dict):
        return 0, "unknown", "the answer says nothing of it"
    result = cast("dict[str, object]", results[0])
    status, error = result.get("status"), result.get("error")
    number = status if isinstance(status, int) and 100 <= status < 1000 else 0
    if not error:
        return number, "", ""
    if not isinstance(error, dict):
        return number, "unknown", str(error)[:_LONGEST_REASON] if isinstance(error, str) else "unknown"
    kind, reason = (cast("dict[str, object]", error).get(name) for name in ("type", "reason"))
    kind = kind if isinstance(kind, str) and kind else "unknown"
    return number, kind, f"{kind}: {reason if isinstance(reason, str) else 'unknown'}"[:_LONGEST_REASON]
