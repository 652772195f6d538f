"""Routes do not become less precise: entities recomputed by a workload, against what was stored.

`python -m bench.precision --store` writes the table anew; a figure that grows needs a reason in the commit.
"""

from __future__ import annotations

import psycopg
import pytest

from bench.precision import ARBITRARY, PARTS, lines, stored
from tests.support.analysis_fixtures import PUBLISHED, fixtures
from tests.support.soundness.queries import CASES


@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", PARTS)
def test_no_more_entities_are_recomputed_than_before(part: str, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        found = PARTS[part](connection)
    before = stored()

    worse = {
        name: each for name, each in found.items() if name not in before or each.named > before[name].named
    }

    assert not worse, "\n".join(
        [*lines(worse), "before:", *lines({n: before[n] for n in worse if n in before})]
    )


def test_every_query_has_its_figure() -> None:
    documented = {fixture.id for folder in ("", *PUBLISHED) for fixture in fixtures(folder)}

    assert stored().keys() == {*CASES, *documented} - {*ARBITRARY}
