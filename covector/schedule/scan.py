"""Running sums: ``Σ_j [j <= i]·f[j]`` adds one term for each i to what there was for the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from covector.calculus.build import ZERO, mul
from covector.ir import Affine, Compute, Expr, Index, Read, Reduce, as_affine, substitute
from covector.ir.affine import free
from covector.ir.element import dtype
from covector.ir.walk import fresh
from covector.schedule.factors import flat_factors, nonnegative_form
from covector.schedule.plan import Accumulate, Assign, Loop, Step


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A running sum along one index of the target.

    Its own indices are those before, each with a loop around it; those ``after`` run inside, along memory. ``total`` is
    what is added up so far; the loop begins at the end where it is ``backward``, and an element counts from the next
    one on where it is ``strict``.
    """

    target: Compute
    positions: tuple[Affine, ...]
    own: tuple[Index, ...]
    index: Index
    after: tuple[Index, ...]
    total: Compute
    value: Expr
    backward: bool
    strict: bool
    reduced: tuple[Index, ...] = ()
    operation: str = ""

    @property
    def indices(self) -> tuple[Index, ...]:
        """The loops around it."""
        return self.own

    @property
    def starts(self) -> tuple[Index, ...]:
        """Nothing is set before its own steps."""
        return ()

    @property
    def parts(self) -> tuple[Expr, ...]:
        """What it reads and where it writes."""
        return (self.value, *self.positions)

    def start(self, names: Mapping[Index, Affine]) -> Step:
        """The sum of nothing."""
        return Assign(self.total, tuple(names[index] for index in (*self.own, *self.after)), ZERO)

    def steps(self, names: Mapping[Index, Affine], around: frozenset[Index]) -> tuple[Step, ...]:
        """The loop, from one end to the other."""
        loop, *inner = apart((self.index, *self.after), around)
        here = self.index.extent - 1 - loop if self.backward else as_affine(loop)
        names = {**names, self.index: here, **dict(zip(self.after, map(as_affine, inner), strict=True))}
        at = tuple(names[index] for index in (*self.own, *self.after))
        add = Accumulate(self.total, at, "sum", substitute(self.value, names))
        positions = tuple(substitute(position, names) for position in self.positions)
        keep = Assign(self.target, positions, Read(self.total, at))
        body = nested(inner, (keep, add) if self.strict else (add, keep))
        return (*nested(inner, (self.start(names),)), Loop(loop, body))


def apart(indices: Sequence[Index], around: frozenset[Index]) -> list[Index]:
    """Indices called otherwise than the loops around."""
    found: list[Index] = []
    for index in indices:
        taken = around | set(found)
        found.append(fresh(index, taken) if any(other.name == index.name for other in taken) else index)
    return found


def nested(indices: Sequence[Index], steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps in loops over some indices."""
    for index in reversed(indices):
        steps = (Loop(index, steps),)
    return steps


def scanned(statement: Compute) -> Scan | None:
    """The running sum that a statement is, None where it is none."""
    body = statement.body
    if not isinstance(body, Reduce) or body.operation != "sum" or len(body.indices) != 1:
        return None
    (summed,) = body.indices
    factors = flat_factors(body.body)
    for factor in factors:
        form = nonnegative_form(factor)
        for index in statement.indices if form is not None and summed in free(form) else ():
            found = _direction(form, index, summed) if form is not None else None
            others = [other for other in factors if other is not factor]
            if found is None or any(index in free(other) for other in others):
                continue
            value = substitute(mul(*others), {summed: as_affine(index)})
            place = statement.indices.index(index)
            own, after = statement.indices[:place], statement.indices[place + 1 :]
            part = Reduce("sum", (summed,), mul(*others))
            # A running sum keeps every total that it goes through, so that all of them get its rounding errors.
            wide = "float64" if statement.dtype == "float32" else statement.dtype
            cast = "" if dtype(part) == wide else wide
            total = Compute(f"{statement.name}.total", (*own, *after), part, cast)
            positions = tuple(map(as_affine, statement.indices))
            return Scan(statement, positions, own, index, after, total, value, *found)
    return None


def _direction(form: Affine, index: Index, summed: Index) -> tuple[bool, bool] | None:
    """Whether a sum over ``form >= 0`` runs backward, and whether it leaves out the element itself."""
    if index.extent is not summed.extent:
        return None
    for sign in (1, -1):
        rest = form - sign * (as_affine(index) - summed)
        if rest.is_constant and rest.constant in (0, -1):
            return sign == -1, rest.constant == -1
    return None
