"""The `Jacobian` that people hold: a form and its stored factors, with everything that can be computed from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

from covector.calculus.build import equal
from covector.errors import BudgetError, DtypeError, ShapeError
from covector.ir import Expr, Input, Read, as_affine
from covector.jacobians import picture, products, solve, sparse
from covector.jacobians.dense import dense
from covector.jacobians.form import Extents, Form, Recipe, recipe, with_numbers
from covector.jacobians.operator import Operator
from covector.jacobians.plan import BUDGET, Plan, bytes_text, check_dense, plan_of
from covector.jacobians.run import Runner, contiguous, run, runner
from covector.jacobians.show import element_text, latex_text
from covector.jacobians.slices import Selection
from covector.jacobians.structure import Structure, structure
from covector.jacobians.terms import Groups, Term, groups_of
from covector.run.reference import Array

Shape = tuple[int, ...]
Shown = tuple[Groups, Expr]
"""The element form as it is shown, in terms of the program that it comes from."""


@dataclass(frozen=True)
class Prepared:
    """A recipe for arrays of known sizes: the form with numbers in it, the plan, and how the factors come about.

    ``given`` are factors that are inputs, with the input's name; ``computed`` those that the runner computes, in order.
    """

    form: Form
    plan: Plan
    runner: Runner
    extents: Mapping[str, int]
    given: tuple[tuple[str, str], ...]
    computed: tuple[str, ...]

    def factors(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The factors for the arrays of the program."""
        factors = {own: arrays[name] for own, name in self.given}
        if self.computed:
            factors.update(zip(self.computed, self.runner.run(arrays, self.extents), strict=True))
        return factors


@lru_cache(maxsize=1024)
def prepared(found: Recipe, extents: Extents, budget: int) -> Prepared:
    """What every call of a recipe at arrays of these sizes needs."""
    sizes = dict(extents)
    own = dict(zip(found.factors, (tensor.name for tensor in found.form.tensors), strict=True))
    return Prepared(
        form=with_numbers(found.form, extents),
        plan=plan_of(found, sizes, budget),
        runner=runner(found.program, sizes),
        extents=sizes,
        given=tuple((name, tensor.name) for tensor, name in own.items() if isinstance(tensor, Input)),
        computed=tuple(own[output] for output in found.program.outputs),
    )


class Jacobian:
    """``∂y/∂x``: a generalised matrix whose rows have the shape of y and whose columns have that of x.

    It is held as an element form, a sum of products of deltas and of stored factors, each no larger than what it says.

    >>> import covector as cv
    >>> J = cv.jacobian("y[i] = x[i]**2")(np.array([1.0, 2.0, 3.0]))
    >>> J.structure.kind, J.nbytes, J @ np.ones(3)
    ('diagonal', 24, array([2., 4., 6.]))
    """

    __array_ufunc__ = None  # so that ``array @ J`` and ``array * J`` come here

    def __init__(
        self,
        form: Form,
        arrays: Mapping[str, Array],
        plan: Plan,
        operator: Operator | None = None,
        shown: Shown | None = None,
    ) -> None:
        self.form, self.arrays, self.plan, self._operator = form, dict(arrays), plan, operator
        self._shown = shown
        self.output_shape, self.input_shape = form.shapes

    @classmethod
    def of(cls, found: Recipe, arrays: Mapping[str, Array], extents: Extents = (), budget: int = BUDGET) -> Jacobian:
        """The Jacobian that a recipe makes of arrays; raises `BudgetError` where its factors are over the budget."""
        ready = prepared(found, extents, budget)
        if ready.plan.choice == "chunked":
            needed = bytes_text(ready.plan.nbytes)
            message = f"the factors would take {needed}, more than the budget of {bytes_text(budget)}"
            raise BudgetError(message, hint="multiply with vectors one after the other: J1 @ (J2 @ v)")
        return cls(ready.form, ready.factors(arrays), ready.plan)

    # What it is

    @property
    def shape(self) -> Shape:
        """The output's extents, then the input's."""
        return (*self.output_shape, *self.input_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its elements."""
        return np.dtype(self.form.dtype)

    @cached_property
    def structure(self) -> Structure:
        """What it is: zero, identity, diagonal, Kronecker, low rank … read off its element form."""
        return structure(self.form)

    @property
    def nbytes(self) -> int:
        """The bytes of the stored factors."""
        return self.plan.nbytes

    @property
    def element(self) -> str:
        """The element form, in the notation; what was computed from other Jacobians reads their factors F0, F1 …"""
        return element_text(*(self._shown or (self.form.groups, self.form.expr)))

    def latex(self) -> str:
        """The element form with its cases, as LaTeX."""
        return latex_text(*(self._shown or (self.form.groups, self.form.expr)))

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def __repr__(self) -> str:
        sizes = ["×".join(map(str, shape)) or "()" for shape in (self.output_shape, self.input_shape)]
        return f"<Jacobian {sizes[0]} by {sizes[1]}, {self.structure}, {bytes_text(self.nbytes)}>"

    # Products

    def __matmul__(self, other: Any) -> Any:
        """``J @ v``, of the output's shape; further axes of v are carried along. Of two Jacobians, the chain rule."""
        if isinstance(other, Jacobian):
            return self._compose(other)
        vector = self._array(other)
        return self._apply(vector)

    def __rmatmul__(self, other: Any) -> Array:
        """``u @ J``, of the input's shape; further axes of u, before the output's, are carried along."""
        cotangent = self._array(other)
        leading = cotangent.ndim - len(self.output_shape)
        if leading < 0 or cotangent.shape[leading:] != self.output_shape:
            message = f"u has the shape {cotangent.shape}, but the output of this Jacobian has {self.output_shape}"
            raise ShapeError(f"u @ J: {message}", hint="u has the output's shape, with any axes before it")
        order = (*range(leading, cotangent.ndim), *range(leading))
        if self._operator is not None:
            return self._operator.backward(cotangent)
        found = self.T._apply(contiguous(cotangent.transpose(order)))
        axes = len(self.input_shape)
        return contiguous(found.transpose((*range(axes, axes + leading), *range(axes))))

    def _apply(self, vector: Array) -> Array:
        axes = len(self.input_shape)
        if vector.shape[:axes] != self.input_shape:
            message = f"v has the shape {vector.shape}, but the input of this Jacobian has {self.input_shape}"
            raise ShapeError(f"J @ v: {message}", hint="v has the input's shape, with any axes after it")
        if self._operator is not None:
            return self._operator.forward(vector)
        trailing = vector.shape[axes:]
        program = products.application(self.form, len(trailing))
        extra = {f"C{place}": size for place, size in enumerate(trailing)}
        return self._run(program, {products.VECTOR: vector}, extra)

    def _compose(self, other: Jacobian) -> Jacobian:
        if self.input_shape != other.output_shape:
            message = (
                f"J1 @ J2: the input of J1 has the shape {self.input_shape}, the output of J2 {other.output_shape}"
            )
            raise ShapeError(message, hint="the chain rule multiplies ∂z/∂y with ∂y/∂x")
        found = products.composed(self.form, other.form)
        return self._made(found, {**self._factors("F"), **other._factors("G")})

    @property
    def T(self) -> Jacobian:
        """The transposed: its rows have the shape of the input."""
        self._stored("J.T")
        return Jacobian(products.transposed(self.form), self.arrays, self.plan)

    # Arithmetic

    def __add__(self, other: Any) -> Jacobian:
        if not isinstance(other, Jacobian):
            return NotImplemented
        if self.shape != other.shape or self.output_shape != other.output_shape:
            raise ShapeError(f"J1 + J2: the shapes {self.shape} and {other.shape} differ")
        found = products.added(self.form, other.form)
        return self._made(found, {**self._factors("F"), **other._factors("G")})

    def __sub__(self, other: Any) -> Jacobian:
        return self + -other if isinstance(other, Jacobian) else NotImplemented

    def __neg__(self) -> Jacobian:
        terms = tuple(Term(-t.coefficient, t.brackets, t.factors, t.bound) for t in self.form.terms)
        form = Form(self.form.groups, terms, self.form.tensors, self.form.dtype)
        return Jacobian(form, self.arrays, self.plan, self._operator and self._operator.negated())

    def __mul__(self, scale: Any) -> Jacobian:
        factor = np.asarray(scale, dtype=self.dtype) if np.isscalar(scale) or np.ndim(scale) == 0 else None
        if factor is None:
            raise ShapeError(f"J * a scales by a number, not by an array of shape {np.shape(scale)}")
        self._stored("J * a")
        number = Input("s", (), self.form.dtype)
        terms = tuple(Term(t.coefficient, t.brackets, (*t.factors, Read(number, ())), t.bound) for t in self.form.terms)
        found = recipe(terms, self.form.groups, (*self.form.tensors, number), self.form.dtype, ())
        return self._made(found, {**self.arrays, "s": factor})

    __rmul__ = __mul__

    def shifted(self, shift: float) -> Jacobian:
        """``J + shift · identity``, as damping wants it; raises `ShapeError` where the two groups differ in shape."""
        self._square("J.shifted")
        return self + identity(self.input_shape, self.form.dtype) * shift

    # Parts

    def __getitem__(self, key: Any) -> Any:
        """Elements by output and input: ``J[p, q, :, :]`` is the row of one element of the output, an array of the
        input's shape; where axes of both groups are left, a Jacobian.
        """
        self._stored("J[…]")
        chosen = Selection.of(key, self.output_shape, self.input_shape)
        found = products.restricted(self.form, chosen.positions, chosen.groups)
        part = self._made(found, self._factors("F"))
        return part if chosen.groups.outputs and chosen.groups.inputs else part.dense()

    def diagonal(self) -> Array:
        """``J[i; i]``, of the input's shape."""
        self._square("J.diagonal")
        return self._run(products.diagonal(self.form), {}, {})

    def trace(self) -> float:
        """The sum of the diagonal."""
        return float(self.diagonal().sum())

    def dense(self, budget: int | None = None) -> Array:
        """The dense array, the output's axes before the input's; raises `BudgetError` where it is over the budget."""
        limit = self.plan.budget if budget is None else budget
        instead = "J @ v, u @ J, J.diagonal(), J.sparse() and J[row] work without it"
        check_dense(self.shape, prod(self.shape) * self.dtype.itemsize, limit, instead)
        if self._operator is not None:
            return np.concatenate(list(self.rows()))
        return dense(self.form, self.arrays, self.computed)

    def rows(self, count: int | None = None) -> Iterator[Array]:
        """The dense array, ``count`` entries of the first output axis at a time (as many as an eighth of the budget
        holds).
        """
        if not self.output_shape:
            yield self.dense()
            return
        one = prod(self.shape[1:]) * self.dtype.itemsize
        step = count or max(1, self.plan.budget // 8 // max(one, 1))
        for start in range(0, self.output_shape[0], step):
            stop = min(start + step, self.output_shape[0])
            yield self._operator.rows(start, stop) if self._operator else self[start:stop].dense()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.dense().astype(dtype or self.dtype, copy=False)

    def sparse(self) -> Any:
        """A ``scipy.sparse.coo_array`` of the elements that may be other than zero, each group as one axis."""
        self._stored("J.sparse()")
        return sparse.coo(self)

    def svg(self) -> str:
        """A picture of where it is not zero, as SVG."""
        return picture.svg(self)

    def plot(self, axes: Any = None) -> Any:
        """The picture with matplotlib, on given axes or new ones."""
        return picture.plot(self, axes)

    # Solving

    def solve(self, right: Any) -> Array:
        """``x`` with ``J @ x = right``, by the structure: element by element, one Kronecker factor after the other,
        block by block, or with what has low rank by the formula of Woodbury.

        Raises `SingularError` where there is no one such x, `BudgetError` where only a dense array over the budget
        would do, and `ShapeError` where the groups differ in size.

        >>> import covector as cv
        >>> H = cv.hessian("y = sum[i](x[i]**4)")(np.array([1.0, 2.0]))
        >>> H.solve(np.array([12.0, 48.0]))
        array([1., 1.])
        """
        self._stored("J.solve")
        array = self._array(right)
        axes = len(self.output_shape)
        if array.shape[:axes] != self.output_shape:
            message = f"the right side has the shape {array.shape}, but the output has {self.output_shape}"
            raise ShapeError(f"J.solve: {message}")
        return solve.solve(self, array)

    def logdet(self) -> float:
        """``log |det J|``, -inf where J is singular."""
        self._stored("J.logdet")
        return solve.logdet(self)

    def is_positive_definite(self) -> bool:
        """Whether it was found, by its structure, to be positive definite, of one that is symmetric."""
        self._stored("J.is_positive_definite")
        self._square("J.is_positive_definite")
        return solve.is_positive_definite(self)

    # What the rest is made of

    def over(self, groups: Groups, terms: tuple[Term, ...]) -> Jacobian:
        """The Jacobian that other terms over the same stored factors make."""
        form = Form(groups, terms, self.form.tensors, self.form.dtype)
        return Jacobian(form, self.arrays, self.plan)

    def computed(self, program: Any) -> Array:
        """The value of a program that reads the stored factors."""
        return self._run(program, {}, {})

    def _run(self, program: Any, more: Mapping[str, Array], extents: Mapping[str, int]) -> Array:
        self._stored("this")
        return run(program, {**self.arrays, **more}, extents)[0]

    def _made(self, found: Recipe, arrays: Mapping[str, Array]) -> Jacobian:
        return Jacobian.of(found, arrays, (), self.plan.budget)

    def _factors(self, prefix: str) -> dict[str, Array]:
        """The stored factors by number, called by a letter."""
        self._stored("a product of Jacobians")
        return {f"{prefix}{n}": self.arrays[tensor.name] for n, tensor in enumerate(self.form.tensors)}

    def _stored(self, what: str) -> None:
        """Raise where the factors were not computed because they are over the budget."""
        if self._operator is not None:
            message = f"{what} needs the factors of this Jacobian, which would take {bytes_text(self.plan.nbytes)}"
            raise BudgetError(message, hint="J @ v, u @ J and J.rows() work; or give a larger budget=")

    def _square(self, what: str) -> None:
        if self.output_shape != self.input_shape:
            message = (
                f"{what} wants an output of the input's shape: they are {self.output_shape} and {self.input_shape}"
            )
            raise ShapeError(message)

    def _array(self, value: Any) -> Array:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ShapeError(f"a Jacobian is multiplied with an array: {error}") from None
        if array.dtype.kind not in "fiub":
            raise DtypeError(f"a Jacobian of {self.dtype} is multiplied with numbers, not with {array.dtype}")
        return contiguous(array.astype(self.dtype, copy=False))


def identity(shape: Shape, dtype: str = "float64") -> Jacobian:
    """The identity on arrays of a shape.

    >>> identity((2, 3)).structure.kind
    'identity'
    """
    extents = tuple(map(as_affine, shape))
    groups = groups_of(extents, extents)
    ties = tuple(equal(p, i) for p, i in zip(groups.outputs, groups.inputs, strict=True))
    found = recipe((Term(Fraction(1), ties, ()),), groups, (), dtype, ())
    return Jacobian.of(found, {})
