"""Products of two tensors: a contraction kernel, a call of a library, or loops where a product is small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from covector.codegen.contraction import ContractionKernel, ContractionSpec, choose, contraction_kernel, specify
from covector.codegen.layout import steps_of
from covector.codegen.module import Module
from covector.ir import Affine, Apply, Expr, Index, Literal, as_affine
from covector.ops import SCALARS
from covector.schedule.plan import Accumulate, Assign, Loop, Plan, Product, Step

ZERO = Literal(Fraction(0))

SMALL = 4096
"""Multiplications below which a product is loops: a kernel would not be called long enough to be worth its code."""


def product_loops(product: Product) -> tuple[Step, ...]:
    """A product as loops, the columns innermost."""
    factors: tuple[Expr, ...] = (product.left, product.right)
    if product.scale is not None:
        factors = (product.scale, *factors)
    term = Accumulate(product.target, product.positions, "sum", Apply(SCALARS["mul"], factors))
    start = Assign(product.target, product.positions, ZERO)
    own = (*product.batch, *product.rows)
    inner = nested((*own, *product.inner, *product.columns), term)
    return (inner,) if product.accumulate else (nested((*own, *product.columns), start), inner)


def nested(indices: tuple[Index, ...], step: Step) -> Step:
    """A step inside loops."""
    for index in reversed(indices):
        step = Loop(index, (step,))
    return step


def followed(steps: Sequence[Step]) -> Iterator[tuple[Product, Loop]]:
    """The products that a loop comes behind, with that loop."""
    for step, following in pairwise(steps):
        if isinstance(step, Product) and isinstance(following, Loop) and following.columns is not None:
            yield step, following


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """A product as a call of the library: matrices, one after another where there are outer groups."""

    spec: ContractionSpec
    left_transposed: bool
    right_transposed: bool
    left_step: Affine
    right_step: Affine


Method = ContractionKernel | LibraryCall


@dataclass(frozen=True, slots=True)
class Leave:
    """What products of matrices may be left to: a ``library`` (None: nothing), ``always`` or where it is faster."""

    library: str | None = None
    always: bool = False


class Methods:
    """How each product of a plan is computed; equal products share one kernel."""

    def __init__(self, module: Module, plan: Plan, leave: Leave) -> None:
        self.module, self.plan, self.leave = module, plan, leave
        self._kernels: dict[tuple[ContractionSpec, bool], ContractionKernel] = {}
        self._chosen: dict[int, Method | None] = {}
        behind = {id(product) for kernel in plan.kernels for product, _ in followed(kernel.steps)}
        for step in (step for kernel in plan.kernels for step in steps_of(kernel.steps)):
            if isinstance(step, Product):
                self._chosen[id(step)] = self._choose(step, id(step) in behind)

    def _choose(self, product: Product, is_followed: bool) -> Method | None:
        tensors = (product.left.tensor, product.right.tensor, product.target)
        spec = specify(product, {tensor: self.plan.storage[tensor].axes for tensor in tensors})
        if spec is None or (spec.work.is_constant and spec.work.constant < SMALL):
            return None
        leave = self.leave
        if leave.library and (leave.always or choose(spec, leave.library, self.module.target) == "blas"):
            call = library_call(spec)
            if call is not None:
                return call
        key = spec, is_followed and spec.columns.indices == product.columns
        if key not in self._kernels:
            self._kernels[key] = contraction_kernel(self.module, spec, by_columns=key[1])
        return self._kernels[key]

    def goes_along(self, product: Product, step: Step) -> bool:
        """Whether a step behind a product is done by each thread on the columns that it has made."""
        method = self.of(product)
        if not isinstance(step, Loop) or step.columns is None or not isinstance(method, ContractionKernel):
            return False
        return method.columns > 0 and method.spec.columns.indices == product.columns

    def of(self, product: Product) -> Method | None:
        """The method for a product; None for loops."""
        return self._chosen[id(product)]

    @property
    def calls_library(self) -> bool:
        """Whether a product is left to the library."""
        return any(isinstance(method, LibraryCall) for method in self._chosen.values())

    @property
    def scratch(self) -> int:
        """The bytes that each thread needs for the kernels."""
        return max((kernel.scratch for kernel in self._kernels.values()), default=0)


def library_call(spec: ContractionSpec) -> LibraryCall | None:
    """A product as calls of the library, or None where it is more than matrices with one contiguous axis each."""
    one = as_affine(1)
    if len(spec.inner) != 1 or spec.left_bounds or spec.right_bounds or spec.columns.target is not one:
        return None
    rows, columns, inner = spec.rows, spec.columns, spec.inner[0]
    left = _step(rows.left, inner.left)
    right = _step(inner.right, columns.right)
    if left is None or right is None:
        return None
    return LibraryCall(spec, left[0], right[0], left[1], right[1])


def _step(slow: Affine, fast: Affine) -> tuple[bool, Affine] | None:
    """Whether a matrix is stored transposed, and the elements from one of its rows to the next."""
    one = as_affine(1)
    if fast is one:
        return False, slow
    return (True, fast) if slow is one else None
