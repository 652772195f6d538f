"""Faults of daemons, of the database and of sinks, by kind, and installations that are taken away."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial

from tests.support.cluster import Node
from tests.torture.schema_changes import SCHEMA_CHANGES
from tests.torture.sinks import Undo
from tests.torture.world import Fault, World


def daemon_killed(world: World) -> bool:
    world.end_daemon(world.chance.of(world.daemons), signal.SIGKILL)
    return True


def daemon_terminated(world: World) -> bool:
    world.end_daemon(world.chance.of(world.daemons), signal.SIGTERM)
    return True


def daemon_frozen(world: World) -> Undo:
    daemon = world.chance.of(world.daemons)
    daemon.process.send_signal(signal.SIGSTOP)

    def wake() -> None:
        if daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGCONT)

    return wake


def daemon_doubled(world: World) -> bool:
    """A second one, until a fault ends one of them."""
    if len(world.daemons) > 1:
        return False
    world.start_daemon()
    return True


def backends_terminated(world: World) -> bool:
    """Some sessions of the daemon and of writers."""
    share = world.chance.number(20, 100)
    return world.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        f"AND datname = current_database() AND random() * 100 < {share}"
    )


def server_crashed(world: World) -> bool:
    world.nodes[0].crash()
    world.rest(0, 500)
    world.nodes[0].start()
    return True


def standby_promoted(world: World) -> bool:
    """By plan; the old primary becomes the standby."""
    return _promoted(world, lambda primary, _: primary.stop())


def standby_promoted_without_the_tail(world: World) -> bool:
    """After the primary has crashed, with commits that the standby never got."""

    def lose(primary: Node, standby: Node) -> None:
        standby.stop()
        world.rest(200, 1000)
        primary.crash()
        standby.start()

    return _promoted(world, lose)


def _promoted(world: World, end: Callable[[Node, Node], None]) -> bool:
    if len(world.nodes) < 2:
        return False
    primary, standby = world.nodes
    end(primary, standby)
    standby.promote()
    primary.remove()
    primary.begin_as_standby_of(standby)
    world.nodes.reverse()
    return True


def reinstalled(world: World) -> bool:
    """Under writers; `uninstall` is refused while a daemon runs."""
    world.end_all_daemons(world.chance.of((signal.SIGTERM, signal.SIGKILL)))
    world.call_until_done("uninstall", "--yes")
    world.rest(0, 500)
    world.call("install")
    return True


def feed_taken_out(world: World) -> Undo | None:
    feeds = world.command.feeds
    if len(feeds) < 2:
        return None
    name = world.chance.of(sorted(feeds))
    taken = feeds.pop(name)
    _reconfigure(world, *(["--keep-delivered"] if world.chance.percent(50) else []))

    def put_back() -> None:
        feeds[name] = taken
        _reconfigure(world)

    return put_back


def _reconfigure(world: World, *options: str) -> None:
    world.end_all_daemons()
    world.configure()
    world.call("install", "--drop-feeds", *options)


def sink_fails(what: str, world: World) -> Undo | None:
    return world.chance.of(world.targets).fail(world.chance, what) if world.targets else None


FAULTS: Mapping[str, tuple[int, Fault]] = {
    "daemon killed": (6, daemon_killed),
    "daemon terminated": (3, daemon_terminated),
    "daemon frozen": (3, daemon_frozen),
    "daemon doubled": (3, daemon_doubled),
    "backends terminated": (4, backends_terminated),
    "server crashed": (2, server_crashed),
    "standby promoted": (1, standby_promoted),
    "standby promoted, a tail lost": (2, standby_promoted_without_the_tail),
    "uninstalled and installed": (2, reinstalled),
    "feed taken out and put back": (2, feed_taken_out),
    "sink down": (3, partial(sink_fails, "down")),
    "sink slow": (2, partial(sink_fails, "slow")),
    "sink silent": (2, partial(sink_fails, "silent")),
    "sink's answers lost": (3, partial(sink_fails, "answers lost")),
    "half of a sink's answers failing": (3, partial(sink_fails, "half the answers failing")),
    **SCHEMA_CHANGES,
}
"""By name: how often it is chosen, against the others, and what makes it."""

NEED_A_STANDBY = frozenset({"standby promoted", "standby promoted, a tail lost"})
