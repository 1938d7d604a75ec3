"""Control flow on values: `cond`, `while_loop` and `scan`, with JAX's names and arguments.

Outside `jit` and `vmap` they are plain Python: the branch that holds is called, the loop runs as often as its condition
says, and derivatives of every order and direction go through what was done. Inside them, where there are no values to
look at, `cond` computes both branches and selects, and a `while_loop` needs to be told its largest number of steps. A
`scan` is unrolled in either case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.errors import JitError, ShapeError, TransformError
from covector.tensors.functions import where
from covector.tensors.node import STATE
from covector.tensors.shapes import concat, unsqueeze
from covector.tensors.tensor import Tensor, as_tensor
from covector.tensors.tree import flatten
from covector.transforms.capture import as_one
from covector.transforms.trees import Function, check_function, with_tensors

_TOGETHER = 16
"""Tensors that are joined at once."""


def cond(condition: Any, true_function: Function, false_function: Function, *operands: Any) -> Any:
    """What one of two functions gives for the operands, as a single truth value says.

    Under `jit` and `vmap` both are computed, and one is selected; the other has no influence, on derivatives neither.
    Raises `ShapeError` where the condition is not one value, and then also `TransformError` where the functions return
    different trees.

    >>> import covector as cv
    >>> cv.cond(cv.tensor(True), cv.sin, cv.cos, cv.tensor(0.0))
    tensor(0.)
    """
    check_function("cond", true_function)
    check_function("cond", false_function)
    _check_condition("cond", condition)
    if not isinstance(condition, Tensor) or STATE.trace is None:
        return (true_function if bool(condition) else false_function)(*operands)

    def both(condition: Tensor, operands: tuple[Any, ...]) -> Any:
        return selected("cond", condition, true_function(*operands), false_function(*operands))

    return as_one("cond", both, condition, operands)


def while_loop(
    condition_function: Function, body_function: Function, initial: Any, max_steps: int | None = None
) -> Any:
    """``value = initial; while condition(value): value = body(value)``, for a value that is a tree of tensors.

    Under `jit` and `vmap` ``max_steps`` says how many steps are made at most: they are unrolled, and what is not to be
    changed any more is kept. Raises `TransformError` where a step changes the tree, `ShapeError` where it changes a
    shape, and `JitError` under these without ``max_steps``.

    >>> import covector as cv
    >>> cv.while_loop(lambda x: x < 100, lambda x: x * 2, cv.tensor(3.0))
    tensor(192.)
    """
    check_function("while_loop", condition_function)
    check_function("while_loop", body_function)
    value = with_tensors(initial)
    if STATE.trace is None:
        steps = 0
        while (max_steps is None or steps < max_steps) and bool(_checked(condition_function(value))):
            value = like_before("while_loop", value, with_tensors(body_function(value)))
            steps += 1
        return value
    if max_steps is None:
        raise JitError(
            "while_loop under jit or vmap needs to know how many steps are made at most",
            hint="while_loop(…, max_steps=100), or a loop of Python where the number of steps is known",
        )
    going = as_tensor(_checked(condition_function(value)))

    def step(going: Tensor, value: Any) -> Any:
        changed = like_before("while_loop", value, with_tensors(body_function(value)))
        kept = selected("while_loop", going, changed, value)
        return going & _checked(condition_function(kept)), kept

    for _ in range(max_steps):
        going, value = as_one("while_loop", step, going, value)
    return value


def scan(
    function: Function,
    initial: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """The last carry, and the results of all steps stacked, of ``carry, result = function(carry, x)``.

    ``xs`` is a tree of tensors along whose first axis the steps go, or None for ``length`` steps; ``reverse`` starts at
    the end. The steps are unrolled, under `jit` too: every derivative goes through, and compiling takes time in
    proportion to their number. Raises `ShapeError` where lengths differ or a step changes a shape, and `TransformError`
    where it returns no pair or changes the tree.

    >>> import covector as cv
    >>> cv.scan(lambda total, x: (total + x, total * x), cv.tensor(0.0), cv.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    check_function("scan", function)
    xs = with_tensors(xs)
    tensors, _, rebuild = flatten(xs)
    count = _length(tensors, length)
    carry, results = with_tensors(initial), []
    steps = range(count)
    for step in reversed(steps) if reverse else steps:
        found = function(carry, rebuild([tensor[step] for tensor in tensors]))
        if not isinstance(found, tuple) or len(found) != 2:
            message = f"scan: the function returns a pair (carry, result), not {type(found).__name__}"
            raise TransformError(message, hint="return carry, None where there is no result")
        carry = like_before("scan", carry, with_tensors(found[0]))
        results.append(with_tensors(found[1]))
    if not results:
        return carry, None
    columns = zip(*(flatten(result)[0] for result in (results[::-1] if reverse else results)), strict=True)
    *_, arranged = flatten(results[0])
    return carry, arranged([_stacked(column) for column in columns])


def _length(tensors: Sequence[Tensor], length: int | None) -> int:
    """The number of steps; raises `ShapeError` where it is not one."""
    if any(not tensor.ndim for tensor in tensors):
        raise ShapeError("scan: xs holds a tensor without axes, and the steps go along the first one")
    found = {tensor.shape[0] for tensor in tensors} | ({length} if length is not None else set())
    if len(found) != 1:
        what = f"different numbers of steps, {sorted(found)}" if found else "neither xs nor length"
        raise ShapeError(f"scan: there are {what}", hint="the first axes of xs, and length, are the number of steps")
    return found.pop()


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    """Tensors along a new first axis, joined a few at a time."""
    joined = [unsqueeze(part, 0) for part in parts]
    while len(joined) > 1:
        joined = [concat(joined[at : at + _TOGETHER], 0) for at in range(0, len(joined), _TOGETHER)]
    whole: Tensor = joined[0]
    return whole


def _check_condition(name: str, condition: Any) -> None:
    size = condition.size if isinstance(condition, Tensor) else 1
    if size != 1:
        message = f"{name}: the condition is one value, not a tensor of shape {list(condition.shape)}"
        raise ShapeError(message, hint="where(condition, a, b) chooses element by element")


def _checked(condition: Any) -> Any:
    _check_condition("while_loop", condition)
    return condition


def like_before(name: str, before: Any, after: Any) -> Any:
    """The value after a step, which has the tree, shapes and dtypes of the one before."""
    old, structure, _ = flatten(before)
    new, other, rebuild = flatten(after)
    if structure != other:
        message = f"{name}: a step returns another tree than it is given"
        raise TransformError(message, hint="the carry keeps its structure from step to step")
    for one, two in zip(old, new, strict=True):
        if one.shape != two.shape or (two._node.kind.is_float and not one._node.kind.is_float):
            raise ShapeError(
                f"{name}: a step makes a tensor of shape {list(two.shape)} and dtype {two.dtype!s} of one of shape "
                f"{list(one.shape)} and dtype {one.dtype!s}",
                hint="the carry keeps its shapes and dtypes from step to step",
            )
    return rebuild([two.astype(one.dtype) for one, two in zip(old, new, strict=True)])


def selected(name: str, condition: Tensor, first: Any, second: Any) -> Any:
    """One of two trees of tensors of the same structure, as a truth value says."""
    one, structure, rebuild = flatten(with_tensors(first))
    two, other, _ = flatten(with_tensors(second))
    if structure != other or [tensor.shape for tensor in one] != [tensor.shape for tensor in two]:
        shapes = [[list(tensor.shape) for tensor in tensors] for tensors in (one, two)]
        raise TransformError(
            f"{name}: both ways return trees of the same structure, of tensors of the same shapes, not {shapes[0]} and "
            f"{shapes[1]}"
        )
    decided = condition.reshape(())
    return rebuild([where(decided, a, b) for a, b in zip(one, two, strict=True)])
