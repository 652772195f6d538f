-- name: function
-- SECURITY DEFINER: writers need no rights on cdc. Instead of SET search_path (17 us a statement) every
-- function, operator, type and cast in the body is qualified with pg_catalog. {settings} pins the path only where
-- a column has a name that the body can't use alone.
CREATE OR REPLACE FUNCTION cdc.{function}() RETURNS pg_catalog.trigger
LANGUAGE plpgsql SECURITY DEFINER {settings} AS {body}

-- name: pinned_path
-- pg_temp last: unnamed it would come first, for types.
SET search_path = pg_catalog, pg_temp

-- name: body
-- The arrays are computed inside a guarded block: whatever fails there (a column renamed, dropped, retyped)
-- leaves an unknown entry and never fails the user's write. The INSERT stands outside of the block, because
-- inside it would take a subtransaction's xid for every statement.
-- A segment takes entries for five minutes, then rests for five: see segment in changelog.sql.
#variable_conflict use_column
DECLARE
    cdc_rows pg_catalog.int8 := 0;
    cdc_more pg_catalog.int8;
    cdc_changed pg_catalog.bool;
    cdc_moved pg_catalog.bool;
    cdc_even pg_catalog.bool;
{declarations}
BEGIN
    BEGIN
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
            {update}
        ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
            {insert}
        ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN
            {delete}
        ELSE
            cdc_rows := NULL;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        cdc_rows := NULL;
        {forget}
    END;
    IF cdc_rows OPERATOR(pg_catalog.=) 0 THEN
        RETURN NULL;
    END IF;
    cdc_even := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.int8
        OPERATOR(pg_catalog./) {segment_seconds} OPERATOR(pg_catalog.%) 2 OPERATOR(pg_catalog.=) 0;
    {entries}
    RETURN NULL;
END

-- name: rows
-- A transition table, by the columns that the body reads. `o.sku` on the transition table itself becomes the function
-- call `sku(o)` once the column is renamed or dropped, and PostgreSQL looks that function up in the search path of
-- the role that writes. A name alone can't become a function: it raises 42703.
(SELECT {columns} FROM {rows} AS cdc_table)

-- name: typed_rows
-- The same, and every column that is assigned or compared still has the built-in type that it had at install. A column
-- that got another type would be converted by a cast, which may be a function of the type's owner. ARRAY[column] and
-- a typed NULL are alike or there is no such function (42883), found out when the statement is parsed. The planner
-- drops the condition: it costs no row anything.
(SELECT {columns} FROM {rows} AS cdc_table WHERE CASE WHEN true THEN true ELSE {typed} END)

-- name: as_text
-- The value's text by its type's output function. A cast to text may be a function of the type's owner, which would
-- run with the rights of the capture function. format() makes '' of NULL, and IS NOT NULL is false for a composite
-- value that holds only NULLs; IS DISTINCT FROM NULL looks no operator up.
CASE WHEN {column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {column}) END

-- name: entry
-- One entry for the statement.
IF cdc_even THEN
    INSERT INTO cdc.{first_segment} (rows{columns}) VALUES (cdc_rows{arrays});
ELSE
    INSERT INTO cdc.{second_segment} (rows{columns}) VALUES (cdc_rows{arrays});
END IF;

-- name: entries
-- One entry for the statement, or one for every thousand rows.
IF cdc_rows OPERATOR(pg_catalog.>) 1000 THEN
    FOR cdc_first IN 1 .. cdc_rows BY 1000 LOOP
        IF cdc_even THEN
            INSERT INTO cdc.{first_segment} (rows{columns})
            VALUES (LEAST(cdc_rows OPERATOR(pg_catalog.-) cdc_first OPERATOR(pg_catalog.+) 1, 1000){slices});
        ELSE
            INSERT INTO cdc.{second_segment} (rows{columns})
            VALUES (LEAST(cdc_rows OPERATOR(pg_catalog.-) cdc_first OPERATOR(pg_catalog.+) 1, 1000){slices});
        END IF;
    END LOOP;
    RETURN NULL;
END IF;
{entry}

-- name: all_rows
-- Every row of one transition table that can matter to a feed.
SELECT pg_catalog.count(*){aggregates} INTO {into} FROM {rows} AS r{where};

-- name: changed_rows
-- The rows of an UPDATE in which a used column changed, by their old links.
-- EXCEPT, `=` and IS DISTINCT FROM take 1.0 and 1.00, citext or -0 as equal though the document differs, and
-- json has no equality at all; `*<>` compares the bytes. Pairing by row_number ran four minutes on 200k rows
-- with a plan cached from one row; a FULL JOIN can't become a nested loop.
SELECT pg_catalog.count(*){aggregates}, pg_catalog.bool_or({moved})
INTO cdc_rows{into}, cdc_moved
FROM {old_rows} AS o FULL JOIN {new_rows} AS n ON {same_key}
WHERE {counts}ROW({old_columns})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({new_columns})::pg_catalog.record;

-- name: one_row
-- Most UPDATEs change one row, whose old and new version are a pair without any join, also where no primary key
-- pairs them. A FULL JOIN of one row with one row sorts or hashes both, set up anew in every transaction. Of more
-- rows the product stops at the second; then, or when a link moved, the queries for many rows look at all of them.
SELECT pg_catalog.count(*){aggregates}, pg_catalog.bool_or(r.cdc_changed), pg_catalog.bool_or(r.cdc_moved)
INTO cdc_rows{into}, cdc_changed, cdc_moved
FROM (
    SELECT {links}ROW({old_columns})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({new_columns})::pg_catalog.record
           AS cdc_changed, {moved} AS cdc_moved
    FROM {old_rows} AS o CROSS JOIN {new_rows} AS n
    LIMIT 2
) AS r;
IF cdc_rows OPERATOR(pg_catalog.=) 1 AND NOT cdc_moved THEN
    IF NOT cdc_changed THEN
        RETURN NULL;
    END IF;
ELSIF cdc_rows OPERATOR(pg_catalog.>) 0 THEN
    {many_rows}
END IF;

-- name: moved_rows
-- Links themselves changed, which is rare and takes a second look: all old ones, and the new ones where they
-- differ. Done in one query for every statement, this cost a single-row UPDATE 20 us more.
IF cdc_moved THEN
    SELECT pg_catalog.count(*) FILTER (WHERE {old_is_there}),
           pg_catalog.count(*) FILTER (WHERE {new_counts}){old_aggregates}{new_aggregates}
    INTO cdc_rows, cdc_more{into}
    FROM {old_rows} AS o FULL JOIN {new_rows} AS n ON {same_key}
    WHERE {counts}ROW({old_columns})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({new_columns})::pg_catalog.record;
    {append}
END IF;

-- name: if_any_counts
-- Most writes of a filtered table (EAV: entity, attribute, value) are of rows that matter to nobody. Seeing that
-- before old and new rows are paired leaves 7 us of 19 to such a single-row UPDATE, and adds 6 to the others.
IF EXISTS (SELECT FROM {new_rows} AS n WHERE {new_counts}) OR EXISTS (SELECT FROM {old_rows} AS o WHERE {old_counts}) THEN
    {then}
END IF;

-- name: append
-- The new links behind the old ones.
cdc_rows := cdc_rows OPERATOR(pg_catalog.+) cdc_more;

-- name: let_owner_create
-- ALTER FUNCTION ... OWNER TO asks CREATE of the new owner. It is taken away in the same transaction.
GRANT CREATE ON SCHEMA cdc TO {owner}

-- name: keep_owner_from_creating
-- The owner role may create in schema cdc only while a function is given to it.
REVOKE CREATE ON SCHEMA cdc FROM {owner}

-- name: owner
-- Gives a capture function to the role whose rights it runs with.
ALTER FUNCTION cdc.{function}() OWNER TO {owner}

-- name: revoke
-- Nobody but the trigger calls a capture function.
REVOKE ALL ON FUNCTION cdc.{function}() FROM PUBLIC

-- name: trigger_insert
-- Captures the rows that a statement inserted.
CREATE TRIGGER {trigger} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION cdc.{function}()

-- name: trigger_update
-- Captures the rows that a statement updated, as they were and as they are.
CREATE TRIGGER {trigger} AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION cdc.{function}()

-- name: trigger_delete
-- Captures the rows that a statement deleted.
CREATE TRIGGER {trigger} AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION cdc.{function}()

-- name: trigger_truncate
-- Captures that a table was emptied: its rows can't be named.
CREATE TRIGGER {trigger} AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION cdc.{function}()

-- name: enable_always
-- Also under session_replication_role = replica.
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}

-- name: drop_trigger
-- Takes a capture trigger off a table.
DROP TRIGGER IF EXISTS {trigger} ON {table}

-- name: drop_function
-- Drops a capture function, after its triggers.
DROP FUNCTION IF EXISTS cdc.{function}()

-- name: comment_function
-- Marks a capture function as the daemon's own.
COMMENT ON FUNCTION cdc.{function}() IS {comment}

-- name: comment_trigger
-- Marks a capture trigger as the daemon's own.
COMMENT ON TRIGGER {trigger} ON {table} IS {comment}

-- name: comment_table
-- Tells a person what a changelog is for.
COMMENT ON TABLE cdc.{table} IS {comment}
