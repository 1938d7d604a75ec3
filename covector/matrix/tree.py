"""The tree of matrix expressions: small, immutable, each node with the axes that its value has.

An axis is the index that runs along it, or None where its extent is 1. Axes are aligned from the right, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from covector.ir import Affine, Index, as_affine

Axes = tuple[Index | None, ...]

_PENALTY = {"expand_dims": 20, "diag": 6, "einsum": 8, "transpose": 14, "eye": 8, "reshape": 8, "sum_to_size": 6}
"""What is added to the length of a call, so that a form that reads better is preferred."""


class NoForm(Exception):
    """There is no matrix expression for this part."""


@dataclass(frozen=True, eq=False)
class Node:
    """A matrix expression."""

    axes: Axes

    @property
    def parts(self) -> tuple[Node, ...]:
        """The expressions directly below."""
        return ()

    @property
    def own_cost(self) -> int:
        """How much this node adds to the length."""
        return 1

    @cached_property
    def cost(self) -> int:
        """How long the expression reads."""
        return self.own_cost + sum(part.cost for part in self.parts)


@dataclass(frozen=True, eq=False)
class Name(Node):
    """A whole tensor."""

    name: str

    @property
    def own_cost(self) -> int:
        """The length of the name."""
        return len(self.name)


@dataclass(frozen=True, eq=False)
class Number(Node):
    """A number: exact, a float where it is none, or a constant such as ``pi``."""

    value: Fraction | float | bool | str


@dataclass(frozen=True, eq=False)
class Extent(Node):
    """The value of an extent."""

    form: Affine


@dataclass(frozen=True, eq=False)
class Transposed(Node):
    """``x.T``: the last two axes exchanged."""

    body: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """What is transposed."""
        return (self.body,)

    @property
    def own_cost(self) -> int:
        """The length of ``.T``."""
        return 2


@dataclass(frozen=True, eq=False)
class Matmul(Node):
    """``left @ right``."""

    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """The operands."""
        return (self.left, self.right)

    @property
    def own_cost(self) -> int:
        """The length of the operator; ``A.T @ x`` is preferred to ``x @ A``."""
        if len(self.left.axes) != 1:
            return 3
        return 6 if len(self.right.axes) > 1 else 3 + isinstance(self.left, Matmul)


@dataclass(frozen=True, eq=False)
class Product(Node):
    """``tops / bottoms``, element by element: numbers and other scalars first."""

    tops: tuple[Node, ...]
    bottoms: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The factors."""
        return (*self.tops, *self.bottoms)

    @property
    def own_cost(self) -> int:
        """The length of the operators."""
        return 3 * (len(self.tops) + len(self.bottoms) - 1)


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """Terms with their signs (1 or -1)."""

    terms: tuple[tuple[int, Node], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The terms."""
        return tuple(term for _, term in self.terms)

    @property
    def own_cost(self) -> int:
        """The length of the signs."""
        return 3 * (len(self.terms) - 1) + (self.terms[0][0] < 0)


@dataclass(frozen=True, eq=False)
class Power(Node):
    """``base ** exponent``."""

    base: Node
    exponent: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """Base and exponent."""
        return (self.base, self.exponent)

    @property
    def own_cost(self) -> int:
        """The length of the operator."""
        return 4


@dataclass(frozen=True, eq=False)
class Logic(Node):
    """A comparison, ``and``, ``or`` or ``not`` by its name in the table."""

    function: str
    operands: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The operands."""
        return self.operands

    @property
    def own_cost(self) -> int:
        """The length of the operators."""
        return 4


@dataclass(frozen=True, eq=False)
class Bracket(Node):
    """A condition as the number 0 or 1."""

    condition: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """The condition."""
        return (self.condition,)


@dataclass(frozen=True, eq=False)
class Call(Node):
    """A function of arrays; ``equation`` is the first argument of an einsum.

    The values of ``keywords`` are integers, tuples of them, bools, or extents.
    """

    function: str
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, object], ...] = ()
    equation: str = ""

    @property
    def parts(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments

    @property
    def own_cost(self) -> int:
        """The length of the name, the keywords, and what counts against the function."""
        keywords = sum(4 + len(name) + len(str(value)) for name, value in self.keywords)
        penalty = 0 if self.function == "diag" and len(self.axes) == 1 else _PENALTY.get(self.function, 0)
        penalty += 8 * (self.function == "ones" and None in self.axes)
        return len(self.function) + len(self.equation) + keywords + 2 + penalty


def restrict(axes: Axes, kept: Iterable[Index]) -> Axes:
    """The axes of an operand with fewer indices that broadcasts to these: 1 in the gaps, none in front."""
    wanted = frozenset(kept)
    found = [index if index in wanted else None for index in axes]
    while found and found[0] is None:
        found.pop(0)
    if len(wanted) > sum(index is not None for index in found):
        raise NoForm
    return tuple(found)


def broadcast(shapes: Sequence[Axes]) -> Axes:
    """The axes of an elementwise result; raises `NoForm` where two indices meet."""
    result: list[Index | None] = [None] * max((len(axes) for axes in shapes), default=0)
    for axes in shapes:
        for place in range(-len(axes), 0):
            if axes[place] is not None and result[place] not in (None, axes[place]):
                raise NoForm
            result[place] = result[place] or axes[place]
    return tuple(result)


def arrange(node: Node, axes: Axes) -> Node:
    """A node with the wanted axes: transposed where its own stand in another order, expanded where there are gaps."""
    order = tuple(index for index in axes if index is not None)
    if node.axes == axes:
        return node
    if node.axes != order:
        node = permuted(node, order)
    if order == axes:
        return node
    gaps = tuple(place for place, index in enumerate(axes) if index is None)
    return Call(axes, "expand_dims", (node,), (("axis", gaps[0] if len(gaps) == 1 else gaps),))


def permuted(node: Node, order: Axes) -> Node:
    """A node with its axes in another order."""
    own = node.axes
    if len(own) != len(order) or set(own) != set(order):
        raise NoForm
    if len(own) > 1 and (*own[:-2], own[-1], own[-2]) == order:
        return node.body if isinstance(node, Transposed) else Transposed(order, node)
    places = tuple(own.index(index) for index in order)
    return Call(order, "transpose", (node,), (("axes", places),))


def sizes(axes: Axes) -> tuple[Node, ...]:
    """The extents of axes, as arguments of a function."""
    return tuple(Extent((), as_affine(1) if index is None else index.extent) for index in axes)


def flipped(inner: Node, axes: Axes) -> Node:
    """``(a * b).T`` for ``a.T * b.T``; raises `NoForm` where transposes would be left inside, which reads no better."""
    if inner.axes != axes[::-1] or len(axes) != 2 or None in axes or turns(inner):
        raise NoForm
    return Transposed(axes, inner)


def turns(node: Node) -> int:
    """How many transposes and new axes an expression has."""
    own = isinstance(node, Transposed) or (isinstance(node, Call) and node.function == "expand_dims")
    return own + sum(turns(part) for part in node.parts)
