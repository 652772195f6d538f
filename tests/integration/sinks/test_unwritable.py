"""A target that can be reached and can't be written blames itself, and says so to an empty batch as well."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import urllib3
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import TargetFault
from cdc_daemon.sinks.sink import Sink
from tests.receivers.kinds import unique
from tests.receivers.nats import Nats, NatsReceiver
from tests.receivers.opensearch import OPENSEARCH, OpensearchReceiver
from tests.receivers.postgres import PostgresReceiver
from tests.receivers.processes import own, program, shared
from tests.receivers.rabbitmq import RABBITMQ, RabbitmqReceiver
from tests.receivers.receiver import state
from tests.receivers.records import FEED, delete, deliver, upsert
from tests.receivers.redis import REDIS, RedisReceiver, RedisStreamReceiver

FIRST = [upsert("a", 1), upsert("b", 2)]
SECOND = [upsert("a", 3), delete("b", 4), upsert("c", 5)]


def refuses_until_repaired(sink: Sink, spoil: Callable[[], object], repair: Callable[[], object]) -> str:
    """Deliver, spoil the target, deliver in vain, repair it and deliver; what was said."""
    deliver(sink, FIRST)
    spoil()
    with pytest.raises(TargetFault) as raised:
        sink.deliver(FEED, SECOND)
    assert raised.value.hint
    with pytest.raises(TargetFault):
        sink.deliver(FEED, ())
    *_, last = sink.probe(FEED)
    assert last.failure
    repair()
    sink.deliver(FEED, ())
    assert deliver(sink, SECOND) == set()
    return str(raised.value)


@pytest.mark.parametrize("rights", ["INSERT, UPDATE, SELECT", "SELECT", "SELECT, DELETE"])
def test_a_role_that_lacks_a_right_on_a_table(rights: str) -> None:
    receiver, role = PostgresReceiver(unique()), unique()
    deliver(receiver.sink(), FIRST)
    with receiver.connect() as target:
        target.execute(
            f"CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}".encode()
        )
        dsn = make_conninfo(str(receiver.settings()["dsn"]), user=role)
        grant = partial(target.execute, f"GRANT ALL ON products TO {role}".encode())
        revoke = f"REVOKE ALL ON products FROM {role}; GRANT {rights} ON products TO {role}".encode()
        said = refuses_until_repaired(receiver.sink(dsn=dsn), lambda: target.execute(revoke), grant)
        assert "permission denied" in said
        target.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    assert receiver.documents(FEED) == state([*FIRST, *SECOND])
    receiver.close()


@pytest.mark.parametrize("kind", [RedisReceiver, RedisStreamReceiver])
def test_a_redis_without_memory(kind: type[RedisReceiver]) -> None:
    receiver = kind(own(REDIS, unique()), unique())
    set_ = partial(receiver.client.config_set, "maxmemory")
    said = refuses_until_repaired(receiver.sink(), lambda: set_("1"), lambda: set_("0"))
    assert "maxmemory" in said
    receiver.close()
    receiver.stop()


@pytest.mark.parametrize("kind", [RedisReceiver, RedisStreamReceiver])
def test_a_redis_that_is_a_replica(kind: type[RedisReceiver]) -> None:
    receiver = kind(own(REDIS, unique()), unique())
    refuses_until_repaired(
        receiver.sink(),
        lambda: receiver.client.replicaof("127.0.0.1", "1"),
        lambda: receiver.client.replicaof("NO", "ONE"),
    )
    receiver.close()
    receiver.stop()


@pytest.mark.parametrize("kind", [RedisReceiver, RedisStreamReceiver])
@pytest.mark.parametrize("rules", ["-hset", "-evalsha", "-@write", "resetkeys ~other:*"])
def test_a_redis_whose_user_lacks_a_right(kind: type[RedisReceiver], rules: str) -> None:
    receiver, user = kind(shared(REDIS), unique()), unique()
    acl = partial(receiver.client.execute_command, "ACL", "SETUSER", user)
    acl("on", "nopass", "~*", "+@all")
    url = str(receiver.settings()["url"]).replace("redis://", f"redis://{user}:x@")
    refuses_until_repaired(receiver.sink(url=url), lambda: acl(*rules.split()), lambda: acl("~*", "+@all"))
    receiver.client.execute_command("ACL", "DELUSER", user)  # type: ignore[no-untyped-call] # of redis
    receiver.close()


def test_an_index_that_is_blocked_because_a_disk_is_full() -> None:
    receiver = OpensearchReceiver(shared(OPENSEARCH), unique())

    def block(*, on: bool) -> None:
        with urllib3.PoolManager() as pool:
            index = str(receiver.settings()["index"]).replace("{feed}", FEED)
            body = f'{{"index.blocks.read_only_allow_delete":{str(on).lower()}}}'
            pool.request("PUT", f"http://127.0.0.1:{receiver.address}/{index}/_settings", body=body)

    refuses_until_repaired(receiver.sink(), lambda: block(on=True), lambda: block(on=False))
    receiver.close()


def test_a_rabbitmq_broker_whose_user_may_not_publish() -> None:
    server, user = shared(RABBITMQ), unique()
    environment = {**os.environ, **RABBITMQ.environment(server.folder, server.ports)}

    def control(*arguments: str) -> None:
        command = [program("/usr/lib/rabbitmq/bin/rabbitmqctl", package="rabbitmq-server"), *arguments]
        called = [command[0], "-n", environment["RABBITMQ_NODENAME"], *command[1:]]
        subprocess.run(called, env=environment, check=True, capture_output=True)

    receiver = RabbitmqReceiver(server, unique())
    control("add_user", user, "x")
    control("set_permissions", user, ".*", ".*", ".*")
    sink = receiver.sink(url=f"amqp://{user}:x@127.0.0.1:{receiver.address}/")

    def forbid() -> None:
        control("set_permissions", user, ".*", "^nothing$", ".*")
        sink.close()  # the broker remembers for some seconds what an open channel was allowed

    said = refuses_until_repaired(
        sink,
        forbid,
        lambda: control("set_permissions", user, ".*", ".*", ".*"),
    )
    assert "ACCESS_REFUSED" in said
    control("delete_user", user)
    assert receiver.documents(FEED) == state([*FIRST, *SECOND])
    receiver.close()


class _Restricted(Nats):
    """A server with a user that may publish to other subjects only, until it may to all."""

    name = "nats-restricted"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        (folder / "users.conf").write_text(
            'authorization: {users: [{user: "all", password: "x"}, {user: "few", password: "x", '
            'permissions: {publish: ["$JS.API.>", "other.>"], subscribe: ">"}}]}\n'
        )
        return [*super().command(folder, ports), "-c", str(folder / "users.conf")]


def test_a_nats_server_whose_user_may_not_publish() -> None:
    receiver = NatsReceiver(own(_Restricted(), unique()), unique())
    url = f"nats://all:x@127.0.0.1:{receiver.address}"
    deliver(receiver.sink(url=url), FIRST)
    sink = receiver.sink(url=url.replace("all", "few"))
    with pytest.raises(TargetFault, match=r"(?i)permissions violation for publish"):
        sink.deliver(FEED, SECOND)
    sink.close()
    receiver.close()
    receiver.stop()
