"""Reads as subscripts: plain axes, numbers, slices, new shapes; otherwise arrays of positions, zero outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from covector.export.code import ATOM, Part, Term
from covector.export.values import Layout, Value
from covector.ir import Affine, Floor, Index, Mod, Read, Symbol, as_affine, floor_div, substitute, walk
from covector.ir.affine import atoms, free
from covector.ir.bounds import lower_bound, within

TAKE = '''
def take(x, at, axis):
    """The elements of x at positions along an axis, and 0 where a position lies outside."""
    size = x.shape[axis]
    padded = np.pad(x, [(0, int(other == axis)) for other in range(x.ndim)])
    return np.take(padded, np.where((at >= 0) & (at < size), at, size), axis=axis)
'''

GATHER = '''
def gather(x, *at):
    """x[at[0], at[1], …] along its first axes, and 0 where a position lies outside."""
    padded = np.pad(x, [(0, int(axis < len(at))) for axis in range(x.ndim)])
    return padded[tuple(np.where((a >= 0) & (a < size), a, size) for a, size in zip(at, x.shape))]
'''


@dataclass(frozen=True)
class Axis:
    """One axis of an array that is read: the index that runs along it, or the position still to be looked up."""

    position: Affine
    extent: Affine

    @property
    def index(self) -> Index | None:
        """The index that runs along the whole of it, or None."""
        index = self.position.index
        return index if index is not None and index.extent is self.extent else None


class Reader:
    """Translates reads; ``need`` is told which helpers they call."""

    def __init__(self, layout: Layout, integer: Callable[[Affine], Value], need: Callable[[str], str]) -> None:
        self.layout, self.integer, self.need = layout, integer, need

    def read(self, expr: Read, name: str, guarded: bool) -> Value:
        """The elements of an array at the positions of a read."""
        term, kind = self.layout.code.atom(name), expr.tensor.dtype
        axes = [Axis(p, e) for p, e in zip(expr.positions, expr.tensor.shape, strict=True)]
        if len(axes) == 2 and axes[0].index is not None and axes[0].index is axes[1].index:
            return Value(self.layout.code.term(ATOM, "np.diagonal(", (term, 0), ")"), (axes[0].index,), kind)
        term, axes = self.reshaped(term, axes)
        term, axes = self.subscripted(term, axes)
        term, axes = self.looked_up(term, axes, guarded)
        indices = tuple(axis.index for axis in axes if axis.index is not None)
        return Value(term, indices, kind)

    def reshaped(self, term: Term, axes: list[Axis]) -> tuple[Term, list[Axis]]:
        """Axes that a reshape splits or merges, as ``x[i*N + j]`` and ``x[i // N, i % N]`` do."""
        result: list[Axis] = []
        at = 0
        while at < len(axes):
            merged = _merged(axes[at], axes[at + 1]) if at + 1 < len(axes) else None
            if merged is not None:
                result.append(merged)
                at += 2
            else:
                result += _split(axes[at]) or [axes[at]]
                at += 1
        if result == axes or sum(axis.index is None for axis in result):
            return term, axes
        # The total may be 0, where -1 would not say how many there are.
        shape = ", ".join(self.layout.sizes(axis.extent for axis in result))
        return self.layout.code.term(ATOM, (term, ATOM), f".reshape({shape})", cheap=True), result

    def subscripted(self, term: Term, axes: list[Axis]) -> tuple[Term, list[Axis]]:
        """Numbers and slices, which a plain subscript reads."""
        marks: list[str] = []
        left: list[Axis] = []
        for axis in axes:
            alone = all(other is axis or not free(other.position) & free(axis.position) for other in axes)
            mark = self._number(axis) or (self._slice(axis) if alone else None)
            marks.append(mark or ":")
            index = next(iter(free(axis.position)), None)
            if mark is None:
                left.append(axis)
            elif free(axis.position) and index is not None:
                left.append(Axis(as_affine(index), index.extent))
        while marks and marks[-1] == ":":
            marks.pop()
        if not marks:
            return term, left
        return self.layout.code.term(ATOM, (term, ATOM), f"[{', '.join(marks)}]", cheap=True), left

    def _number(self, axis: Axis) -> str | None:
        if free(axis.position) or not within(axis.position, axis.extent):
            return None
        text = self.layout.extent(axis.position)
        return None if text is None else text[0]

    def _slice(self, axis: Axis) -> str | None:
        """A slice, where the position is one and surely stays inside the bounds, whatever the extents are."""
        if axis.index is not None or len(free(axis.position)) != 1:
            return None
        (index,) = free(axis.position)
        step = axis.position.coefficient(index)
        if step is None or not step.is_constant:
            return None
        start = axis.position - step * index
        if self.layout.extent(start) is None:
            return None
        if step.constant == -1 and start is axis.extent - 1 and index.extent is axis.extent:
            return "::-1"
        beyond = start + step * index.extent
        if step.constant < 1 or not _surely_natural(start) or not _surely_natural(axis.extent - beyond + step - 1):
            return None
        reaches = axis.extent - beyond
        whole = reaches.is_constant and reaches.constant <= 0
        return self._bounds(start, None if whole else beyond, step.constant)

    def _bounds(self, start: Affine, stop: Affine | None, step: int) -> str:
        """A slice as it is formatted: spaces around the colon where a side is more than a name or a number."""
        texts = [self.layout.extent(side) if side is not None else None for side in (start, stop)]
        low, high = ("" if text is None or text[0] == "0" else text[0] for text in texts)
        wide = any(text is not None and text[1] < ATOM for text in texts)
        if not wide:
            return ":".join([low, high, *([str(step)] if step > 1 else [])])
        text = f"{low} :" if low else ":"
        text += f" {high}" if high else ""
        return text if step == 1 else f"{text} : {step}" if high else f"{text}: {step}"

    def looked_up(self, term: Term, axes: list[Axis], guarded: bool) -> tuple[Term, list[Axis]]:
        """The remaining positions, as arrays of integers."""
        coupled = [axis for axis in axes if _is_coupled(axis, axes)]
        if coupled:
            term, axes = self._together(term, axes, coupled, guarded)
        for axis in [axis for axis in axes if axis.index is None]:
            place = axes.index(axis)
            at = self.integer(axis.position)
            if _is_inside(axis, guarded):
                marks = ":, " * place
                term = self.layout.code.term(ATOM, (term, ATOM), f"[{marks}", (at.term, 0), "]", hint="window")
            else:
                head = f"{self.need('take')}("
                term = self.layout.code.term(ATOM, head, (term, 0), ", ", (at.term, 0), f", {place})", hint="window")
            axes = [*axes[:place], *(Axis(as_affine(i), i.extent) for i in at.axes), *axes[place + 1 :]]
        return term, axes

    def _together(self, term: Term, axes: list[Axis], coupled: list[Axis], guarded: bool) -> tuple[Term, list[Axis]]:
        """Positions that share indices: looked up at once, along the first axes."""
        places = [place for place, axis in enumerate(axes) if any(axis is other for other in coupled)]
        rest = [place for place in range(len(axes)) if place not in places]
        order = [*places, *rest]
        if order != list(range(len(axes))):
            text = ".T" if order == [1, 0] else f".transpose({', '.join(map(str, order))})"
            term = self.layout.code.term(ATOM, (term, ATOM), text, cheap=True)
        at = [self.integer(axis.position) for axis in coupled]
        target = self.layout.union(at)
        arrays: list[Part] = []
        for place, value in enumerate(at):
            arrays += [", "] if place else []
            arrays.append((self.layout.aligned(value, target), 0))
        if all(_is_inside(axis, guarded) for axis in coupled):
            term = self.layout.code.term(ATOM, (term, ATOM), "[", *arrays, "]", hint="window")
        else:
            head = f"{self.need('gather')}("
            term = self.layout.code.term(ATOM, head, (term, 0), ", ", *arrays, ")", hint="window")
        left = [Axis(as_affine(index), index.extent) for index in target]
        return term, [*left, *(axes[place] for place in rest)]


def _is_coupled(axis: Axis, axes: list[Axis]) -> bool:
    return any(other is not axis and free(other.position) & free(axis.position) for other in axes)


def _is_inside(axis: Axis, guarded: bool) -> bool:
    """Whether a position needs no check: it is proved, or it is data outside any guard, where it has to be right."""
    if any(isinstance(node, Read) for node in walk(axis.position)):
        return not guarded
    return within(axis.position, axis.extent)


def _surely_natural(form: Affine) -> bool:
    """Whether a form is proved not to be negative even where extents are 0."""
    bound = lower_bound(form)
    floors = [atom for atom in atoms(bound) if not isinstance(atom, Symbol)]
    if not all(isinstance(atom, Floor) and _surely_natural(atom.numerator) for atom in floors):
        return False
    return bound.constant >= 0 and all(coefficient >= 0 for _, coefficient in bound.terms)


def _merged(first: Axis, second: Axis) -> Axis | None:
    """The axis that two make together, where they are read at ``i // N`` and ``i % N``."""
    index = next(iter(free(first.position)), None)
    extent = first.extent * second.extent
    if index is None or index.extent is not extent:
        return None
    quotient = floor_div(index, second.extent)
    if first.position is not quotient:
        return None
    whole = quotient * second.extent + _without_mod(second.position)
    return Axis(as_affine(index), extent) if whole is as_affine(index) else None


def _without_mod(form: Affine) -> Affine:
    mods = {atom for atom in atoms(form) if isinstance(atom, Mod)}
    result: Affine = substitute(
        form, {mod: mod.numerator - mod.denominator * floor_div(mod.numerator, mod.denominator) for mod in mods}
    )
    return result


def _split(axis: Axis) -> list[Axis] | None:
    """The axes that one splits into, where it is read at ``i*N + j`` and these reach every element."""
    indices = free(axis.position)
    if len(indices) < 2:
        return None
    strides = {index: axis.position.coefficient(index) for index in indices}
    expected, chain = as_affine(1), list[Index]()
    while strides:
        index = next((i for i in sorted(strides, key=lambda i: i.name) if strides[i] is expected), None)
        if index is None:
            return None
        del strides[index]
        chain.insert(0, index)
        expected = expected * index.extent
    rest = axis.position
    for index in chain:
        rest = rest - (axis.position.coefficient(index) or as_affine(0)) * index
    if expected is not axis.extent or not rest.is_constant or rest.constant:
        return None
    return [Axis(as_affine(index), index.extent) for index in chain]
