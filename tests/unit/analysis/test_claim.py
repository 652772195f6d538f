"""The proof in docs/architecture.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.analysis_fixtures import fixtures
from tests.support.soundness.filtered import FILTERED
from tests.support.soundness.queries import CASES


def test_every_step_of_the_claim_names_a_test() -> None:
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text("utf-8")
    proof = page.partition("### Why a route never names too few entities")[2].partition("\n## ")[0]
    steps = re.split(r"^\d\. ", proof, flags=re.MULTILINE)[1:]
    named = [
        [
            re.sub(r"\s+", " ", name)
            for brackets in re.findall(r"\[(\".*?\")\]", step, re.DOTALL)
            for name in re.findall(r"\"(.*?)\"", brackets, re.DOTALL)
        ]
        for step in steps
    ]

    assert len(steps) == 9
    assert all(named)
    assert not set().union(*named) - {*CASES, *FILTERED, *(fixture.name for fixture in fixtures())}
