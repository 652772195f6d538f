-- name: function
-- SECURITY DEFINER: writers need no rights on cdc. SET search_path would cost 17 us for each statement. Instead every
-- function, operator, type and cast in the body is qualified with pg_catalog. {settings} pins the path only if the
-- name of a column is ambiguous in the body.
CREATE OR REPLACE FUNCTION cdc.{function}() RETURNS pg_catalog.trigger
LANGUAGE plpgsql SECURITY DEFINER {settings} AS {body}

-- name: pinned_path
-- pg_temp comes last. If it is not named, types are looked up there first.
SET search_path = pg_catalog, pg_temp

-- name: body
-- A guarded block computes the arrays. If anything fails there (a column was renamed, dropped or retyped), the
-- function writes an unknown entry and never fails the user's write. The INSERT is outside of the block, because
-- inside it would take the xid of a subtransaction for every statement. A segment takes entries for five minutes and
-- then rests for five (see segment in changelog.sql).
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
-- The columns of a transition table that the body reads. If the column is renamed or dropped, `o.sku` on the
-- transition table itself becomes the function call `sku(o)`, and PostgreSQL looks this function up in the search
-- path of the writing role. A name alone can't become a function: it raises 42703.
(SELECT {columns} FROM {rows} AS cdc_table)

-- name: typed_rows
-- The same, with a check that every assigned or compared column still has the built-in type that it had at the
-- install. Otherwise a cast would convert the value, and a cast may call a function of the type's owner. If the types
-- of ARRAY[column] and of the typed NULL differ, there is no such function (42883), which PostgreSQL notices when it
-- parses the statement. The planner drops the condition, so it costs nothing for a row.
(SELECT {columns} FROM {rows} AS cdc_table WHERE CASE WHEN true THEN true ELSE {typed} END)

-- name: as_text
-- The text of a value by its type's output function. A cast to text may call a function of the type's owner, with the
-- rights of the capture function. format() makes '' of NULL, and IS NOT NULL is false for a composite value of NULLs
-- only. IS DISTINCT FROM NULL looks up no operator.
CASE WHEN {column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {column}) END

-- name: entry
-- One entry for the statement.
IF cdc_even THEN
    INSERT INTO cdc.{first_segment} (rows, "cdc$operation"{told}{columns}) VALUES (cdc_rows, TG_OP::pg_catalog."char"{context}{arrays});
ELSE
    INSERT INTO cdc.{second_segment} (rows, "cdc$operation"{told}{columns}) VALUES (cdc_rows, TG_OP::pg_catalog."char"{context}{arrays});
END IF;

-- name: context
-- The writer's own words for itself and the role that it logged in as. Neither is looked up anywhere.
pg_catalog.current_setting('application_name'), SESSION_USER::pg_catalog.text

-- name: entries
-- One entry for the statement, or one for every thousand rows.
IF cdc_rows OPERATOR(pg_catalog.>) 1000 THEN
    FOR cdc_first IN 1 .. cdc_rows BY 1000 LOOP
        IF cdc_even THEN
            INSERT INTO cdc.{first_segment} (rows, "cdc$operation"{told}{columns})
            VALUES (LEAST(cdc_rows OPERATOR(pg_catalog.-) cdc_first OPERATOR(pg_catalog.+) 1, 1000), TG_OP::pg_catalog."char"{context}{slices});
        ELSE
            INSERT INTO cdc.{second_segment} (rows, "cdc$operation"{told}{columns})
            VALUES (LEAST(cdc_rows OPERATOR(pg_catalog.-) cdc_first OPERATOR(pg_catalog.+) 1, 1000), TG_OP::pg_catalog."char"{context}{slices});
        END IF;
    END LOOP;
    RETURN NULL;
END IF;
{entry}

-- name: all_rows
-- Every row of one transition table that can matter to a feed.
SELECT pg_catalog.count(*){aggregates} INTO {into} FROM {rows} AS r{where};

-- name: changed_rows
-- The rows of an UPDATE in which a used column changed, by their old links. EXCEPT, `=` and IS DISTINCT FROM treat
-- 1.0 and 1.00, citext or -0 as equal although the document differs, and json has no equality. `*<>` compares the
-- bytes. Pairing old and new rows by row_number took four minutes for 200k rows, with a plan cached from one row. A
-- FULL JOIN can't become a nested loop.
SELECT pg_catalog.count(*){aggregates}, pg_catalog.bool_or({moved})
INTO cdc_rows{into}, cdc_moved
FROM {old_rows} AS o FULL JOIN {new_rows} AS n ON {same_key}
WHERE {counts}ROW({old_columns})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({new_columns})::pg_catalog.record;

-- name: one_row
-- Most UPDATEs change one row. Its old and new version are a pair without a join, also without a primary key. A FULL
-- JOIN of one row with one row sorts or hashes both, and is set up in every transaction. With more rows the product
-- stops at the second. Then, or if a link changed, the queries for many rows read all of them.
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
-- A second query, for the rare case that links changed: all old links, and the new links that differ. One query for
-- all cases cost a single-row UPDATE 20 us more.
IF cdc_moved THEN
    SELECT pg_catalog.count(*) FILTER (WHERE {old_is_there}),
           pg_catalog.count(*) FILTER (WHERE {new_counts}){old_aggregates}{new_aggregates}
    INTO cdc_rows, cdc_more{into}
    FROM {old_rows} AS o FULL JOIN {new_rows} AS n ON {same_key}
    WHERE {counts}ROW({old_columns})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({new_columns})::pg_catalog.record;
    {append}
END IF;

-- name: if_any_counts
-- Most writes of a filtered table (EAV: entity, attribute, value) concern rows that matter to no feed. Checking this
-- before old and new rows are paired reduces such a single-row UPDATE from 19 to 7 us, and adds 6 us to others.
IF EXISTS (SELECT FROM {new_rows} AS n WHERE {new_counts}) OR EXISTS (SELECT FROM {old_rows} AS o WHERE {old_counts}) THEN
    {then}
END IF;

-- name: append
-- Appends the new links to the old ones.
cdc_rows := cdc_rows OPERATOR(pg_catalog.+) cdc_more;

-- name: let_owner_create
-- ALTER FUNCTION ... OWNER TO requires that the new owner has CREATE. The same transaction revokes it.
GRANT CREATE ON SCHEMA cdc TO {owner}

-- name: keep_owner_from_creating
-- The owner role may create in schema cdc only while it becomes the owner of a function.
REVOKE CREATE ON SCHEMA cdc FROM {owner}

-- name: owner
-- Gives a capture function to the owner role, with whose rights it runs.
ALTER FUNCTION cdc.{function}() OWNER TO {owner}

-- name: revoke
-- Only the trigger may call a capture function.
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
-- Captures that a table was emptied. Its rows can't be named.
CREATE TRIGGER {trigger} AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION cdc.{function}()

-- name: enable_always
-- Fires also under session_replication_role = replica.
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
