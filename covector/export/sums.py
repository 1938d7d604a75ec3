"""Sums of products: matrix products where they fit, einsum otherwise, and plain sums where the grid is an operand's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from covector.export.arithmetic import words
from covector.export.code import ATOM, MUL, Part
from covector.export.values import Layout, Value, promoted
from covector.ir import Index, Symbol, walk

Divide = Callable[[Fraction, Sequence[Value], Sequence[Value]], Value]


class Summer:
    """Sums products of values over indices."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.code = layout, layout.code

    def total(
        self,
        indices: Sequence[Index],
        tops: Sequence[Value],
        bottoms: Sequence[Value],
        masks: Sequence[Value],
        fraction: Divide,
    ) -> Value:
        """``Σ_indices [masks]·tops/bottoms``; ``fraction`` makes products and quotients."""
        reduced = set(indices)
        outside, bottoms = self._pulled(indices, bottoms)
        present = {axis for value in (*tops, *bottoms, *masks) for axis in value.axes}
        counts = [count for i in indices if i not in present and (count := self.layout.integer(i.extent)) is not None]
        weak = [top for top in tops if not top.axes and top.is_weak]
        operands = self._operands([top for top in tops if top not in weak], bottoms, masks, reduced, fraction)
        left = [i for i in indices if i in present]
        if not left:
            inner = fraction(Fraction(1), operands, [])
            inner = self._masked(masks, inner) if masks else inner
        else:
            inner = self._summed(left, operands, masks, fraction)
        if weak or counts or outside:
            return fraction(Fraction(1), [*weak, *counts, self.layout.countable(inner)], outside)
        return inner

    def _pulled(self, indices: Sequence[Index], bottoms: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Divisors to apply to the sum: numbers that are not an extent of the sum, which may be 0 where it is empty."""
        nodes = [node for index in indices for node in walk(index.extent)]
        symbols = {self.layout.symbols[node.name] for node in nodes if isinstance(node, Symbol)}
        outside = [b for b in bottoms if b.is_weak and not symbols & set(words(b.term))]
        return outside, [bottom for bottom in bottoms if bottom not in outside]

    def _operands(
        self,
        tops: Sequence[Value],
        bottoms: Sequence[Value],
        masks: Sequence[Value],
        reduced: set[Index],
        fraction: Divide,
    ) -> list[Value]:
        """The factors, those merged that fit into the axes of another."""
        groups: list[tuple[list[Value], list[Value]]] = [([top], []) for top in tops]
        for bottom in bottoms:
            hosts = [group for group in groups if set(bottom.axes) <= _axes(group)]
            if hosts:
                hosts[0][1].append(bottom)
            else:
                groups.append(([], [bottom]))
        if len(groups) == 2 and not masks and self._is_vector_product([_axes(group) for group in groups], reduced):
            return [fraction(Fraction(1), *group) for group in groups]
        while (pair := _nested(groups)) is not None:
            inner, host = pair
            first, second = sorted(pair)
            tops = [*groups[first][0], *groups[second][0]]
            groups[host] = (tops, [*groups[host][1], *groups[inner][1]])
            del groups[inner]
        return [fraction(Fraction(1), *group) for group in groups]

    def _is_vector_product(self, axes: Sequence[set[Index]], reduced: set[Index]) -> bool:
        """Whether two factors make a product of a matrix or a vector and a vector."""
        small, large = sorted(axes, key=len)
        return len(reduced) == 1 and small == reduced and small <= large and len(large) <= 2

    def _summed(self, left: Sequence[Index], operands: list[Value], masks: Sequence[Value], fraction: Divide) -> Value:
        every = {axis for value in (*operands, *masks) for axis in value.axes}
        whole = any(set(value.axes) == every for value in (*operands, *masks))
        if masks and not operands:
            return self._plain(self.layout.conjunction(masks), left)
        if masks and (whole or len(operands) == 1):
            return self._plain(self._masked(masks, fraction(Fraction(1), operands, [])), left)
        operands = self._hosted(operands, masks)
        if len(operands) == 1:
            return self._plain(operands[0], left)
        if len(operands) == 2 and len(left) == 1:
            found = self._matmul(operands[0], operands[1], left[0])
            if found is not None:
                return found
        return self._einsum(operands, left)

    def _masked(self, masks: Sequence[Value], value: Value) -> Value:
        return self.layout.where(self.layout.conjunction(masks), value, self.layout.number(0))

    def _plain(self, value: Value, left: Sequence[Index]) -> Value:
        kind = "int64" if value.kind in ("mask", "bool") else value.kind
        return self.layout.method(value, "sum", left, kind, hint="total")

    def _hosted(self, operands: list[Value], masks: Sequence[Value]) -> list[Value]:
        """The operands with each mask on one that has its axes; a mask that fits nowhere is an operand itself."""
        homeless: list[Value] = []
        held: dict[int, list[Value]] = {}
        for mask in masks:
            place = next((n for n, value in enumerate(operands) if set(mask.axes) <= set(value.axes)), None)
            if place is None:
                homeless.append(mask)
            else:
                held.setdefault(place, []).append(mask)
        result = [self._masked(held[n], value) if n in held else value for n, value in enumerate(operands)]
        groups: dict[frozenset[Index], list[Value]] = {}
        for mask in homeless:
            groups.setdefault(frozenset(mask.axes), []).append(mask)
        return [*result, *(self.layout.conjunction(group) for group in groups.values())]

    def _matmul(self, first: Value, second: Value, k: Index) -> Value | None:
        """``A @ B``, where the operands are matrices or vectors, or stacks of them with the same leading axes."""
        if k not in first.axes or k not in second.axes or "mask" in (first.kind, second.kind):
            return None
        free_first = [axis for axis in first.axes if axis is not k]
        free_second = [axis for axis in second.axes if axis is not k]
        shared = [axis for axis in free_first if axis in free_second]
        ranks = {axis: self.layout.rank.get(axis, 99) for axis in (*free_first, *free_second)}
        if not shared:
            last = max((ranks[axis] for axis in free_first), default=99)
            if any(ranks[axis] < last for axis in free_second):
                first, second, free_first, free_second = second, first, free_second, free_first
            return self._matrices(first, second, free_first, free_second, k)
        if len(free_first) != len(shared) + 1 or len(free_second) != len(shared) + 1:
            return None
        if free_first[:-1] != shared or free_second[:-1] != shared:
            return None
        if ranks[free_first[-1]] > ranks[free_second[-1]]:
            first, second, free_first, free_second = second, first, free_second, free_first
        left = self._last_two(first, (*shared, free_first[-1], k))
        right = self._last_two(second, (*shared, k, free_second[-1]))
        return self._product(left, right, (*free_first, free_second[-1])) if left and right else None

    def _last_two(self, value: Value, wanted: tuple[Index, ...]) -> Value | None:
        """The value with its last two axes swapped where that is wanted."""
        if value.axes == wanted:
            return value
        if value.axes[:-2] != wanted[:-2]:
            return None
        term = self.code.term(ATOM, (value.term, ATOM), ".swapaxes(-1, -2)", cheap=True)
        return Value(term, wanted, value.kind)

    def _matrices(self, first: Value, second: Value, rows: list[Index], columns: list[Index], k: Index) -> Value | None:
        if len(columns) > 1 or (len(rows) > 1 and first.axes[-1] is not k):
            return None
        left = self.layout.transposed(first, (*rows, k))
        right = self.layout.transposed(second, (k, *columns))
        return self._product(left, right, (*rows, *columns))

    def _product(self, left: Value, right: Value, axes: tuple[Index, ...]) -> Value:
        term = self.code.term(MUL, (left.term, ATOM), " @ ", (right.term, ATOM), hint="product")
        return Value(term, axes, promoted((left.kind, right.kind)))

    def _einsum(self, operands: list[Value], left: Sequence[Index]) -> Value:
        if all(value.kind == "mask" for value in operands):
            operands = [self.layout.countable(operands[0]), *operands[1:]]
        every = list(dict.fromkeys(axis for value in operands for axis in value.axes))
        result = self.layout.sorted(axis for axis in every if axis not in left)
        letters = _letters([*result, *every])
        subscripts = ",".join("".join(letters[axis] for axis in value.axes) for value in operands)
        parts: list[Part] = [f'np.einsum("{subscripts}->{"".join(letters[a] for a in result)}"']
        for value in operands:
            parts += [", ", (value.term, 0)]
        parts.append(", optimize=True)")
        kind = promoted(value.kind for value in operands)
        return Value(self.code.term(ATOM, *parts, hint="product"), result, kind)


def _axes(group: tuple[list[Value], list[Value]]) -> set[Index]:
    return {axis for values in group for value in values for axis in value.axes}


def _nested(groups: Sequence[tuple[list[Value], list[Value]]]) -> tuple[int, int] | None:
    """The places of two groups where the second has the axes of the first, which may be equal to it."""
    axes = [_axes(group) for group in groups]
    places = range(len(groups))
    pairs = ((inner, host) for inner in places for host in places if inner != host and axes[inner] <= axes[host])
    return next(pairs, None)


def _letters(indices: Sequence[Index]) -> dict[Index, str]:
    """A letter for each index: its own name where that is a letter, and free."""
    spare = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    result: dict[Index, str] = {}
    for index in dict.fromkeys(indices):
        own = {i.name for i in indices}
        letter = index.name if index.name in spare else next(letter for letter in spare if letter not in own)
        spare.remove(letter)
        result[index] = letter
    return result
