"""How much there is to compute: what steps cost, in the time of one addition in a full vector, about 6 picoseconds.

The costs of the functions were measured, on float32 in the cache with vectors of 512 bits; those of float64 are about
the same multiples of twice the time. An element that goes through memory costs a few additions where it is in the
cache, and more where it is not; but what does not fit there is worth several threads in any case.
"""

from __future__ import annotations

from collections.abc import Callable

from covector.ir import Affine, Apply, Expr, as_affine, walk
from covector.ir.affine import free
from covector.ir.element import Literal
from covector.ir.node import cached
from covector.schedule.plan import Product, Step
from covector.schedule.tree import Path, accesses, leaves, parts

COSTS: dict[str, int] = {
    "div": 4,
    "sqrt": 5,
    "rsqrt": 12,
    "exp": 10,
    "expm1": 18,
    "log": 18,
    "log1p": 30,
    "sin": 25,
    "cos": 25,
    "tan": 30,
    "asin": 40,
    "acos": 40,
    "atan": 20,
    "atan2": 50,
    "sinh": 45,
    "cosh": 18,
    "tanh": 24,
    "asinh": 95,
    "acosh": 125,
    "atanh": 50,
    "sigmoid": 18,
    "softplus": 90,
    "erf": 45,
    "erfc": 55,
    "pow": 180,
}
"""What each function costs; any other costs 1."""

ACCESS = 4
"""What it costs to read or write an element."""

WHOLE_POWER = 3
"""What a power costs whose exponent is a number: a few multiplications, or a root."""

COSTLY = frozenset(name for name, cost in COSTS.items() if cost >= COSTS["exp"] and name != "rsqrt")
"""The functions whose values are worth being kept rather than computed again."""

THREADED = 1 << 19
"""The cost from which on a loop is worth several threads: some 5 µs, of which two threads save half; to wake one takes
one or two, and the loop does not wait for one that comes late.
"""


def operations(steps: tuple[Step, ...]) -> Affine:
    """About how many scalar operations some steps are; a multiplication and an addition in a product are two."""
    return _total(steps, lambda path, step: sum(cached(part, "operations", _operations) for part in parts(step)) + 1)


def cost(steps: tuple[Step, ...]) -> Affine:
    """About how long some steps take in one thread, in additions in full vectors."""
    return _total(steps, _cost_of_step)


def _total(steps: tuple[Step, ...], each: Callable[[Path, Step], int]) -> Affine:
    total = as_affine(0)
    for path, step in leaves(steps):
        indices = [loop.index for loop in path]
        count = as_affine(2)
        if isinstance(step, Product):
            indices += (*step.batch, *step.rows, *step.columns, *step.inner)
        else:
            count = as_affine(each(path, step))
        for index in indices:
            count = count * index.extent
        total = total + count
    return total


def _cost_of_step(path: Path, step: Step) -> int:
    """What one iteration costs: what changes in the innermost loop is in memory, what does not is in a register."""
    touched = {*accesses(step)}
    moving = sum(any(path[-1].index in free(form) for form in places) for _, places in touched) if path else 0
    computed: int = sum(cached(part, "cost", _cost) for part in parts(step))
    return 1 + ACCESS * moving + computed


def _operations(part: Expr) -> int:
    return sum(isinstance(node, Apply) for node in walk(part))


def _cost(part: Expr) -> int:
    return sum(_cost_of(node) for node in walk(part) if isinstance(node, Apply))


def _cost_of(node: Apply) -> int:
    if node.function.name == "pow" and isinstance(node.arguments[1], Literal):
        return WHOLE_POWER
    return COSTS.get(node.function.name, 1)
