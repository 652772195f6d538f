"""What the bulk API of OpenSearch does with external versions, in a small server: `python … PORT FOLDER`.

With `CERTIFICATE KEY AUTHORITY USER:PASSWORD` behind these it speaks TLS and lets in nobody without a
certificate of that authority and that password.

No OpenSearch can be had from Debian or PyPI. This one follows its documentation: index and delete with
`version_type` external and external_gte, tombstones of deletes, types of fields that the first document fixes
(a mapping), shapes and codes of its errors, and a search for all documents. It keeps what it acknowledged.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

_MOST_BYTES = 100 * 1024 * 1024  # http.max_content_length
_LONGEST_ID_BYTES = 512


class Indices:
    """Documents by index and id, each with its version; a deleted one keeps its version."""

    def __init__(self, journal: Path) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, dict[str, tuple[int, str | None]]] = {}
        self._types: dict[str, dict[str, str]] = {}
        self._uuids: dict[str, str] = {}
        self.blocked: set[str] = set()
        if journal.exists():
            for line in journal.read_text("utf-8").split("\n")[:-1]:
                index, identity, version, source = json.loads(line)
                if identity is None:
                    self._make(index, source)
                else:
                    self._documents[index][identity] = (version, source)
        self._journal = journal.open("a", encoding="utf-8")

    def _make(self, index: str, uuid: str | None) -> None:
        """Make an index, or drop it where there is no uuid."""
        self._types.pop(index, None)
        if uuid is None:
            self._documents.pop(index, None)
            self._uuids.pop(index, None)
        else:
            self._documents[index] = {}
            self._uuids[index] = uuid

    def make(self, index: str, uuid: str | None) -> None:
        """The same, for good."""
        self._make(index, uuid)
        self._journal.write(json.dumps([index, None, 0, uuid]) + "\n")
        self._journal.flush()

    def uuid(self, index: str) -> str | None:
        """What an index made anew has another one of; None for no such index."""
        return self._uuids.get(index)

    def bulk(self, body: bytes, index: str | None) -> list[dict[str, Any]]:
        """The items of the response; `index` is for the actions that name none.

        Raises:
            ValueError: the request as a whole can't be read.
        """
        if not body.endswith(b"\n"):
            raise ValueError("The bulk request must be terminated by a newline [\\n]")
        lines = body.decode().split("\n")[:-1]
        actions: list[tuple[str, dict[str, Any], str | None]] = []
        at = 0
        while at < len(lines):
            ((name, where),) = json.loads(lines[at]).items()
            where.setdefault("_index", index)
            if name not in {"index", "delete", "update"}:
                raise ValueError(f"Malformed action/metadata line, found [{name}]")
            if len(where["_id"].encode()) > _LONGEST_ID_BYTES:
                raise ValueError(f"id [{where['_id']}] is too long, must be no longer than 512 bytes")
            actions.append((name, where, None if name == "delete" else lines[at + 1]))
            at += 1 if name == "delete" else 2
        with self._lock:
            items = [{name: self._apply(name, where, source)} for name, where, source in actions]
            self._journal.flush()
        return items

    def _apply(self, name: str, where: dict[str, Any], source: str | None) -> dict[str, Any]:
        index, identity = where["_index"], where["_id"]
        answer = {"_index": index, "_id": identity}
        if name == "update" or (name == "index" and index in self.blocked):
            return self._not_updated(answer)
        version = where["version"]
        if index != index.lower():
            return _failed(answer, 400, "invalid_index_name_exception", "must be lowercase")
        if index not in self._documents:
            self.make(index, uuid4().hex)
        documents = self._documents[index]
        known, before = documents.get(identity, (-1, None))
        gte = where.get("version_type") == "external_gte"
        if known > version or (known == version and not gte):
            reason = (
                f"[{identity}]: version conflict, current version [{known}] is higher or equal to [{version}]"
            )
            return _failed(answer, 409, "version_conflict_engine_exception", reason)
        if source is not None and (fault := self._mapped(index, source)):
            return _failed(answer, 400, "mapper_parsing_exception", fault)
        documents[identity] = (version, source)
        self._journal.write(json.dumps([index, identity, version, source]) + "\n")
        if source is None:
            found = before is not None
            return {**answer, "status": 200 if found else 404, "result": "deleted" if found else "not_found"}
        return {**answer, "status": 201 if before is None else 200, "_version": version}

    def _not_updated(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The item of a blocked index, or of an update of a missing document, as a probe asks for."""
        if answer["_index"] in self.blocked:
            reason = f"index [{answer['_index']}] blocked by: [FORBIDDEN/12/index read-only / allow delete];"
            return _failed(answer, 403, "cluster_block_exception", reason)
        return _failed(answer, 404, "document_missing_exception", f"[{answer['_id']}]: document missing")

    def _mapped(self, index: str, source: str) -> str | None:
        """Why the document does not fit the mapping; fields that are new are added to it."""
        try:
            document = json.loads(source)
        except ValueError as error:
            return f"failed to parse: {error}"
        if not isinstance(document, dict):
            return "failed to parse: Malformed content, found extra data after parsing: START_ARRAY"
        types = self._types.setdefault(index, {})
        for name, value in document.items():
            kind = "object" if isinstance(value, dict) else "text"
            if value is None or isinstance(value, list):
                continue
            if types.setdefault(name, kind) != kind:
                return f"failed to parse field [{name}] of type [{types[name]}]"
        return None

    def search(self, index: str) -> list[dict[str, Any]] | None:
        """The hits of a search for everything; None for no such index."""
        with self._lock:
            documents = self._documents.get(index)
            if documents is None:
                return None
            return [
                {"_id": identity, "_version": version, "_source": source}
                for identity, (version, source) in documents.items()
                if source is not None
            ]


def _failed(answer: dict[str, Any], status: int, kind: str, reason: str) -> dict[str, Any]:
    return {**answer, "status": status, "error": {"type": kind, "reason": reason}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    indices: Indices
    authorization: str | None = None
    scrolls: dict[str, list[list[dict[str, Any]]]] = {}  # noqa: RUF012 - of the server, whose one handler this is
    numbers = itertools.count()

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.authorization in {None, self.headers.get("Authorization")}:
            return True
        self._answer(401, b"Unauthorized")
        return False

    def do_PUT(self) -> None:
        """Block an index, as a disk past its flood stage does, or let it go on."""
        settings = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        change = set.add if settings["index.blocks.read_only_allow_delete"] else set.discard
        change(self.indices.blocked, self.path.split("/")[1])
        self._answer(200, b'{"acknowledged":true}')

    def do_HEAD(self) -> None:
        known = self.indices.uuid(self.path[1:]) is not None
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.indices.make(self.path[1:], None)
        self._answer(200, b'{"acknowledged":true}')

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/_settings"):
            index = path.split("/")[1]
            uuid = self.indices.uuid(index)
            if uuid is None:
                self._fail(404, "index_not_found_exception", "no such index")
            else:
                self._answer(200, json.dumps({index: {"settings": {"index": {"uuid": uuid}}}}).encode())
            return
        self._answer(200, b'{"version":{"distribution":"opensearch","number":"2.0.0"}}')

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = urlsplit(self.path).path
        if path.endswith("/_bulk"):
            self._bulk(length, body, path.split("/")[1] if path != "/_bulk" else None)
        elif path.endswith("/_refresh"):
            known = self.indices.search(path.split("/")[1]) is not None
            self._answer(
                *((200, b"{}") if known else (404, b'{"error":{"type":"index_not_found_exception"}}'))
            )
        elif path == "/_search/scroll":
            self._page(self.scrolls.pop(json.loads(body)["scroll_id"], None))
        elif path.endswith("/_search"):
            hits = self.indices.search(path.split("/")[1])
            if hits is None:
                self._fail(404, "index_not_found_exception", "no such index")
                return
            asked = json.loads(body)
            if not asked.get("_source", True):
                self._page(
                    [hits[at : at + asked["size"]] for at in range(0, len(hits), asked["size"])] or [[]]
                )
                return
            # The source is given back as it came, as OpenSearch does.
            shown = [
                json.dumps({**hit, "_source": 0}).replace('"_source": 0', f'"_source": {hit["_source"]}')
                for hit in hits
            ]
            self._answer(200, f'{{"hits":{{"hits":[{",".join(shown)}]}}}}'.encode())
        else:
            self._fail(405, "method_not_allowed", path)

    def _page(self, pages: list[list[dict[str, Any]]] | None) -> None:
        """The next page of a scroll, without sources; the others wait under a new id."""
        if pages is None:
            self._fail(404, "search_context_missing_exception", "No search context found")
            return
        hits = [{"_id": hit["_id"], "_version": hit["_version"]} for hit in pages[0]]
        scroll = f"scroll-{next(self.numbers)}"
        self.scrolls[scroll] = pages[1:] or [[]]
        self._answer(200, json.dumps({"_scroll_id": scroll, "hits": {"hits": hits}}).encode())

    def _bulk(self, length: int, body: bytes, index: str | None) -> None:
        if length > _MOST_BYTES:
            self._fail(413, "content_too_large", "too large")
        elif "json" not in self.headers.get("Content-Type", ""):
            self._fail(406, "content_type", "Content-Type header is not supported")
        else:
            try:
                items = self.indices.bulk(body, index)
            except (ValueError, IndexError) as error:
                self._fail(400, "illegal_argument_exception", str(error))
                return
            errors = any("error" in next(iter(item.values())) for item in items)
            self._answer(200, json.dumps({"errors": errors, "items": items}).encode())

    def _fail(self, status: int, kind: str, reason: str) -> None:
        error = {"error": {"type": kind, "reason": reason}, "status": status}
        self._answer(status, json.dumps(error).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method we replace
        """Requests are not printed."""


class _SecuredServer(ThreadingHTTPServer):
    """Each handshake is made in the thread of its connection."""

    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us, or shows no certificate, is not worth a trace."""


def main(port: int, folder: Path, secured: list[str]) -> None:
    """Serve until killed."""
    Handler.indices = Indices(folder / "journal")
    if not secured:
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    certificate, key, authority, who = secured
    Handler.authorization = f"Basic {base64.b64encode(who.encode()).decode()}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server = _SecuredServer(("127.0.0.1", port), Handler)
    server.context = context
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
