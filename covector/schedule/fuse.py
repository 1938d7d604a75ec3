"""Statements that share loops: groups of them, one loop at a time from the outside in.

In a group every statement runs one iteration before any runs the next, so it may read of another what that has just
written, and nothing that is still being accumulated. Rows of a softmax, its loss and its gradient become one pass in
this way, and so do the columns that are summed up meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from covector.ir import Index, Input, Tensor, as_affine
from covector.schedule.plan import Loop, Step
from covector.schedule.scan import apart, nested
from covector.schedule.unit import Unit

Candidate = dict[Unit, Index]


class Group:
    """Units in order that can share a loop, and the indices that can: each candidate has one of every unit."""

    def __init__(self, first: Unit) -> None:
        self.units = [first]
        self.candidates: list[Candidate] = [{first: index} for index in first.left]
        self.made, self.read = {first.nest.target}, {access.tensor for access in first.reads}

    def joined(self, unit: Unit) -> list[Candidate]:
        """The candidates that are left if a unit joins."""
        found = []
        for candidate in self.candidates:
            index = self.partner(candidate, unit)
            if index is not None and index.extent is candidate[self.units[0]].extent:
                found.append({**candidate, unit: index})
        return found

    def partner(self, candidate: Candidate, unit: Unit) -> Index | None:
        """The index of a unit that goes with a candidate, None where none does."""
        forced: set[Index | None] = set()
        for other, index in candidate.items():
            forced |= unit.together(other, index)
        if forced:
            return forced.pop() if len(forced) == 1 else None
        for other, index in candidate.items():
            found = unit.akin(other, index)
            if found is not None:
                return found
        return None

    def follows(self, earlier: Group) -> bool:
        """Whether it must not run before another group: it reads what that makes, or overwrites what that reads."""
        overwritten = {unit.overwritten for unit in self.units}
        return not self.read.isdisjoint(earlier.made) or not overwritten.isdisjoint(earlier.read)

    def accepts(self, unit: Unit) -> bool:
        """Take a unit in, where there is a loop for all of them that costs none of them its contiguity."""
        found = self.joined(unit)
        if not found:
            return False
        if all(strays(candidate) for candidate in found):
            alone = [{unit: index} for index in unit.left]
            if not all(strays(c) for c in self.candidates) and not all(strays(c) for c in alone):
                return False
        self.units.append(unit)
        self.candidates = found
        self.made.add(unit.nest.target)
        self.read.update(access.tensor for access in unit.reads)
        return True

    def best(self) -> Candidate:
        """The candidate to loop over: one that leaves contiguity inside, then one that accumulates nothing, then one
        whose stride is large.
        """
        return min(self.candidates, key=_cost)


def strays(candidate: Candidate) -> bool:
    """Whether a loop takes contiguity from one of the units."""
    return any(unit.strays(index) for unit, index in candidate.items())


def _cost(candidate: Candidate) -> tuple[int, int, float]:
    astray = sum(unit.strays(index) for unit, index in candidate.items())
    accumulated = sum(index in unit.nest.reduced for unit, index in candidate.items())
    return astray, accumulated, sum(_depth(unit, index) for unit, index in candidate.items())


def _depth(unit: Unit, index: Index) -> float:
    """How far inside an index stands in the accesses of a unit, on average."""
    accesses = (unit.write, *unit.reads)
    places = [place.plain.index(index) - len(place.plain) for place in accesses if index in place.plain]
    return sum(places) / len(places) if places else 0


def groups(units: Iterable[Unit]) -> list[Group]:
    """The units in groups, in an order in which each can run."""
    found: list[Group] = []
    made: dict[Tensor, int] = {}
    read: dict[Tensor, int] = {}
    for unit in totals_first(units):
        tensors = {part.tensor for part in unit.reads}
        # It must not run before what it reads is made, nor before what it overwrites is read.
        first = max((made.get(tensor, 0) for tensor in tensors), default=0)
        if unit.overwritten is not None:
            first = max(first, read.get(unit.overwritten, 0))
        for place in range(first, len(found)):
            if unit.left and found[place].accepts(unit):
                break
        else:
            place = len(found)
            found.append(Group(unit))
        made[unit.nest.target] = max(place, made.get(unit.nest.target, 0))
        read |= {tensor: max(place, read.get(tensor, 0)) for tensor in tensors}
    return merged(found)


def totals_first(units: Iterable[Unit]) -> list[Unit]:
    """The units, but first those that make one number of inputs: what reads it may share loops with all the others."""
    early, later = list[Unit](), list[Unit]()
    known: set[Tensor] = set()
    for unit in units:
        below = (part.tensor for part in unit.reads)
        alone = not unit.nest.own and unit.overwritten is None
        if alone and all(isinstance(tensor, Input) or tensor in known for tensor in below):
            early.append(unit)
            known.add(unit.nest.target)
        else:
            later.append(unit)
    return [*early, *later]


def merged(found: Sequence[Group]) -> list[Group]:
    """The groups, two of them as one where both read the same and what lies between can come before or after both."""
    order, place = list(found), 0
    while place < len(order):
        for other in range(place + 1, len(order)):
            between = order[place + 1 : other]
            first, second = order[place], order[other]
            one = both(first, second)
            if one is not None and not any(second.follows(group) for group in between):
                order[place : other + 1] = [one, *between]
            elif one is not None and not any(group.follows(first) for group in between):
                order[place : other + 1] = [*between, one]
            else:
                continue
            break
        else:
            place += 1
    return order


def both(first: Group, second: Group) -> Group | None:
    """Two groups as one; None where they read nothing in common, or have no loop to share."""
    if not first.candidates or not second.candidates or first.read.isdisjoint(second.read | second.made):
        return None
    one = Group(first.units[0])
    return one if all(one.accepts(unit) for unit in (*first.units[1:], *second.units)) else None


def loops(units: Sequence[Unit], around: frozenset[Index] = frozenset()) -> tuple[Step, ...]:
    """The steps of some units, their loops shared where they can be."""
    steps: list[Step] = []
    for group in groups(units):
        steps += group_steps(group, around)
    return tuple(steps)


def group_steps(group: Group, around: frozenset[Index]) -> tuple[Step, ...]:
    """The steps of one group: what is accumulated is set to its neutral element before the loop."""
    if not group.candidates:
        return tuple(step for unit in group.units for step in unit.nest.steps(unit.names, around))
    chosen = group.best()
    first = next(iter(chosen.values()))
    (index,) = apart([first], around)
    steps: list[Step] = []
    for unit, own in chosen.items():
        if own in unit.nest.reduced and not unit.started:
            steps += start(unit, around)
            unit.started = True
        unit.bind(own, index)
    steps.append(Loop(index, loops(group.units, around | {index})))
    return tuple(steps)


def start(unit: Unit, around: frozenset[Index]) -> tuple[Step, ...]:
    """What sets the elements of a target that are accumulated in the loops to come."""
    missing = [index for index in unit.nest.starts if index not in unit.names]
    left = apart(missing, around)
    names = {**unit.names, **dict(zip(missing, map(as_affine, left), strict=True))}
    return nested(left, (unit.nest.start(names),))
