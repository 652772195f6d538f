-- name: is_there
-- Whether a table exists, read from pg_class. to_regclass() uses a cache, which another session's CREATE TABLE
-- invalidates only when a table is locked. So after lock_creation the second session would still see no table.
SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(%(table)s))

-- name: lock_creation
-- IF NOT EXISTS does not prevent an error when two sessions create the same table at once.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('cdc-daemon: tables of a sink'))

-- name: create_documents
-- A row for each document. The key is jsonb, because a number or a text may have several spellings.
CREATE TABLE {documents} (
    key pg_catalog.jsonb PRIMARY KEY,
    document {document_type},
    revision pg_catalog.int8 NOT NULL,
    hash pg_catalog.text,
    captured_at pg_catalog.timestamptz NOT NULL,
    feed pg_catalog.text,
    snapshot pg_catalog.int8
)

-- name: file
-- Identifies this table among tables of the same name, and its state before a TRUNCATE.
SELECT c.oid::pg_catalog.text || '/' || c.relfilenode::pg_catalog.text FROM pg_catalog.pg_class AS c
WHERE c.oid = pg_catalog.to_regclass(%(table)s)

-- name: has_cursor
-- Whether the sink has ever delivered the feed to this database.
SELECT EXISTS (SELECT FROM {cursor} WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: has_rows
-- Whether the table has a document of the feed: VACUUM FULL keeps the rows, TRUNCATE does not.
SELECT EXISTS (SELECT FROM {documents} WHERE feed = %(feed)s)

-- name: has_columns
-- Whether the table has these columns, which tables of an earlier version lack.
SELECT pg_catalog.count(*) = pg_catalog.cardinality(%(columns)s::pg_catalog.text[])
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = pg_catalog.to_regclass(%(table)s) AND a.attname = ANY (%(columns)s::pg_catalog.name[])
  AND NOT a.attisdropped

-- name: add_feed
-- Existing rows get the feed's name as a default, without being written.
ALTER TABLE {documents} ADD COLUMN IF NOT EXISTS feed pg_catalog.text DEFAULT {feed}

-- name: drop_feed_default
-- The default was for existing rows only. New rows name their feed.
ALTER TABLE {documents} ALTER COLUMN feed DROP DEFAULT

-- name: add_snapshot
-- Target tables of earlier versions lack the number of the last full snapshot.
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS snapshot pg_catalog.int8

-- name: create_deleted
-- The revisions of deleted documents, so that a late record does not bring a document back.
CREATE TABLE {deleted} (
    key pg_catalog.jsonb PRIMARY KEY,
    revision pg_catalog.int8 NOT NULL,
    deleted_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    snapshot pg_catalog.int8
)

-- name: create_cursor
-- The revision up to which the target has each feed.
CREATE TABLE {cursor} (
    sink pg_catalog.text,
    feed pg_catalog.text,
    revision pg_catalog.int8 NOT NULL,
    captured_at pg_catalog.timestamptz,
    delivered_at pg_catalog.timestamptz NOT NULL,
    PRIMARY KEY (sink, feed)
)

-- name: advance
-- The first statement of the transaction. Its row lock makes writers of one feed take turns (a daemon that was
-- suspended during a send, and the daemon that took over), so that each sees the other's deletes.
INSERT INTO {cursor} AS c (sink, feed, revision, captured_at, delivered_at)
VALUES (%(sink)s, %(feed)s, %(revision)s, %(captured_at)s::pg_catalog.timestamptz, pg_catalog.clock_timestamp())
ON CONFLICT (sink, feed) DO UPDATE
SET revision = GREATEST(c.revision, EXCLUDED.revision),
    captured_at = GREATEST(c.captured_at, EXCLUDED.captured_at),
    delivered_at = EXCLUDED.delivered_at

-- name: upsert
-- Writes no document over a newer one, or over a later delete. A record of a full snapshot (`full`) also replaces the
-- same revision, and any revision from before the snapshot.
INSERT INTO {documents} AS d (key, document, revision, hash, captured_at, feed, snapshot)
SELECT n.key::pg_catalog.jsonb, n.document::{document_type}, n.revision, n.hash, n.captured_at, %(feed)s,
       %(stamp)s::pg_catalog.int8
FROM ROWS FROM (
    pg_catalog.unnest(%(keys)s::pg_catalog.text[]),
    pg_catalog.unnest(%(documents)s::pg_catalog.text[]),
    pg_catalog.unnest(%(revisions)s::pg_catalog.int8[]),
    pg_catalog.unnest(%(hashes)s::pg_catalog.text[]),
    pg_catalog.unnest(%(captured_at)s::pg_catalog.timestamptz[])
) AS n (key, document, revision, hash, captured_at)
WHERE NOT EXISTS (
    SELECT FROM {deleted} AS gone WHERE gone.key = n.key::pg_catalog.jsonb AND gone.revision > n.revision
      AND NOT (%(full)s AND COALESCE(gone.snapshot, 0) < %(stamp)s::pg_catalog.int8)
)
ON CONFLICT (key) DO UPDATE
SET document = EXCLUDED.document, revision = EXCLUDED.revision, hash = EXCLUDED.hash,
    captured_at = EXCLUDED.captured_at, feed = EXCLUDED.feed, snapshot = EXCLUDED.snapshot
WHERE EXCLUDED.revision > d.revision
   OR (%(full)s AND (EXCLUDED.revision = d.revision OR COALESCE(d.snapshot, 0) < EXCLUDED.snapshot))

-- name: revive
-- Removes the tombstones of documents that exist again: their revisions are higher.
DELETE FROM {deleted} AS gone
USING ROWS FROM (
    pg_catalog.unnest(%(keys)s::pg_catalog.text[]),
    pg_catalog.unnest(%(revisions)s::pg_catalog.int8[])
) AS n (key, revision)
WHERE gone.key = n.key::pg_catalog.jsonb
  AND (gone.revision < n.revision OR (%(full)s AND COALESCE(gone.snapshot, 0) < %(stamp)s::pg_catalog.int8))

-- name: bury
-- Writes tombstones first, also for documents that the table never had, so that a late record does not create them.
INSERT INTO {deleted} AS gone (key, revision, snapshot)
SELECT n.key::pg_catalog.jsonb, n.revision, %(stamp)s::pg_catalog.int8
FROM ROWS FROM (
    pg_catalog.unnest(%(keys)s::pg_catalog.text[]),
    pg_catalog.unnest(%(revisions)s::pg_catalog.int8[])
) AS n (key, revision)
WHERE NOT EXISTS (
    SELECT FROM {documents} AS d WHERE d.key = n.key::pg_catalog.jsonb AND d.revision > n.revision
      AND NOT (%(full)s AND COALESCE(d.snapshot, 0) < %(stamp)s::pg_catalog.int8)
)
ON CONFLICT (key) DO UPDATE
SET revision = EXCLUDED.revision, deleted_at = DEFAULT, snapshot = EXCLUDED.snapshot
WHERE EXCLUDED.revision > gone.revision OR (%(full)s AND COALESCE(gone.snapshot, 0) < EXCLUDED.snapshot)

-- name: delete
-- Deletes documents, unless the target has a later revision.
DELETE FROM {documents} AS d
USING ROWS FROM (
    pg_catalog.unnest(%(keys)s::pg_catalog.text[]),
    pg_catalog.unnest(%(revisions)s::pg_catalog.int8[])
) AS n (key, revision)
WHERE d.key = n.key::pg_catalog.jsonb
  AND (d.revision <= n.revision OR (%(full)s AND COALESCE(d.snapshot, 0) < %(stamp)s::pg_catalog.int8))

-- name: stale
-- After the batch was written: the number of records that lost against a newer document.
SELECT pg_catalog.count(*)
FROM ROWS FROM (
    pg_catalog.unnest(%(keys)s::pg_catalog.text[]),
    pg_catalog.unnest(%(revisions)s::pg_catalog.int8[])
) AS n (key, revision)
LEFT JOIN {documents} AS d ON d.key = n.key::pg_catalog.jsonb
LEFT JOIN {deleted} AS gone ON gone.key = n.key::pg_catalog.jsonb
WHERE GREATEST(d.revision, gone.revision) > n.revision

-- name: sweep
-- Removes some documents that the full snapshot did not name. Their revisions plus one become tombstones, so that a
-- daemon that was suspended before the snapshot can't bring them back.
WITH swept AS (
    DELETE FROM {documents} AS d
    WHERE d.ctid = ANY (ARRAY(
        SELECT s.ctid FROM {documents} AS s
        WHERE s.feed = %(feed)s AND COALESCE(s.snapshot, 0) < %(snapshot)s::pg_catalog.int8
        LIMIT %(limit)s
    ))
    RETURNING d.key, d.revision + 1 AS revision
), buried AS (
    INSERT INTO {deleted} AS gone (key, revision, snapshot)
    SELECT w.key, w.revision, %(snapshot)s::pg_catalog.int8 FROM swept AS w
    ON CONFLICT (key) DO UPDATE
    SET revision = GREATEST(gone.revision, EXCLUDED.revision), deleted_at = DEFAULT, snapshot = EXCLUDED.snapshot
)
SELECT pg_catalog.count(*) FROM swept

-- name: forget
-- Forgets old tombstones: no daemon is suspended during a send for that long.
DELETE FROM {deleted} WHERE deleted_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)

-- name: read_back
-- The next documents in the order of their keys. A table that feeds share says whose each row is.
SELECT d.key::pg_catalog.text, d.document::pg_catalog.text, d.revision, d.hash, COALESCE(d.snapshot, 0)
FROM {documents} AS d
WHERE (%(after)s::pg_catalog.jsonb IS NULL OR d.key > %(after)s::pg_catalog.jsonb)
  AND (%(feed)s::pg_catalog.text IS NULL OR d.feed = %(feed)s::pg_catalog.text)
ORDER BY d.key
LIMIT {limit}
