"""``jacobian``, ``hessian`` and ``hvp``: from a program or a function of arrays to what gives these at arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from covector import transforms as func
from covector.calculus.build import ZERO
from covector.calculus.reverse import gradients
from covector.errors import CovectorError, DtypeError, ShapeError
from covector.ir import Compute, Input, Opaque, Program, Tensor, is_float
from covector.jacobians.accumulate import entries
from covector.jacobians.factorise import Sizes, Stored, factorised
from covector.jacobians.form import Extents, Recipe, recipe
from covector.jacobians.forward import Forward, Shapes, Source, cast, unknown
from covector.jacobians.hessian import hessian_of
from covector.jacobians.jacobian import Jacobian, Shown, prepared
from covector.jacobians.names import Given, Name, mapped, names_in
from covector.jacobians.operator import Operator, tangents_program
from covector.jacobians.plan import BUDGET
from covector.jacobians.repeat import Derivative, Result
from covector.jacobians.run import run
from covector.jacobians.tensors import holds_tensors
from covector.jacobians.terms import Groups, Term, groups_of, joined
from covector.jacobians.views import without_views
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
            return mapped(by, lambda name: Block(own, input_named(own, name), extents, budget))

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
            gradient = gradient_program(given.program, input_named(given.program, name))
            return mapped(by, lambda other: Block(gradient, input_named(gradient, other), extents, budget))

        rows = mapped(by, row)
        return lambda arrays: hessian_of(mapped(rows, lambda block: block.at(arrays), Block), by, budget)

    return Derivative(source, prepare)


def hvp(
    forward: Forward, argnums: Argnums = 0, *, wrt: Names | None = None, shapes: Shapes | None = None
) -> Callable[..., Any]:
    """What gives the Hessian times a vector, which is the last argument, by forward over reverse.

    Of several arguments the vector is a tuple, and so is the result. A function that is called with tensors is
    transformed as `covector.func.hvp` does it: the result is of tensors, in trees like the arguments.

    >>> import covector as cv
    >>> cv.hvp("y = sum[i](x[i]**3)")(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    source = Source(forward, shapes)

    def at(*args: Any, **named: Any) -> Any:
        if not args:
            raise CovectorError("hvp wants the vector as its last argument", hint="cv.hvp(f)(x, v)")
        if wrt is None and not isinstance(forward, (str, Program)) and holds_tensors(args[:-1], named):
            return func.hvp(forward, argnums)(*args, **named)
        given, extents = source.at(args[:-1], named)
        program, arrays, chosen = given.program, given.arrays, wanted(given, argnums, wrt)
        by = tuple(input_named(program, name) for name in names_in(chosen))
        vectors = list(_vectors(chosen, args[-1]))
        found, seeds = tangents_program(gradients_program(program, by), by)
        directions = {}
        for tensor, seed, vector in zip(by, seeds, vectors, strict=True):
            directions[seed] = cast(seed, np.asarray(vector), tensor.dtype)
            if directions[seed].shape != arrays[tensor.name].shape:
                message = (
                    f"the vector has the shape {np.shape(vector)}, but {tensor.name} has {arrays[tensor.name].shape}"
                )
                raise ShapeError(f"hvp: {message}")
        results = dict(zip(names_in(chosen), run(found, {**arrays, **directions}, dict(extents)), strict=True))
        return mapped(chosen, results.__getitem__)

    return at


def _vectors(chosen: Any, vector: Any) -> Iterator[Any]:
    """The vectors that belong to a tree of names; raises `ShapeError` where there are others."""
    if isinstance(chosen, Name):
        yield vector
    elif isinstance(chosen, dict):
        missing = [key for key, part in chosen.items() if any(names_in(part)) and key not in vector]
        if missing:
            raise ShapeError(
                f"hvp: no vector was given for {', '.join(map(repr, missing))}", hint="a tree like the argument"
            )
        for key, part in chosen.items():
            yield from _vectors(part, vector.get(key))
    elif isinstance(chosen, (list, tuple)):
        if len(vector) != len(chosen):
            raise ShapeError(f"hvp: {len(vector)} vectors were given for {len(chosen)} arguments")
        for part, own in zip(chosen, vector, strict=True):
            yield from _vectors(part, own)


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
        tensor = input_named(given.program, name)
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


def input_named(program: Program, name: str) -> Input:
    """An input of a program by name; raises `UnknownNameError`."""
    found = next((tensor for tensor in program.inputs if tensor.name == name), None)
    if found is None:
        raise unknown(program, name)
    return found


def gradient_program(program: Program, wrt: Input) -> Program:
    """The program of a scalar's gradient, an array of zeros where nothing depends on the input."""
    return gradients_program(program, (wrt,))


@lru_cache(maxsize=256)
def gradients_program(program: Program, by: tuple[Input, ...]) -> Program:
    """The program of a scalar's gradient by several inputs; raises `ShapeError` where the output is not one number."""
    if program.output.shape or len(program.outputs) > 1:
        sizes = "×".join(map(repr, program.output.shape))
        message = f"{program.output.name} has the shape {sizes}, and a Hessian is that of one number"
        raise ShapeError(message, hint="sum it, or take the Jacobian of its Jacobian")
    found = gradients(program, by)
    zeros = {own: Compute(f"d{own.name}", groups_of(own.shape, ()).outputs, ZERO, own.dtype) for own in by}
    parts = tuple(found.cotangents[own] or zeros[own] for own in by)
    unread = tuple(part for part in parts if part in zeros.values())
    kept = (cotangent for cotangent in found.cotangents.values() if cotangent is not None)
    return without_views(Program(program.inputs, (*program.statements, *kept, *unread), parts))


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
