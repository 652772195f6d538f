"""The proof that stands above the code names tests that are there."""

from __future__ import annotations

import re

from cdc_daemon.analysis.derive import walk
from tests.support.analysis_fixtures import fixtures
from tests.support.soundness.queries import CASES, FILTERED


def test_every_step_of_the_claim_names_a_test() -> None:
    steps = re.split(r"^\d\. ", walk.__doc__ or "", flags=re.MULTILINE)[1:]
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
