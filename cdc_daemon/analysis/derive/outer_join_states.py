"""The states of the outer joins of a SELECT: matched, or one side all NULL.

A row of `l LEFT JOIN r ON c` is either a pair for which c holds, or l extended with NULL. For a pair, c and
all other conditions hold. For an extended l, c says nothing about the row. But if a change of r made that row
appear or disappear, c held for l and the changed row. This changed row is the *witness*: c and the conditions
inside its side were evaluated on it; conditions outside (`WHERE r.id IS NULL`) were evaluated on NULLs.

So each state has a route of its own, which uses what holds in it. Conditions outside hold with NULL in place
of the columns: `COALESCE(r.id, l.id) = x` then says that l.id is x.

A changed subquery or LATERAL brings conditions on the row around it (`given`). They were evaluated on the
NULL-extended row, so they can be used only in a state that says which side is NULL.

Compare Larson and Zhou, "Efficient Maintenance of Materialized Outer-Join Views" (ICDE 2007), who split the
delta of an outer join in the same manner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from sqlglot import exp

from cdc_daemon.analysis.model.scopes import Conjunct, OuterJoin, Scope

MATCHED = -1
"""State of an outer join whose ON holds. Otherwise the state is the number of the side that is all NULL."""

_MOST_STATES = 32


@dataclass
class JoinState:
    """One state of the outer joins of a SELECT. A join that is missing in it may be in any state.

    Attributes:
        changed: the source whose row changed.
        by_join: for a join, MATCHED or the number of the side that is all NULL.
        undecidable: there are too many states, so it is unknown which columns are NULL.
        also_matched: the joins that have a state for a match, besides that for the changed row as witness.
    """

    scope: Scope
    changed: str | None
    by_join: dict[OuterJoin, int]
    undecidable: bool = False
    also_matched: frozenset[OuterJoin] = frozenset()

    @property
    def nulls(self) -> frozenset[str]:
        """The sources whose columns are NULL in the row."""
        return frozenset[str]().union(
            *(join.sides[state] for join, state in self.by_join.items() if state != MATCHED)
        )

    def null_sources_of_given(self, q: Conjunct) -> frozenset[str]:
        """The sources that were NULL for a condition that the changed source brings along."""
        return frozenset[str]().union(
            *(
                join.sides[state]
                for join, state in self.by_join.items()
                if state != MATCHED and not self._within(q, join.sides[state])
            )
        )

    def has_one_meaning(self, mentioned: frozenset[str]) -> bool:
        """Whether an expression over these sources has one meaning in this state."""
        return not self.undecidable or not any(
            mentioned & join.sides[n] for join, n in _nullable_sides(self.scope)
        )

    def visible(self, uid: str) -> bool:
        """Whether a row of the source takes part, in the row of the SELECT or in the witness."""
        return all(self._present(join, n) for join, n in _nullable_sides(self.scope) if uid in join.sides[n])

    def holds(self, q: Conjunct) -> bool:
        """Whether a condition may be used as it is written."""
        return self.null_sources(q) == frozenset()

    def null_sources(self, q: Conjunct) -> frozenset[str] | None:
        """The sources that were NULL for a condition; None if the condition can't be used in this state."""
        if q.join is not None and self.by_join.get(q.join) != MATCHED and not self._witnessed(q.join):
            return None
        nulls: set[str] = set()
        for join, n in _nullable_sides(self.scope):
            side = join.sides[n]
            if (q.span is not None and q.span <= side) or self._within(q, side):
                if not self._present(join, n):
                    return None
            elif q.join is not join and q.sources & side:
                state = self.by_join.get(join)
                if state is None or (state == n and self.changed in side and join not in self.also_matched):
                    return None  # the state of a witness covers that of a match
                nulls |= side if state == n else frozenset()
        return frozenset(nulls)

    def undecided(self, q: Conjunct) -> bool:
        """Whether a condition can't be used only because this state leaves the state of a join open."""
        return any(
            q.join is not join and q.sources & join.sides[n] and join not in self.by_join
            for join, n in _nullable_sides(self.scope)
        )

    def _within(self, q: Conjunct, side: frozenset[str]) -> bool:
        """Whether a condition that a changed subquery or LATERAL brings along stands on this side."""
        return q.given and self.changed in side

    def _present(self, join: OuterJoin, n: int) -> bool:
        state = self.by_join.get(join)
        return state is not None and (state != n or self.changed in join.sides[n])

    def _witnessed(self, join: OuterJoin) -> bool:
        state = self.by_join.get(join, MATCHED)
        return state != MATCHED and self.changed in join.sides[state]

    def infer_matches(self, given: Sequence[Conjunct] = ()) -> bool:
        """Mark joins as matched where a strict condition requires it; return False if the state is
        impossible.

        Args:
            given: further conditions that hold for the row, brought along by the changed source.
        """
        conjuncts = (*given, *self.scope.conjuncts)
        settled = self._drawn(conjuncts)
        return settled and not any(map(self._contradicts, given))

    def _contradicts(self, q: Conjunct) -> bool:
        """Whether a condition requires NULL in a column that is never NULL in this state."""
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
            for join, n in _nullable_sides(self.scope)
            if source.uid in join.sides[n]
        )

    def _drawn(self, conjuncts: Sequence[Conjunct]) -> bool:
        moving = True
        while moving:
            moving = False
            for join, n in _nullable_sides(self.scope):
                state = self.by_join.get(join)
                if state == MATCHED or not any(self._refuses_null(q, join, n) for q in conjuncts):
                    continue
                if state == n:
                    return False
                if state is None and not join.nullable[1 - n]:
                    self.by_join[join] = MATCHED
                    moving = True
        return True

    def _refuses_null(self, q: Conjunct, join: OuterJoin, n: int) -> bool:
        side = join.sides[n]
        if q.join is join or not q.strict & side or (q.span is not None and q.span <= side):
            return False
        if self._within(q, side):
            return False  # it was evaluated on the witness
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
    """Yield every state in which a changed row of a source must be followed.

    Args:
        changed: the source; None for rows that did not change themselves.
        mentioned: the sources of the goals. Joins with them get states.
        given: conditions that the changed source brings along. Joins with their sources get states, too.
        asked: further sources whose joins get states.
    """
    led = asked.union(*(q.sources for q in given))
    options = {join: list(_options(join, changed, mentioned, led)) for join in scope.joins}
    undecidable = prod(len(states) for states in options.values()) > _MOST_STATES
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
    nullable = [n for n in (0, 1) if join.nullable[n]]
    own = next((n for n in nullable if changed in join.sides[n]), None)
    if own is not None:
        yield own
        # With the row as witness everything holds that holds for a match. Only goals in its columns need a
        # state for the match.
        if mentioned & join.sides[own]:
            yield MATCHED
        if join.nullable[1 - own]:
            yield 1 - own
    elif any((mentioned | led) & join.sides[n] for n in nullable):
        yield MATCHED
        yield from nullable
    else:
        yield None


def _nullable_sides(scope: Scope) -> Iterator[tuple[OuterJoin, int]]:
    for join in scope.joins:
        for n in (0, 1):
            if join.nullable[n]:
                yield join, n
