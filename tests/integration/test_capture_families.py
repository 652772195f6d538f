"""A partition or an inheritance child that is a source table, beside its parent or without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect
from cdc_daemon.service import Service
from cdc_daemon.workers.installation import install, uninstall, wanted_steps
from cdc_daemon.workers.planning import plan_feed
from tests.support.command import Feed, execute
from tests.support.synced import Synced

PARTITIONS = """
CREATE TABLE item (id int, g int, v int, PRIMARY KEY (id, g)) PARTITION BY LIST (g);
CREATE TABLE north PARTITION OF item FOR VALUES IN (1, 2) PARTITION BY RANGE (id);
CREATE TABLE low (v int, dropped text, g int NOT NULL, id int NOT NULL, PRIMARY KEY (id, g));
ALTER TABLE low DROP COLUMN dropped;
ALTER TABLE north ATTACH PARTITION low FOR VALUES FROM (0) TO (10);
CREATE TABLE high PARTITION OF north DEFAULT;
CREATE TABLE south PARTITION OF item DEFAULT;
INSERT INTO item VALUES (1, 1, 1), (12, 2, 2), (3, 7, 3);
"""
OF_PARTITIONS = {
    "all": Feed("SELECT id, g, v FROM item", key=("id", "g")),
    "lowest": Feed("SELECT id, v FROM low"),
    "joined": Feed(
        "SELECT i.id, i.g, i.v, n.v AS north, l.v AS low FROM item i LEFT JOIN north n USING (id, g) "
        "LEFT JOIN low l USING (id, g)",
        key=("id", "g"),
    ),
}
TO_PARTITIONS = (
    "UPDATE item SET v = 9; INSERT INTO item VALUES (5, 1, 5), (6, 6, 6)",
    "UPDATE north SET v = 8; INSERT INTO low (id, g, v) VALUES (7, 1, 7)",
    "UPDATE low SET v = 7 WHERE id = 7; UPDATE item SET g = 1 WHERE id = 3",
    "UPDATE item SET g = 7 WHERE id = 7; UPDATE north SET id = 14 WHERE id = 5",
    "DELETE FROM item WHERE id = 1; DELETE FROM low WHERE id = 3",
    "ALTER TABLE north DETACH PARTITION low; INSERT INTO low (id, g, v) VALUES (8, 1, 8)",
    "ALTER TABLE north ATTACH PARTITION low FOR VALUES FROM (0) TO (10); UPDATE item SET v = 4",
    "UPDATE item SET v = 3",
    "TRUNCATE north",
)

CHILDREN = """
CREATE TABLE base (id int PRIMARY KEY, v int);
CREATE TABLE child (extra int) INHERITS (base);
CREATE TABLE other (more int) INHERITS (base);
CREATE TABLE both_of_them (deep int) INHERITS (child, other);
INSERT INTO base VALUES (1, 1);
INSERT INTO child VALUES (2, 2, 2);
INSERT INTO other VALUES (3, 3, 3);
INSERT INTO both_of_them VALUES (4, 4, 4, 4, 4);
"""
OF_CHILDREN = {
    "all": Feed("SELECT id, v FROM base"),
    "alone": Feed("SELECT id, v FROM ONLY base"),
    "children": Feed("SELECT id, v, extra FROM child"),
    "deepest": Feed("SELECT b.id, b.v, b.deep, o.more FROM both_of_them b JOIN other o ON o.id = b.id"),
}
TO_CHILDREN = (
    "UPDATE base SET v = v + 1; INSERT INTO base VALUES (10, 1)",
    "UPDATE child SET extra = 9; UPDATE other SET more = 8",
    "UPDATE both_of_them SET deep = 5, v = 0; INSERT INTO child VALUES (11, 1, 1)",
    "DELETE FROM base WHERE id = 4; DELETE FROM ONLY base WHERE id = 1",
    "ALTER TABLE child NO INHERIT base; UPDATE child SET v = 77",
    "ALTER TABLE child INHERIT base; UPDATE base SET v = 78",
    "UPDATE base SET v = 79",
    "TRUNCATE base",
)


@pytest.mark.parametrize(
    ("schema", "feeds", "changes"),
    [
        (PARTITIONS, OF_PARTITIONS, TO_PARTITIONS),
        (PARTITIONS, {"lowest": OF_PARTITIONS["lowest"]}, TO_PARTITIONS),
        (CHILDREN, OF_CHILDREN, TO_CHILDREN),
        (CHILDREN, {"deepest": OF_CHILDREN["deepest"]}, TO_CHILDREN),
    ],
    ids=["partitions and their parents", "a partition alone", "children and their parents", "a child alone"],
)
def test_every_change_arrives_whichever_relation_a_statement_names(
    database: str, tmp_path: Path, schema: str, feeds: Mapping[str, Feed], changes: tuple[str, ...]
) -> None:
    synced = Synced(tmp_path, database, schema=schema, feeds=feeds)
    service = Service(synced.settings, database)
    service.run_once()
    for change in changes:
        execute(database, change)
        service.run_once()
        synced.assert_equal_to_the_query()


def test_a_second_install_does_nothing_and_an_uninstall_leaves_nothing(database: str, tmp_path: Path) -> None:
    synced = Synced(tmp_path, database, schema=PARTITIONS, feeds={"all": OF_PARTITIONS["all"]})
    synced.feeds = dict(OF_PARTITIONS)
    synced.configure()
    settings = synced.settings
    with connect(database, search_path="public") as connection:
        plans = [plan_feed(connection, settings, name) for name in settings.feeds]
        before = triggers(synced)
        assert install(connection, database, settings, plans)
        assert before.items() <= triggers(synced).items(), "a trigger that is there keeps its name"
        assert not wanted_steps(connection, settings, plans)
        lowest = settings.model_copy(update={"feeds": {"lowest": settings.feeds["lowest"]}})
        install(connection, database, lowest, [plan for plan in plans if plan.definition.name == "lowest"])
        assert set(triggers(synced).values()) == {"capture_public_low"}
        assert not uninstall(connection, database, settings)
    assert not triggers(synced)


def triggers(synced: Synced) -> dict[str, str]:
    """The capture function of each trigger, by the trigger's table and name."""
    with connect(synced.dsn) as connection:
        rows = connection.execute(
            "SELECT t.tgrelid::regclass::text || ' ' || t.tgname, p.proname FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgname LIKE 'cdc_capture%'"
        ).fetchall()
    return dict(rows)
