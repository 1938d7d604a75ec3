"""Arrays whose axes are labelled with indices, as source, and how they are lined up with one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from covector.export.code import ADD, AND, ATOM, COMPARE, MUL, POWER, Code, Part, Term
from covector.ir import Affine, Floor, Index, Mod, Symbol
from covector.ir.node import Node

WEAK = ("flag", "int", "float")
"""Python's own numbers, which take the dtype of what they are combined with; `flag` is a bool."""

_ARRAYS = ("mask", "bool", "int32", "int64", "float32", "float64")


@dataclass(frozen=True)
class Value:
    """Source whose value has one axis for each of ``axes``, as long as that index runs; none are repeated.

    ``kind`` is its dtype, `mask` for the bools that stand for a bracket, or one of `WEAK`. ``reduced`` remembers how a
    reduction was made, so that it can keep its axes: the call as far as the axes, and which.
    """

    term: Term
    axes: tuple[Index, ...]
    kind: str
    reduced: tuple[tuple[Part, ...], tuple[int, ...]] | None = None

    @property
    def is_weak(self) -> bool:
        """Whether it is a number of Python's."""
        return self.kind in WEAK


def natural(kind: str) -> str:
    """The dtype of an array of such numbers.

    >>> natural("float"), natural("float32"), natural("flag")
    ('float64', 'float32', 'bool')
    """
    return {"int": "int64", "float": "float64", "flag": "bool"}.get(kind, kind)


def promoted(kinds: Iterable[str]) -> str:
    """The kind of a combination, as NumPy has it.

    >>> promoted(["float32", "float"]), promoted(["float32", "int64"]), promoted(["mask", "int"])
    ('float32', 'float64', 'int64')
    """
    found = set(kinds)
    arrays = [kind for kind in _ARRAYS if kind in found]
    if not arrays:
        return "float" if "float" in found else "int"
    top = arrays[-1]
    if not top.startswith("float"):
        if "float" in found:
            return "float64"
        return "int64" if top in ("mask", "bool") and "int" in found else top
    return "float64" if {"int32", "int64"} & found else top


def numpy_dtype(dtype: str) -> str:
    """A dtype as NumPy calls it.

    >>> numpy_dtype("float32"), numpy_dtype("bool")
    ('np.float32', 'np.bool_')
    """
    return f"np.{dtype}_" if dtype == "bool" else f"np.{dtype}"


class Layout:
    """Lines values up: transposes them and adds axes of extent 1, and joins them."""

    def __init__(self, code: Code, symbols: Mapping[str, str]) -> None:
        self.code, self.symbols = code, symbols
        self.rank: dict[Index, int] = {}

    def scope(self, indices: Iterable[Index]) -> None:
        """Say which indices come first where nothing else decides it."""
        for index in indices:
            self.rank.setdefault(index, len(self.rank))

    def scope_is(self, indices: Iterable[Index]) -> None:
        """Begin a statement: say its indices anew."""
        self.rank = {}
        self.scope(indices)

    def sorted(self, indices: Iterable[Index]) -> tuple[Index, ...]:
        """Indices in the order of the scope."""
        return tuple(sorted(indices, key=lambda index: self.rank.get(index, 99)))

    def union(self, values: Sequence[Value]) -> tuple[Index, ...]:
        """The axes of a combination: those of the value that has them all, otherwise in the order of the scope."""
        every = self.sorted({axis for value in values for axis in value.axes})
        whole = [value.axes for value in values if len(value.axes) == len(every)]
        return every if not whole or every in whole else whole[0]

    def aligned(self, value: Value, target: tuple[Index, ...]) -> Term:
        """The value with its axes in the order of the target, and axes of extent 1 for those that it lacks."""
        order = [axis for axis in target if axis in value.axes]
        missing = tuple(place for place, axis in enumerate(target) if axis not in value.axes)
        if value.reduced and tuple(order) == value.axes and missing == value.reduced[1]:
            return self.code.term(ATOM, *value.reduced[0], ", keepdims=True)", hint="m")
        term = self.transposed(value, tuple(order)).term
        first = next((place for place, axis in enumerate(target) if axis in value.axes), len(target))
        marks = ["None" if axis not in value.axes else ":" for axis in target[first:]]
        if "None" not in marks:
            return term
        while marks[-1] == ":":
            marks.pop()
        return self.code.term(ATOM, (term, ATOM), f"[{', '.join(marks)}]", cheap=True)

    def transposed(self, value: Value, order: tuple[Index, ...]) -> Value:
        """The value with its axes in another order."""
        if order == value.axes:
            return value
        if order == value.axes[::-1]:
            text = ".T"
        else:
            text = f".transpose({', '.join(str(value.axes.index(axis)) for axis in order)})"
        term = self.code.term(ATOM, (value.term, ATOM), text, cheap=True)
        return Value(term, order, value.kind)

    def joined(
        self, values: Sequence[Value], operators: str | Sequence[str], level: int, kind: str, hint: str = "t"
    ) -> Value:
        """Values with operators between them, one for all or one for each place, which associate to the left."""
        if len(values) == 1:
            return values[0]
        if isinstance(operators, str):
            operators = [operators] * (len(values) - 1)
        first, rest = (ADD, ADD) if level == COMPARE else (level, level + 1)
        axes = self.union(values)
        parts: list[Part] = []
        for place, value in enumerate(values):
            if place:
                parts.append(f" {operators[place - 1]} ")
            parts.append((self.aligned(value, axes), rest if place else first))
        cheap = all(value.is_weak for value in values)
        return Value(self.code.term(level, *parts, cheap=cheap, hint=hint), axes, kind)

    def call(self, function: str, values: Sequence[Value], kind: str, hint: str = "t") -> Value:
        """A function of values, element by element."""
        axes = self.union(values)
        parts: list[Part] = [f"{function}("]
        for place, value in enumerate(values):
            parts += [", "] if place else []
            parts.append((self.aligned(value, axes), 0))
        return Value(self.code.term(ATOM, *parts, ")", hint=hint), axes, kind)

    def method(self, value: Value, name: str, over: Iterable[Index], kind: str, hint: str = "t") -> Value:
        """A reduction of a value over some of its axes."""
        gone = set(over)
        places = tuple(place for place, axis in enumerate(value.axes) if axis in gone)
        left = tuple(axis for axis in value.axes if axis not in gone)
        if not left:
            return Value(self.code.term(ATOM, (value.term, ATOM), f".{name}()", hint=hint), (), kind)
        axis = str(places[0]) if len(places) == 1 else f"({', '.join(map(str, places))})"
        head = ((value.term, ATOM), f".{name}(axis={axis}")
        return Value(self.code.term(ATOM, *head, ")", hint=hint), left, kind, (head, places))

    def negative(self, value: Value) -> Value:
        """The value with the other sign."""
        level = ATOM if value.term.level == POWER else MUL
        term = self.code.term(MUL, "-", (value.term, level), cheap=value.is_weak)
        return Value(term, value.axes, value.kind)

    def number(self, value: float) -> Value:
        """A number."""
        text = f"{value!r}"
        kind = "int" if isinstance(value, int) else "float"
        if text in ("inf", "-inf", "nan"):
            text = text.replace("inf", "np.inf").replace("nan", "np.nan")
        level = ATOM if not text.startswith("-") else MUL
        return Value(self.code.term(level, text, cheap=True), (), kind)

    def countable(self, value: Value) -> Value:
        """The value with numbers in the place of the bools of a bracket."""
        if value.kind == "mask":
            term = self.code.term(ATOM, (value.term, ATOM), ".astype(int)")
            return Value(term, value.axes, "int64")
        if value.kind == "flag":
            return Value(self.code.term(ATOM, "int(", (value.term, 0), ")", cheap=True), (), "int")
        return value

    def conjunction(self, masks: Sequence[Value]) -> Value:
        """Whether all of the masks hold."""
        if len(masks) == 1:
            return masks[0]
        kind = "flag" if all(mask.kind == "flag" for mask in masks) else "mask"
        return self.joined(masks, "&", AND, kind, hint="mask")

    def where(self, condition: Value, then: Value, otherwise: Value, hint: str = "t") -> Value:
        """One value or another."""
        kind = natural(promoted((then.kind, otherwise.kind)))
        return self.call("np.where", (condition, then, otherwise), kind, hint)

    def integer(self, form: Affine) -> Value | None:
        """An integer expression of extents alone, or None where an index or a read occurs in it."""
        text = self.extent(form)
        return None if text is None else Value(self.code.term(text[1], text[0], cheap=True), (), "int")

    def extent(self, form: Affine) -> tuple[str, int] | None:
        """An integer expression of extents alone, and how tightly it binds."""
        pieces: list[tuple[bool, str, int]] = []
        for monomial, coefficient in sorted(form.terms, key=lambda term: term[1] < 0):
            atoms = [self._extent_atom(atom) for atom in monomial]
            factors = [] if abs(coefficient) == 1 else [(str(abs(coefficient)), ATOM)]
            if any(atom is None for atom in atoms):
                return None
            factors += [atom for atom in atoms if atom is not None]
            texts = [text if level > MUL or len(factors) == 1 else f"({text})" for text, level in factors]
            pieces.append((coefficient < 0, " * ".join(texts), MUL if len(factors) > 1 else factors[0][1]))
        if form.constant or not pieces:
            pieces.append((form.constant < 0, str(abs(form.constant)), ATOM))
        negative, text, level = pieces[0]
        if negative:
            text, level = f"-{text}", MUL
        for negative, piece, _ in pieces[1:]:
            text, level = f"{text} {'-' if negative else '+'} {piece}", ADD
        return text, level

    def _extent_atom(self, atom: Node) -> tuple[str, int] | None:
        if isinstance(atom, Symbol):
            return self.symbols[atom.name], ATOM
        if isinstance(atom, (Floor, Mod)):
            top, bottom = self.extent(atom.numerator), self.extent(atom.denominator)
            if top is None or bottom is None:
                return None
            left = top[0] if top[1] >= MUL else f"({top[0]})"
            right = bottom[0] if bottom[1] == ATOM else f"({bottom[0]})"
            return f"{left} {'//' if isinstance(atom, Floor) else '%'} {right}", MUL
        return None

    def shape(self, extents: Iterable[Affine]) -> str:
        """A shape as a tuple."""
        texts = self.sizes(extents)
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def sizes(self, extents: Iterable[Affine]) -> list[str]:
        """Extents as source."""
        return [text[0] for extent in extents if (text := self.extent(extent)) is not None]

    def broadcast(self, value: Value, indices: tuple[Index, ...], dtype: str = "") -> Value:
        """The value over all of the indices, in this order; a number of Python's with this dtype."""
        if not indices:
            return value
        if set(value.axes) == set(indices):
            return self.transposed(replace(value, reduced=None), indices)
        shape = self.shape(index.extent for index in indices)
        if not value.axes:
            kind = dtype if dtype and value.is_weak else natural(value.kind)
            end = f", dtype={numpy_dtype(kind)})" if kind != natural(value.kind) else ")"
            return Value(self.code.term(ATOM, f"np.full({shape}, ", (value.term, 0), end), indices, kind)
        aligned = self.aligned(value, indices)
        term = self.code.term(ATOM, "np.broadcast_to(", (aligned, 0), f", {shape}).copy()")
        return Value(term, indices, value.kind)
