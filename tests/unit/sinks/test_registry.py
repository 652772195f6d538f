"""Kinds of sinks: the package's, those of other distributions, and what is said when one can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import pytest

from cdc_daemon.errors import ConfigurationError, UnknownSinkKind
from cdc_daemon.settings import load
from cdc_daemon.sinks import registry
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import SinkSettings
from cdc_daemon.sinks.stdout import StdoutSink


class PaperSettings(SinkSettings, frozen=True):
    """What another distribution would bring."""

    type: Literal["paper"] = "paper"
    colour: str = "white"

    def open(self, name: str) -> StdoutSink:
        return StdoutSink(name, self.batch_records, self.batch_bytes, self.timeout_seconds)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    points: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in points if p.group == group])
    registry._of_others.cache_clear()
    yield points
    registry._of_others.cache_clear()


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.ENTRY_POINT_GROUP)


def configured(folder: Path, sink: str) -> Path:
    path = folder / "cdc.toml"
    path.write_text(f'[database]\ndsn = "dbname=shop"\n[sinks.out]\n{sink}\n')
    return path


def test_a_sink_of_another_distribution_is_configured_like_any_other(
    registered: list[EntryPoint], tmp_path: Path
) -> None:
    registered.append(point("paper", f"{__name__}:PaperSettings"))
    settings = load(configured(tmp_path, 'type = "paper"\ncolour = "red"'), {})
    assert settings.sinks["out"].model_dump()["colour"] == "red"
    assert settings.sinks["out"].open("out").name == "out"
    assert "paper" in list(SINKS)


def test_a_kind_whose_library_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "needy.py").write_text("import a_library_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_BUILT_IN", {"needy": "needy:NeedySettings"})
    with pytest.raises(ConfigurationError) as raised:
        load(configured(tmp_path, 'type = "needy"'), {})
    assert raised.value.faults == [
        (
            f"{tmp_path / 'cdc.toml'}: sinks.out.type",
            "can't be used: a sink of type needy needs a_library_that_nobody_has, which is not installed",
            "pip install 'cdc-daemon[needy]'",
        )
    ]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("a_module_that_nobody_has:Settings", "can't be loaded: No module named 'a_module_that_nobody_has'"),
        ("pathlib:NothingOfThatName", "can't be loaded: module 'pathlib' has no attribute"),
        ("pathlib:Path", "is no subclass of SinkSettings"),
    ],
)
def test_an_entry_point_that_brings_no_sink_says_so(
    registered: list[EntryPoint], value: str, what: str
) -> None:
    registered.append(point("paper", value))
    with pytest.raises(UnknownSinkKind, match=what):
        SINKS["paper"]


def test_two_distributions_with_one_kind_are_a_fault(registered: list[EntryPoint]) -> None:
    registered += [point("paper", "a:A"), point("paper", "b:B")]
    with pytest.raises(UnknownSinkKind, match="each bring a sink of type paper"):
        SINKS["paper"]


def test_a_kind_of_the_package_is_not_replaced(registered: list[EntryPoint]) -> None:
    registered.append(point("file", f"{__name__}:PaperSettings"))
    assert SINKS["file"].__module__ == "cdc_daemon.sinks.file"


def test_a_kind_that_is_not_there_is_unknown(registered: list[EntryPoint]) -> None:
    assert "paper" not in SINKS
    assert SINKS.get("paper") is None
