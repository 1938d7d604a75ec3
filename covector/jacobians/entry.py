"""``jacobian``, ``hessian`` and ``hvp``: from a program or a function of arrays to what gives these at arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from covector.calculus.build import ZERO
from covector.calculus.reverse import gradients
from covector.errors import CovectorError, DtypeError, ShapeError
from covector.ir import Compute, Input, Opaque, Program, Tensor, is_float
from covector.jacobians.accumulate import entries
from covector.jacobians.factorise import Sizes, Stored, factorised
from covector.jacobians.form import Extents, Recipe, recipe
from covector.jacobians.forward import Forward, Shapes, Source, unknown
from covector.jacobians.hessian import hessian_of
from covector.jacobians.jacobian import Jacobian, Shown, prepared
from covector.jacobians.names import Given, Name, mapped, names_in
from covector.jacobians.operator import Operator, tangent_program
from covector.jacobians.plan import BUDGET
from covector.jacobians.repeat import Derivative, Result
from covector.jacobians.run import run
from covector.jacobians.terms import Groups, Term, groups_of, joined
from covector.run.extents import evaluate_extent
from covector.run.reference import Array

Argnums = int | Sequence[int]
Names = str | Sequence[str]


def jacobian(
    forward: Forward,
    argnums: Argnums = 0,
    *,
    wrt: Names | None = None,
    shapes: Shapes | None = None,
    budget: int = BUDGET,
) -> Callable[..., Any]:
    """What gives the `Jacobian` of a forward at arrays.

    ``forward`` is a program in element form or matrix form, or a Python function of arrays. ``argnums`` says by which
    arguments, ``wrt`` by which names; of several, and of a function with several outputs, a tuple is given (outputs
    outside). ``budget`` is how many bytes the stored factors, and a dense array, may take.

    Raises `DtypeError` for integer arguments, `UnknownNameError` for names and numbers that the forward does not have,
    and the errors of reading or tracing it.

    >>> import covector as cv
    >>> J = cv.jacobian(lambda x, w: x @ w, argnums=1)(np.ones((4, 2)), np.ones((2, 3)))
    >>> J.shape, str(J.structure)
    ((4, 3, 2, 3), 'dense 4×2 ⊗ identity 3×3')
    """
    source = Source(forward, shapes)

    def prepare(given: Given, extents: Extents) -> Result:
        program, by = given.program, wanted(given, argnums, wrt)

        def row(output: Compute | Opaque) -> Any:
            own = Program(program.inputs, program.statements, (output,))
            return mapped(by, lambda name: Block(own, _input(own, name), extents, budget))

        rows = [row(output) for output in program.outputs]
        return lambda arrays: given.arranged([mapped(row, lambda block: block.at(arrays), Block) for row in rows])

    return Derivative(source, prepare)


def hessian(
    forward: Forward,
    argnums: Argnums = 0,
    *,
    wrt: Names | None = None,
    shapes: Shapes | None = None,
    budget: int = BUDGET,
) -> Callable[..., Any]:
    """What gives the Hessian of a forward with one number as its output, as a `Jacobian` of the gradient.

    The arguments are those of `jacobian`; by several arguments, or a tree of them, it is a `Hessian` of blocks,
    ``H[a][b] = ∂²f/∂a∂b``, which multiplies and solves as one matrix. Raises `ShapeError` where the output is not one
    number.

    >>> import covector as cv
    >>> H = cv.hessian("f = sum[i,j]((T[i,j] - sum[k](U[i,k] * V[j,k]))**2)", wrt="U")
    >>> str(H(np.ones((4, 3)), np.ones((4, 2)), np.ones((3, 2))).structure)
    'identity 4×4 ⊗ dense 2×2'
    """
    source = Source(forward, shapes)

    def prepare(given: Given, extents: Extents) -> Result:
        by = wanted(given, argnums, wrt)

        def row(name: Name) -> Any:
            gradient = gradient_program(given.program, _input(given.program, name))
            return mapped(by, lambda other: Block(gradient, _input(gradient, other), extents, budget))

        rows = mapped(by, row)
        return lambda arrays: hessian_of(mapped(rows, lambda block: block.at(arrays), Block), by, budget)

    return Derivative(source, prepare)


def hvp(
    forward: Forward, argnums: int = 0, *, wrt: str | None = None, shapes: Shapes | None = None
) -> Callable[..., Array]:
    """What gives the Hessian times a vector, which is the last argument, by forward over reverse.

    >>> import covector as cv
    >>> cv.hvp("y = sum[i](x[i]**3)")(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    source = Source(forward, shapes)

    def at(*args: Any, **named: Any) -> Array:
        if not args:
            raise CovectorError("hvp wants the vector as its last argument", hint="cv.hvp(f)(x, v)")
        given, extents = source.at(args[:-1], named)
        program, arrays, chosen = given.program, given.arrays, wanted(given, argnums, wrt)
        if not isinstance(chosen, Name):
            raise CovectorError("hvp is by one array", hint="call it once for each, or join them: cv.hessian(f)(x) @ v")
        tensor = _input(program, chosen)
        vector = np.asarray(args[-1], dtype=tensor.dtype)
        if vector.shape != arrays[tensor.name].shape:
            message = f"the vector has the shape {vector.shape}, but {tensor.name} has {arrays[tensor.name].shape}"
            raise ShapeError(f"hvp: {message}")
        found = tangent_program(gradient_program(program, tensor), tensor)
        if found is None:
            return np.zeros_like(vector)
        return run(found[0], {**arrays, found[1]: vector}, dict(extents))[0]

    return at


def wanted(given: Given, argnums: Argnums, wrt: Names | None) -> Any:
    """The inputs to differentiate with respect to, as a tree of names: the argument's, or a tuple of several."""
    by: Any
    if wrt is not None:
        by = Name(wrt) if isinstance(wrt, str) else tuple(Name(name) for name in wrt)
    elif isinstance(argnums, int):
        by = _argument(given, argnums)
    else:
        by = tuple(_argument(given, number) for number in argnums)
    for name in names_in(by):
        tensor = _input(given.program, name)
        if not is_float(tensor.dtype):
            message = f"{name} has dtype {tensor.dtype}, and only floats have derivatives"
            raise DtypeError(message, hint=f"give floats: {name}.astype('float64')")
    return by


def _argument(given: Given, number: int) -> Any:
    """The tree of one argument; raises where there is none, or where it holds no arrays."""
    count = len(given.arguments)
    if not -count <= number < count:
        raise unknown(given.program, number)
    tree = given.arguments[number]
    if next(names_in(tree), None) is None:
        message = f"argument {number} is {type(tree).__name__} {tree!r}, and only arrays of floats have derivatives"
        raise DtypeError(message, hint="give a float or an array of floats")
    return tree


def _input(program: Program, name: str) -> Input:
    """An input of a program by name; raises `UnknownNameError`."""
    found = next((tensor for tensor in program.inputs if tensor.name == name), None)
    if found is None:
        raise unknown(program, name)
    return found


@lru_cache(maxsize=256)
def gradient_program(program: Program, wrt: Input) -> Program:
    """The program of a scalar's gradient, an array of zeros where nothing depends on the input."""
    if program.output.shape or len(program.outputs) > 1:
        sizes = "×".join(map(repr, program.output.shape))
        message = f"{program.output.name} has the shape {sizes}, and a Hessian is that of one number"
        raise ShapeError(message, hint="sum it, or take the Jacobian of its Jacobian")
    found = gradients(program, [wrt])
    return found.gradient_program([wrt]) if found.cotangents[wrt] is not None else _no_gradient(program, wrt)


def _no_gradient(program: Program, wrt: Input) -> Program:
    zero = Compute(f"d{wrt.name}", groups_of(wrt.shape, ()).outputs, ZERO, wrt.dtype)
    return Program(program.inputs, (*program.statements, zero), (zero,))


@lru_cache(maxsize=256)
def derived(program: Program, wrt: Tensor, extents: Extents) -> tuple[Groups, tuple[Term, ...]]:
    """The terms of the Jacobian of a program's output, over what the program computes."""
    stored = Stored(program.output.dtype, "c", set(program.tensors()))

    def shorter(terms: tuple[Term, ...], groups: Groups, name: str) -> tuple[Term, ...]:
        return factorised(terms, groups, Sizes(extents), stored)

    return entries(program, program.output, wrt, shorter)


class Block:
    """The Jacobian of a program's output by an input, prepared for arrays of known sizes."""

    __slots__ = ("extents", "program", "ready", "shape", "shown", "wrt")

    def __init__(self, program: Program, wrt: Input, extents: Extents, budget: int = BUDGET) -> None:
        found, self.shown, self.shape = _recipe(program, wrt, extents)
        self.program, self.wrt, self.extents = program, wrt, extents
        self.ready = prepared(found, extents, budget)

    def at(self, arrays: Mapping[str, Array]) -> Jacobian:
        """The Jacobian at arrays; where its factors are over the budget, one by products."""
        ready = self.ready
        if ready.plan.choice != "chunked":
            return Jacobian(ready.form, ready.factors(arrays), ready.plan, shown=self.shown)
        sizes = dict(self.extents)
        operator = Operator(self.program, self.wrt, arrays, sizes, arrays[self.wrt.name].shape, self.shape)
        return Jacobian(ready.form, {}, ready.plan, operator, self.shown)


def jacobian_of(
    program: Program, wrt: Input, arrays: Mapping[str, Array], extents: Extents, budget: int = BUDGET
) -> Jacobian:
    """The Jacobian of a program's output at arrays."""
    return Block(program, wrt, extents, budget).at(arrays)


@lru_cache(maxsize=256)
def _recipe(program: Program, wrt: Input, extents: Extents) -> tuple[Recipe, Shown, tuple[int, ...]]:
    """What is stored, how it is shown, and the shape of the output."""
    groups, terms = derived(program, wrt, extents)
    found = recipe(terms, groups, program.inputs, program.output.dtype, extents)
    shape = tuple(evaluate_extent(extent, dict(extents)) for extent in program.output.shape)
    return found, (groups, joined(terms)), shape
