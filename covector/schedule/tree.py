"""Walking the steps of a kernel."""

from __future__ import annotations

from collections.abc import Iterator

from covector.ir import Affine, Expr, Read, Tensor, walk
from covector.ir.node import cached
from covector.schedule.plan import Loop, Product, Step

Path = tuple[Loop, ...]


def leaves(steps: tuple[Step, ...], around: Path = ()) -> Iterator[tuple[Path, Step]]:
    """Every step that is no loop, with the loops around it from the outside in."""
    for step in steps:
        if isinstance(step, Loop):
            yield from leaves(step.body, (*around, step))
        else:
            yield around, step


def parts(step: Step) -> tuple[Expr, ...]:
    """The expressions of a step that is no loop: what it reads, and its positions."""
    if isinstance(step, Product):
        return (step.left, step.right, *step.positions, *((step.scale,) if step.scale is not None else ()))
    return () if isinstance(step, Loop) else (step.value, *step.positions)


def accesses(step: Step) -> Iterator[tuple[Tensor, tuple[Affine, ...]]]:
    """Every tensor that a step that is no loop touches, with the positions."""
    if not isinstance(step, Loop):
        yield step.target, step.positions
        for part in parts(step):
            yield from cached(part, "accesses", _reads)


def _reads(part: Expr) -> tuple[tuple[Tensor, tuple[Affine, ...]], ...]:
    return tuple((node.tensor, node.positions) for node in walk(part) if isinstance(node, Read))
