"""Random programs in the notation: the same seed gives the same text.

A program uses every kind of position (strides, dilations, shifts, windows, reversed, repeated, floor and modulus,
data-dependent), every reduction and scalar function, brackets, selects with branches that must not be evaluated,
`stop`, padding, and statements that read earlier ones. Arguments of functions are wrapped to stay inside the domains.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from covector.ops import SCALARS

T = TypeVar("T")

INDEX_NAMES = ("i", "j", "k", "l", "m", "n", "p", "q", "r", "k2", "i2", "u")
TENSOR_NAMES = ("x", "y", "z", "w", "a", "b", "c", "G", "dx", "v", "dy", "t", "f", "g", "h", "s")
SYMBOL_NAMES = ("M", "N", "K", "P")
VOLUME = 160
"""The most points that the indices in scope may span."""


@dataclass(frozen=True)
class Extent:
    """An extent as the notation writes it, and its size; ``factors`` are two extents that it is the product of."""

    text: str
    size: int
    factors: tuple[Extent, Extent] | None = None

    @property
    def constant(self) -> bool:
        """Whether it is a plain number."""
        return self.text.isdecimal()


@dataclass
class Bound:
    """An index in scope; ``plain`` once a read says how far it runs."""

    name: str
    extent: Extent
    plain: bool = False


@dataclass(frozen=True)
class Tensor:
    """An input or a statement that can be read."""

    name: str
    shape: tuple[Extent, ...]
    dtype: str = "float64"


@dataclass(frozen=True)
class Case:
    """A generated program, the sizes of its symbols, and what it uses."""

    seed: int
    text: str
    extents: dict[str, int] = field(default_factory=dict)
    features: frozenset[str] = frozenset()


def generate(seed: int, small: bool = False) -> Case:
    """The program of a seed; a small one has one statement or two, of a few parts."""
    return Generator(seed, small).case()


class Generator:
    """A program while it is generated."""

    def __init__(self, seed: int, small: bool = False) -> None:
        self.seed, self.small, self.rng = seed, small, random.Random(seed)
        sizes = [0, 1, 2, 3] if self.rng.random() < 0.06 else [1, 2, 2, 3, 3, 4]
        names = self.rng.sample(SYMBOL_NAMES, self.rng.choice([1, 2, 2, 3]))
        self.extents = {name: self.rng.choice(sizes) for name in names}
        self.tensors: list[Tensor] = []
        self.inputs: list[Tensor] = []
        self.inferred: set[str] = set()
        self.taken: set[str] = set()
        self.features: set[str] = set()
        self.scope: list[Bound] = []
        self.budget = 0

    def case(self) -> Case:
        """All its statements."""
        count = self.pick([1, 1, 2] if self.small else [1, 1, 2, 2, 3, 4])
        lines = [self.statement(last=number == count - 1) for number in range(count)]
        declared = [_declaration(given) for given in self.inputs if given.name not in self.inferred]
        return Case(self.seed, "\n".join((*declared, *lines)), dict(self.extents), frozenset(self.features))

    # Choices

    def pick(self, options: Sequence[T]) -> T:
        """One of some options."""
        return self.rng.choice(options)

    def chance(self, probability: float) -> bool:
        """Whether something happens."""
        return self.rng.random() < probability

    def uses(self, feature: str) -> None:
        """Note down what the program uses."""
        self.features.add(feature)

    # Statements and indices

    def statement(self, last: bool) -> str:
        """One statement; its left side binds its indices."""
        rank = self.pick([0, 0, 1, 1, 2] if last else [0, 1, 1, 2, 2, 3])
        self.budget = self.pick([2, 3, 4, 6] if self.small else [3, 5, 8, 11, 14])
        name = self.new_name()
        with self.bound(rank) as bounds:
            body = self.real()
            left = ",".join(self.binding(bound) for bound in bounds)
        self.tensors.append(Tensor(name, tuple(bound.extent for bound in bounds)))
        if "[" not in body:
            body = f"[1 <= 2] * ({body})"  # without it the statement would be in matrix form
        return f"{name}[{left}] = {body}" if bounds else f"{name} = {body}"

    def new_name(self) -> str:
        """A name that no tensor has; a few are those that gradients get."""
        free = [name for name in TENSOR_NAMES if name not in self.taken]
        name = self.pick(free) if free else f"x{len(self.taken)}_"
        self.taken.add(name)
        return name

    @contextmanager
    def bound(self, count: int, positive: bool = False) -> Iterator[list[Bound]]:
        """New indices in scope for a while."""
        bounds: list[Bound] = []
        for _ in range(count):
            taken = {bound.name for bound in self.scope}
            extent = self.extent(positive)
            if self.volume() * max(extent.size, 1) > VOLUME:
                extent = Extent("1", 1)
            bounds.append(Bound(self.pick([name for name in INDEX_NAMES if name not in taken]), extent))
            self.scope.append(bounds[-1])
        yield bounds
        del self.scope[len(self.scope) - len(bounds) :]

    def volume(self) -> int:
        """The points that the indices in scope span."""
        result = 1
        for bound in self.scope:
            result *= max(bound.extent.size, 1)
        return result

    def binding(self, bound: Bound) -> str:
        """An index where it is bound; its extent may be left out where a read says what it is."""
        if bound.plain and self.chance(0.5):
            self.uses("inferred extent")
            return bound.name
        return f"{bound.name}:{bound.extent.text}"

    def extent(self, positive: bool = False) -> Extent:
        """A symbol, a number, a product of two symbols, or a sum."""
        symbols = [Extent(name, size) for name, size in self.extents.items() if size or not positive]
        kind = self.rng.random()
        if symbols and kind < 0.7:
            return self.pick(symbols)
        if len(symbols) > 1 and kind < 0.78:
            first, second = self.rng.sample(symbols, 2)
            if first.size * second.size <= 6:
                return Extent(f"({first.text}*{second.text})", first.size * second.size, (first, second))
        if symbols and kind < 0.84:
            symbol = self.pick(symbols)
            return Extent(f"({symbol.text}+1)", symbol.size + 1)
        size = self.pick([1, 2, 2, 3, 4])
        if size == 4 and self.chance(0.5):
            return Extent("4", 4, (Extent("2", 2), Extent("2", 2)))
        return Extent(str(size), size)

    # Reads

    def read(self) -> str:
        """A read of an earlier statement, of an input, or of a new input."""
        if self.tensors and self.chance(0.45):
            self.uses("earlier statement")
            return self.read_of(self.pick(self.tensors))
        floats = [given for given in self.inputs if given.dtype == "float64" and given.name not in self.inferred]
        if floats and self.chance(0.45):
            return self.read_of(self.pick(floats))
        if self.chance(0.1) or not self.scope:
            return self.read_scalar()
        return self.read_new()

    def read_scalar(self) -> str:
        scalars = [given for given in self.inputs if not given.shape and given.dtype == "float64"]
        if scalars and self.chance(0.5):
            return self.pick(scalars).name
        self.uses("scalar input")
        return self.add_input(())

    def add_input(self, shape: tuple[Extent, ...], dtype: str = "float64") -> str:
        given = Tensor(self.new_name(), shape, dtype)
        self.inputs.append(given)
        return given.name

    def read_of(self, tensor: Tensor) -> str:
        """A read of a tensor that exists: positions that fit its axes."""
        if not tensor.shape:
            return tensor.name
        if self.chance(0.2):
            return self.read_padded(tensor)
        positions: list[str] = []
        for extent in tensor.shape:
            position = self.position_in(extent)
            if position is None:
                return self.read_padded(tensor)
            positions.append(position)
        for bound in self.scope:
            bound.plain = bound.plain or bound.name in positions
        return f"{tensor.name}[{','.join(positions)}]"

    def position_in(self, extent: Extent) -> str | None:
        """A position that stays inside an axis, or None where nothing in scope does."""
        alike = [bound for bound in self.scope if bound.extent.text == extent.text]
        kind = self.rng.random()
        if alike and kind < 0.75:
            return self.pick(alike).name
        if alike and kind < 0.85:
            self.uses("reversed")
            return f"{extent.text}-1-{self.pick(alike).name}"
        smaller = [b for b in self.scope if b.extent.constant and extent.constant and b.extent.size < extent.size]
        if smaller and kind < 0.93:
            bound = self.pick(smaller)
            return f"{bound.name}+{self.rng.randint(1, extent.size - bound.extent.size)}"
        if extent.size and self.scope and kind < 0.97:
            return self.data_position(extent)
        if extent.size and self.chance(0.5):
            self.uses("constant position")
            return self.pick(["0", f"{extent.text}-1"])
        return None

    def data_position(self, extent: Extent) -> str:
        """A read of a new table of indices into an axis."""
        self.uses("data-dependent")
        bound = self.pick(self.scope)
        if self.chance(0.15):
            return self.add_input((), "int64")
        return f"{self.add_input((bound.extent,), 'int64')}[{bound.name}]"

    def read_padded(self, tensor: Tensor) -> str:
        """Any affine positions, zero or a value outside the bounds."""
        positions = []
        for extent in tensor.shape:
            position = str(self.rng.randint(-1, 2))
            for bound in self.rng.sample(self.scope, min(len(self.scope), self.pick([0, 1, 1, 2]))):
                stride = self.pick([1, 1, 1, 2, 2, 3, -1, -2])
                position += f"{'+' if stride > 0 else '-'}{abs(stride)}*{bound.name}"
            if self.chance(0.2):
                position += f"+{extent.text}"
            positions.append(position)
        text = f"{tensor.name}[{','.join(positions)}]"
        if self.chance(0.3):
            self.uses("pad with a value")
            return f"pad({text},{self.pick(['1', '-2', '0.5'])})"
        self.uses("pad")
        return f"pad({text})"

    def read_new(self) -> str:
        """A read of a new input whose axes fit the positions."""
        rank = self.pick([1, 1, 2, 2, 3])
        axes = [self.new_axis() for _ in range(rank)]
        name = self.add_input(tuple(extent for _, extent in axes))
        inferred = all(any(text == bound.name for bound in self.scope) for text, _ in axes)
        if inferred and len({text for text, _ in axes}) == rank and self.chance(0.25):
            self.inferred.add(name)
        else:
            for text, _ in axes:
                for bound in self.scope:
                    bound.plain = bound.plain or bound.name == text
        return f"{name}[{','.join(text for text, _ in axes)}]"

    def new_axis(self) -> tuple[str, Extent]:
        """A position, and the extent of an axis in which it stays."""
        bound = self.pick(self.scope)
        i, extent = bound.name, bound.extent
        kind = self.rng.random()
        if kind < 0.55:
            return i, extent
        if kind < 0.63:
            self.uses("stride")
            stride, shift = self.pick([1, 2, 2, 3]), self.pick([0, 1, 2])
            return f"{stride}*{i}+{shift}", _sum([(stride, extent)], shift)
        if kind < 0.72 and len(self.scope) > 1:
            first, second = self.rng.sample(self.scope, 2)
            return self.window(first, second)
        if kind < 0.77:
            self.uses("reversed")
            return f"{extent.text}-1-{i}", extent
        if kind < 0.83 and extent.factors:
            self.uses("reshape")
            outer, inner = extent.factors
            return self.pick([(f"{i}//{inner.text}", outer), (f"{i}%{inner.text}", inner)])
        if kind < 0.86:
            self.uses("floor")
            by = self.pick([2, 3])
            size = -(-extent.size // by)
            return f"{i}//{by}", Extent(str(size) if extent.constant else f"(({extent.text}+{by - 1})//{by})", size)
        if kind < 0.88:
            self.uses("modulus")
            by = self.pick([2, 3])
            return f"{i}%{by}", Extent(str(by), by)
        if kind < 0.92 and len(self.scope) > 1:
            self.uses("flatten")
            first, second = self.rng.sample(self.scope, 2)
            inner = second.extent
            size = first.extent.size * inner.size
            both = first.extent.constant and inner.constant
            return f"{first.name}*{inner.text}+{second.name}", Extent(
                str(size) if both else f"({first.extent.text}*{inner.text})", size
            )
        if kind < 0.97:
            extent = self.extent(positive=True)
            return self.data_position(extent), extent
        self.uses("constant position")
        extent = self.extent(positive=True)
        return "0", extent

    def window(self, first: Bound, second: Bound) -> tuple[str, Extent]:
        """``s·i + d·j``, as a convolution reads, or ``i - j``, as a Toeplitz matrix is read."""
        if self.chance(0.3):
            self.uses("difference")
            both = _sum([(1, first.extent), (1, second.extent)], 0)
            return f"{first.name}-{second.name}+{second.extent.text}", both
        self.uses("window")
        stride, dilation = self.pick([1, 1, 2, 3]), self.pick([1, 1, 2])
        return (
            f"{_times(stride, first.name)}+{_times(dilation, second.name)}",
            _sum([(stride, first.extent), (dilation, second.extent)], 0),
        )

    # Values

    def real(self) -> str:
        """An expression of any value."""
        self.budget -= 1
        if self.budget <= 0 or len(self.scope) > 6:
            return self.leaf()
        forms: list[tuple[Callable[[], str], int]] = [
            (self.leaf, 5),
            (self.arithmetic, 9),
            (self.function, 6),
            (self.reduction, 8),
            (self.bracketed, 3),
            (self.selected, 3),
            (self.dangerous, 2),
            (self.stopped, 1),
            (self.normalised, 1),
        ]
        chosen = self.rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]
        return chosen()

    def leaf(self) -> str:
        """A read, mostly."""
        if self.chance(0.85):
            return self.read()
        if self.scope and self.chance(0.3):
            self.uses("index as a value")
            return self.pick(self.scope).name
        if self.chance(0.3):
            self.uses("extent as a value")
            return self.pick(
                [name for name in self.extents if any(name in b.extent.text for b in self.scope)] or ["1.2"]
            )
        return self.pick(["2", "3", "0.5", "1.5", "(-1)", "2/3", "pi"])

    def arithmetic(self) -> str:
        kind = self.rng.random()
        if kind < 0.25:
            return f"({self.real()} + {self.real()})"
        if kind < 0.4:
            return f"({self.real()} - {self.real()})"
        if kind < 0.7:
            return f"{self.factor()} * {self.factor()}"
        if kind < 0.78:
            return f"{self.factor()} / {self.positive()}"
        if kind < 0.84:
            return f"(-{self.factor()})"
        if kind < 0.94:
            return f"{self.factor()}**{self.pick(['2', '2', '3'])}"
        if kind < 0.97:
            return f"{self.positive()}**{self.pick(['0.5', '(-1)', '(-1/2)', '1.5', '(-2)'])}"
        return f"{self.positive()}**{self.bounded()}"

    def factor(self) -> str:
        text = self.real()
        return text if text.isidentifier() or (text.endswith(")") and _closed(text)) else f"({text})"

    def positive(self) -> str:
        """An expression of at least about a half."""
        self.budget -= 1
        kind = self.rng.random()
        if kind < 0.4 or self.budget <= 0 or len(self.scope) > 6:
            return f"(0.5 + ({self.real()})**2)"
        if kind < 0.55:
            return f"exp({self.bounded()})"
        if kind < 0.65:
            return f"(0.4 + abs({self.real()}))"
        if kind < 0.75:
            return f"(softplus({self.real()}) + 0.3)"
        with self.bound(1, positive=True) as bounds:
            body = self.positive()
            left = self.binding(bounds[0])
        return f"{self.pick(['sum', 'max', 'min', 'mean'])}[{left}]({body})"

    def bounded(self) -> str:
        """An expression between -1 and 1."""
        return f"{self.pick(['sin', 'tanh', 'cos'])}({self.real()})"

    def argument(self, name: str, domain: str) -> str:
        """An argument in the domain that the table states for a function of one argument."""
        if not domain:
            return self.bounded() if name in GROWING or self.chance(0.5) else self.real()
        return {
            "x >= 0": self.positive,
            "x > 0": self.positive,
            "x > -1": lambda: f"{self.positive()} - 0.7",
            "-1 <= x <= 1": lambda: f"0.8*{self.bounded()}",
            "-1 < x < 1": lambda: f"0.8*{self.bounded()}",
            "x >= 1": lambda: f"0.8 + {self.positive()}",
            "cos(x) != 0": self.bounded,
        }[domain]()

    def function(self) -> str:
        """A scalar function of the table."""
        name = self.pick(APPLIED)
        self.uses(name)
        function = SCALARS[name]
        if len(function.parameters) == 1:
            return f"{name}({self.argument(name, function.domain)})"
        if name == "pow":
            return f"pow({self.positive()}, {self.bounded()})"
        second = self.positive() if name in ("atan2", "div") else self.real()
        return f"{name}({self.real()}, {second})"

    def reduction(self) -> str:
        """A reduction over one or two new indices."""
        operation = self.pick(["sum", "sum", "sum", "sum", "mean", "max", "min", "prod"])
        self.uses(operation)
        with self.bound(self.pick([1, 1, 1, 2]), positive=operation in ("mean", "max", "min")) as bounds:
            body = self.real()
            left = ",".join(self.binding(bound) for bound in bounds)
        return f"{operation}[{left}]({body})"

    def normalised(self) -> str:
        """Something over its own sum: a softmax, a norm, a mean that is taken away."""
        self.uses("normalised")
        with self.bound(1, positive=True) as bounds:
            bound = bounds[0]
            inside = self.read()
            binder = f"{bound.name}:{bound.extent.text}"
        with self.bound(0):
            same = [other for other in self.scope if other.extent.text == bound.extent.text]
            if not same:
                return f"log(sum[{binder}](exp({inside})))"
            outside = self.pick(same).name
            here = _renamed(inside, bound.name, outside)
            return self.pick(
                [
                    f"exp({here}) / sum[{binder}](exp({inside}))",
                    f"({here} - mean[{binder}]({inside}))",
                    f"{here} / sqrt(1 + sum[{binder}](({inside})**2))",
                    f"exp({here} - stop(max[{binder}]({inside})))",
                    f"({here} - log(sum[{binder}](exp({inside}))))",
                ]
            )

    # Conditions

    def bracketed(self) -> str:
        """A bracket times something, perhaps a read that only the bracket keeps inside the bounds."""
        self.uses("bracket")
        guarded = self.guarded() if self.chance(0.35) else None
        if guarded:
            return f"[{guarded[0]}] * {guarded[1]}"
        form = self.pick(["[{}] * {}", "{1} * [{0}]", "({1} + [{0}])", "[{}] * {}"])
        return form.format(self.condition(), self.factor())

    def guarded(self) -> tuple[str, str] | None:
        """A condition on an index, and a read of a neighbour that it keeps inside the bounds."""
        if not self.scope:
            return None
        bound = self.pick(self.scope)
        i, extent = bound.name, bound.extent
        name = self.add_input((extent,))
        return self.pick(
            [
                (f"{i} >= 1", f"{name}[{i}-1]"),
                (f"{i} + 1 < {extent.text}", f"{name}[{i}+1]"),
                (f"2*{i} < {extent.text}", f"{name}[2*{i}]"),
            ]
        )

    def condition(self, depth: int = 0) -> str:
        """A condition on indices or on values."""
        kind = self.rng.random()
        if kind < 0.15 and depth < 2:
            connective = self.pick(["and", "or"])
            return f"({self.condition(depth + 1)}) {connective} ({self.condition(depth + 1)})"
        if kind < 0.2 and depth < 2:
            return f"not ({self.condition(depth + 1)})"
        if kind < 0.3:
            self.uses("condition on values")
            right = self.read() if self.chance(0.5) else "0.1"
            return f"{self.read()} {self.pick(['<', '<=', '>', '>='])} {right}"
        if kind < 0.34:
            self.uses("any or all")
            with self.bound(1) as bounds:
                inner = f"{self.read()} > {self.pick(['0', '-0.5'])}"
                left = self.binding(bounds[0])
            return f"{self.pick(['any', 'all'])}[{left}]({inner})"
        if not self.scope:
            return f"{self.read()} > 0.1"
        return self.index_condition()

    def index_condition(self) -> str:
        """Triangular, banded, on the diagonal, periodic, or equal to data."""
        first, second = self.pick(self.scope), self.pick(self.scope)
        i, j = first.name, second.name
        if first is second:
            if self.chance(0.25):
                self.uses("data-dependent bracket")
                return f"{i} == {self.add_input((), 'int64')}"
            return self.pick([f"{i} >= 1", f"{i} == 1", f"{i} % 2 == 0", f"0 <= {i} - 1 < 2", f"{i} != 0"])
        if self.chance(0.15):
            self.uses("data-dependent bracket")
            return f"{i} == {self.add_input((second.extent,), 'int64')}[{j}]"
        return self.pick(
            [
                f"{i} <= {j}",
                f"{i} < {j}",
                f"{i} == {j}",
                f"{i} == {j}",
                f"{i} != {j}",
                f"{i} - {j} == 1",
                f"0 <= {i} - {j} < 2",
                f"({i} + {j}) % 2 == 0",
                f"{i} // 2 == {j}",
                f"{i} == 2*{j}",
                f"{i} + {j} < {first.extent.text}",
                f"2*{i} - 3*{j} <= 1",
            ]
        )

    def selected(self) -> str:
        """A select, perhaps with a read that only the condition keeps inside the bounds."""
        self.uses("select")
        guarded = self.guarded() if self.chance(0.3) else None
        if guarded:
            return f"select({guarded[0]}, {guarded[1]}, {self.real()})"
        return f"select({self.condition()}, {self.real()}, {self.real()})"

    def dangerous(self) -> str:
        """A select whose other branch is no number where it is not taken."""
        self.uses("dangerous select")
        x, other = self.read(), self.factor()
        form = self.pick(
            [
                "select({x} > 0, sqrt({x}), {other})",
                "select({x} > 0, log({x}) * {other}, 0)",
                "select({x} == 0, {other}, {other}*sin({x})/{base})",
                "select({x} != 0, 1/{base}, {other})",
                "[{x} > 0] * log({x}) * {other}",
                "[{x} > 0.1] * {base}**(-0.5) * {other}",
                "select({x} <= 0, {other}, rsqrt({x}))",
            ]
        )
        return form.format(x=x, base=_factor(x), other=other)

    def stopped(self) -> str:
        """A value that is not differentiated."""
        self.uses("stop")
        return f"stop({self.real()})"


APPLIED = tuple(
    name
    for name, function in SCALARS.items()
    if function.result != "bool" and name not in ("add", "mul", "sub", "neg", "div", "stop", "pi")
)
"""The scalar functions that are written as calls."""

GROWING = ("exp", "expm1", "sinh", "cosh")
"""Those that soon give numbers without meaning."""


def _declaration(given: Tensor) -> str:
    extents = " ".join(extent.text for extent in given.shape) or "()"
    return f"{given.name}: {extents}" + ("" if given.dtype == "float64" else f" {given.dtype}")


def _sum(parts: Sequence[tuple[int, Extent]], shift: int) -> Extent:
    """The extent ``Σ coefficient·extent + shift``."""
    size = sum(coefficient * extent.size for coefficient, extent in parts) + shift
    if all(extent.constant for _, extent in parts):
        return Extent(str(size), size)
    text = "+".join(_times(coefficient, extent.text) for coefficient, extent in parts)
    return Extent(f"({text}+{shift})" if shift else f"({text})", size)


def _times(coefficient: int, text: str) -> str:
    return text if coefficient == 1 else f"{coefficient}*{text}"


def _closed(text: str) -> bool:
    """Whether a text is one call or one pair of parentheses."""
    depth = 0
    start = text.find("(")
    if text[:start] and not text[:start].isidentifier():
        return False
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0 and letter in ")]" and place < len(text) - 1:
            return False
    return True


def _factor(text: str) -> str:
    return text if text.isidentifier() or text.endswith("]") else f"({text})"


def _renamed(text: str, old: str, new: str) -> str:
    """A read with one index name replaced, inside its positions only."""
    result, word = "", ""
    inside = 0
    for letter in text + " ":
        if letter.isalnum() or letter == "_":
            word += letter
            continue
        result += new if word == old and inside else word
        word = ""
        inside += (letter == "[") - (letter == "]")
        result += letter
    return result.removesuffix(" ")
