"""NULL-extended rows: the states that the outer joins of a scope can be in, one case at a time.

A row of `l LEFT JOIN r ON c` is a pair that fulfils c, or l with NULLs. What may be concluded differs: of a
pair, c and everything else holds. Of l with NULLs, c says nothing; but if a change of r made that row come or
go, then c held for l and the changed row: it is the *witness*, seen by c and by conditions inside its own
arm, while conditions outside (`WHERE r.id IS NULL`) saw NULLs. So a route is made for each case, and may use
what holds in it. A condition outside saw the NULLs of the row: with NULL in the place of these columns it
holds, and `COALESCE(r.id, l.id) = x` says that l.id is x.

A subquery or LATERAL that changed brings conditions along that hold for the row around it (`given`). They
speak of that row as the subquery sees it: with NULLs where a join found no match. Only in a case that tells
whether it did can such a condition be used, so it asks for the case as a goal does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from sqlglot import exp

from cdc_daemon.analysis.model.scopes import Conjunct, OuterJoin, Scope

MATCHED = -1
"""State of an outer join whose ON holds; otherwise the number of the arm that is all NULL."""

_MOST_CASES = 32


@dataclass
class JoinState:
    """The states of a scope's outer joins; a join without one may be either way.

    Attributes:
        changed: the source whose row changed.
        undecidable: there are too many cases to tell apart: what may be NULL in some is unknown.
        apart: the joins that have a case of a match beside that of the changed row as witness.
    """

    scope: Scope
    changed: str | None
    by_join: dict[OuterJoin, int]
    undecidable: bool = False
    also_matched: frozenset[OuterJoin] = frozenset()

    @property
    def nulls(self) -> frozenset[str]:
        """The sources whose columns are NULL in the scope's row."""
        return frozenset[str]().union(
            *(join.sides[state] for join, state in self.by_join.items() if state != MATCHED)
        )

    def null_sources_of_given(self, q: Conjunct) -> frozenset[str]:
        """The sources of which a condition that the changed source brings along saw NULLs."""
        return frozenset[str]().union(
            *(
                join.sides[state]
                for join, state in self.by_join.items()
                if state != MATCHED and not self._within(q, join.sides[state])
            )
        )

    def has_one_meaning(self, mentioned: frozenset[str]) -> bool:
        """Whether an expression over these sources has one meaning in this case."""
        return not self.undecidable or not any(
            mentioned & join.sides[arm] for join, arm in _nullable_arms(self.scope)
        )

    def visible(self, uid: str) -> bool:
        """Whether a row of the source takes part (in the row of the scope, or in the witness)."""
        return all(
            self._present(join, arm) for join, arm in _nullable_arms(self.scope) if uid in join.sides[arm]
        )

    def holds(self, q: Conjunct) -> bool:
        """Whether a conjunct may be used as it is written."""
        return self.null_sources(q) == frozenset()

    def null_sources(self, q: Conjunct) -> frozenset[str] | None:
        """The sources of which a condition saw NULLs; None if it can't be used in this case."""
        if q.join is not None and self.by_join.get(q.join) != MATCHED and not self._witnessed(q.join):
            return None
        nulls: set[str] = set()
        for join, arm in _nullable_arms(self.scope):
            side = join.sides[arm]
            if (q.span is not None and q.span <= side) or self._within(q, side):
                if not self._present(join, arm):
                    return None
            elif q.join is not join and q.sources & side:
                state = self.by_join.get(join)
                if state is None or (state == arm and self.changed in side and join not in self.also_matched):
                    return None  # the case of a witness stands for that of a match, too
                nulls |= side if state == arm else frozenset()
        return frozenset(nulls)

    def undecided(self, q: Conjunct) -> bool:
        """Whether a condition can't be used only because nobody asked whether a join found a match."""
        return any(
            q.join is not join and q.sources & join.sides[arm] and join not in self.by_join
            for join, arm in _nullable_arms(self.scope)
        )

    def _within(self, q: Conjunct, side: frozenset[str]) -> bool:
        """Whether a condition that a changed subquery or LATERAL brings along stands in this arm."""
        return q.given and self.changed in side

    def _present(self, join: OuterJoin, arm: int) -> bool:
        state = self.by_join.get(join)
        return state is not None and (state != arm or self.changed in join.sides[arm])

    def _witnessed(self, join: OuterJoin) -> bool:
        state = self.by_join.get(join, MATCHED)
        return state != MATCHED and self.changed in join.sides[state]

    def infer_matches(self, given: Sequence[Conjunct] = ()) -> bool:
        """Draw what the strict conditions imply; False if they exclude this case.

        Args:
            given: further conditions that hold for the row, brought along by the changed source.
        """
        conjuncts = (*given, *self.scope.conjuncts)
        settled = self._drawn(conjuncts)
        return settled and not any(map(self._contradicts, given))

    def _contradicts(self, q: Conjunct) -> bool:
        """Whether a condition asks for NULL in a column that has none in this case."""
        test = q.tree
        asks = (
            isinstance(test, exp.Is) and isinstance(test.expression, exp.Null) and not test.args.get("negate")
        )
        at = test.this.unnest() if asks else None
        source = self.scope.sources.get(at.table) if isinstance(at, exp.Column) else None
        if at is None or source is None or source.table is None or at.name not in source.real:
            return False
        return source.table.columns[source.real[at.name]].not_null and all(
            self.by_join.get(join) == MATCHED
            for join, arm in _nullable_arms(self.scope)
            if source.uid in join.sides[arm]
        )

    def _drawn(self, conjuncts: Sequence[Conjunct]) -> bool:
        moving = True
        while moving:
            moving = False
            for join, arm in _nullable_arms(self.scope):
                state = self.by_join.get(join)
                if state == MATCHED or not any(self._refuses_null(q, join, arm) for q in conjuncts):
                    continue
                if state == arm:
                    return False
                if state is None and not join.nullable[1 - arm]:
                    self.by_join[join] = MATCHED
                    moving = True
        return True

    def _refuses_null(self, q: Conjunct, join: OuterJoin, arm: int) -> bool:
        side = join.sides[arm]
        if q.join is join or not q.strict & side or (q.span is not None and q.span <= side):
            return False
        if self._within(q, side):
            return False  # it was the row of the witness that it saw
        before = self.by_join.get(join)
        self.by_join[join] = MATCHED
        holds = self.holds(q)
        if before is None:
            del self.by_join[join]
        else:
            self.by_join[join] = before
        return holds


def join_states(
    scope: Scope,
    changed: str | None,
    mentioned: frozenset[str],
    given: Sequence[Conjunct] = (),
    *,
    asked: frozenset[str] = frozenset(),
) -> Iterator[JoinState]:
    """Every case that a changed row of one source has to be followed in.

    Args:
        changed: the source; None for rows that did not change themselves.
        mentioned: the sources that the goals refer to: whether their columns are NULL makes a difference.
        given: conditions that the changed source brings along; it makes a difference to them, too.
        asked: further sources of which it has to be known.
    """
    led = asked.union(*(q.sources for q in given))
    options = {join: list(_options(join, changed, mentioned, led)) for join in scope.joins}
    undecidable = prod(len(states) for states in options.values()) > _MOST_CASES
    if undecidable:
        options = {join: list(_options(join, changed, frozenset(), frozenset())) for join in scope.joins}
    also_matched = frozenset(join for join, states in options.items() if MATCHED in states)
    for states in product(*options.values()):
        state = JoinState(
            scope,
            changed,
            {join: state for join, state in zip(options, states, strict=True) if state is not None},
            undecidable,
            also_matched,
        )
        if state.infer_matches(given):
            yield state


def _options(
    join: OuterJoin, changed: str | None, mentioned: frozenset[str], led: frozenset[str]
) -> Iterator[int | None]:
    arms = [arm for arm in (0, 1) if join.nullable[arm]]
    own = next((arm for arm in arms if changed in join.sides[arm]), None)
    if own is not None:
        yield own
        # With the row as witness everything holds that holds with a match, except where its columns are asked
        # for.
        if mentioned & join.sides[own]:
            yield MATCHED
        if join.nullable[1 - own]:
            yield 1 - own
    elif any((mentioned | led) & join.sides[arm] for arm in arms):
        yield MATCHED
        yield from arms
    else:
        yield None


def _nullable_arms(scope: Scope) -> Iterator[tuple[OuterJoin, int]]:
    for join in scope.joins:
        for arm in (0, 1):
            if join.nullable[arm]:
                yield join, arm
