"""The `Hessian` by several arguments: a tree of trees of `Jacobian` blocks, and one matrix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import inf, prod
from typing import Any

import numpy as np

from covector.errors import DtypeError, ShapeError, TransformError
from covector.jacobians.blocks import SingularError
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.names import Name, mapped, names_in
from covector.jacobians.plan import BUDGET, bytes_text, check_dense
from covector.jacobians.system import INSTEAD, Symmetric
from covector.run.reference import Array
from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor


class Hessian:
    """``H[a][b] = ∂²f/∂a∂b`` by a tree of arguments; what vectors are for a matrix, trees of arrays are here.

    >>> import covector as cv
    >>> H = cv.hessian("f = sum[i](x[i]**2 * y[i]**2) + sum[i](x[i]**4)", wrt=("x", "y"))(np.ones(2), np.ones(2))
    >>> str(H[0][1].structure), H @ (np.ones(2), np.zeros(2))
    ('diagonal', (array([14., 14.]), array([4., 4.])))
    >>> [x.round(6) for x in H.solve((np.array([14.0, 28.0]), np.array([4.0, 8.0])))]
    [array([1., 2.]), array([0., 0.])]
    """

    __array_ufunc__ = None  # so that ``array @ H`` is an error of its own

    def __init__(self, rows: Any, by: Any, budget: int = BUDGET) -> None:
        self.rows, self.by, self.budget = rows, by, budget
        self.names = list(names_in(by))
        trees = _leaves(by, rows)
        self.blocks = [_leaves(by, row) for row in trees]

    # A tree of its rows

    def __getitem__(self, key: Any) -> Any:
        return self.rows[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> Any:
        """The ways of a dictionary or of a named tuple, where the arguments are one."""
        if name.startswith("_") or name == "rows":
            raise AttributeError(name)
        return getattr(self.rows, name)

    def __repr__(self) -> str:
        return f"<Hessian by {', '.join(self.names)}: {self.size}×{self.size}, {bytes_text(self.nbytes)}>"

    # A matrix

    @property
    def size(self) -> int:
        """The number of its rows, and of its columns."""
        return sum(prod(row[place].input_shape) for place, row in enumerate(self.blocks))

    @property
    def nbytes(self) -> int:
        """The bytes of the stored factors of all blocks."""
        return sum(block.nbytes for row in self.blocks for block in row)

    @cached_property
    def _symmetric(self) -> Symmetric:
        upper = {(n, m): b for n, row in enumerate(self.blocks) for m, b in enumerate(row) if n <= m}
        return Symmetric(upper, self.budget)

    def __matmul__(self, vector: Any) -> Any:
        """``H @ v`` of a tree of arrays, as such a tree."""
        parts = self._parts("H @ v", vector)
        found = []
        for row in self.blocks:
            products = [block @ part for block, part in zip(row, parts, strict=True)]
            found.append(sum(products[1:], start=products[0]))
        return self._arranged(found, vector)

    def solve(self, right: Any) -> Any:
        """``x`` with ``H @ x = right``, all arguments together: those that are not coupled by themselves, and of those
        that are, as many as possible by the structure of their own blocks, the rest by a dense Schur complement.

        Raises `SingularError` where there is no one such x, and `BudgetError`, with the figure, where the dense
        matrices that it takes are over the budget.
        """
        found = self._symmetric.solved(self._parts("H.solve", right)).values
        return self._arranged(list(found.values()), right)

    def logdet(self) -> float:
        """``log |det H|``, -inf where H is singular."""
        try:
            return self._symmetric.factors().logdet()
        except SingularError:
            return -inf

    def is_positive_definite(self) -> bool:
        """Whether it was found, by its structure, to be positive definite."""
        try:
            return self._symmetric.factors().is_positive_definite()
        except SingularError:
            return False

    def shifted(self, shift: float) -> Hessian:
        """``H + shift · identity``, as damping wants it."""
        diagonal = iter([row[place].shifted(shift) for place, row in enumerate(self.blocks)])
        blocks = iter([[next(diagonal) if n == m else b for m, b in enumerate(r)] for n, r in enumerate(self.blocks)])
        rows = mapped(self.by, lambda _: _tree(self.by, next(blocks)))
        return Hessian(rows, self.by, self.budget)

    def diagonal(self) -> Any:
        """The diagonal, as a tree of arrays."""
        return _tree(self.by, [row[place].diagonal() for place, row in enumerate(self.blocks)])

    def dense(self, budget: int | None = None) -> Array:
        """The dense matrix, over all elements of all arguments in order; raises `BudgetError` over the budget."""
        limit = self.budget if budget is None else budget
        check_dense((self.size, self.size), self.size**2 * self.blocks[0][0].dtype.itemsize, limit, INSTEAD)
        sizes = [prod(row[place].input_shape) for place, row in enumerate(self.blocks)]
        rows = [
            [block.dense(limit).reshape(height, width) for block, width in zip(row, sizes, strict=True)]
            for row, height in zip(self.blocks, sizes, strict=True)
        ]
        return np.block(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.dense().astype(dtype or self.blocks[0][0].dtype, copy=False)

    def _parts(self, what: str, tree: Any) -> list[Array]:
        """The arrays of a tree beside the arguments; raises `TransformError` and `ShapeError` where they do not fit."""
        parts = []
        for name, leaf, row in zip(self.names, _leaves(self.by, tree, what), self.blocks, strict=True):
            array, wanted = np.asarray(leaf), row[0].output_shape
            if array.dtype.kind not in "fiub":
                raise DtypeError(f"{what}: {name} is given {array.dtype}, where numbers are wanted")
            if array.shape[: len(wanted)] != wanted:
                raise ShapeError(f"{what}: the array for {name} has the shape {array.shape}, but {name} has {wanted}")
            parts.append(array.astype(row[0].dtype, copy=False))
        trailing = {p.shape[len(row[0].output_shape) :] for p, row in zip(parts, self.blocks, strict=True)}
        if len(trailing) > 1:
            raise ShapeError(f"{what}: the arrays have different axes after those of their arguments: {trailing}")
        return parts

    def _arranged(self, found: list[Array], given: Any) -> Any:
        """Arrays as a tree, of tensors where those that were given are tensors."""
        leaves = _leaves(self.by, given)
        made = [asarray(own) if isinstance(leaf, Tensor) else own for own, leaf in zip(found, leaves, strict=True)]
        return _tree(self.by, made)


def _tree(by: Any, leaves: list[Any]) -> Any:
    """A tree with leaves in place of its names."""
    each = iter(leaves)
    return mapped(by, lambda _: next(each))


def _leaves(by: Any, tree: Any, what: str = "Hessian") -> list[Any]:
    """What a tree has where another has names, in order; raises `TransformError` where it is another tree."""
    if isinstance(by, Name):
        return [tree]
    if isinstance(by, dict):
        if not isinstance(tree, dict) or tree.keys() != by.keys():
            keys = f"with the keys {', '.join(map(str, tree))}" if isinstance(tree, dict) else ""
            raise TransformError(f"{what}: a dict with the keys {', '.join(map(str, by))} is wanted, not "
                                 f"{type(tree).__name__} {keys}".rstrip(), hint=_SAME)  # fmt: skip
        return [leaf for key, part in by.items() for leaf in _leaves(part, tree[key], what)]
    if isinstance(by, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(by):
            size = f" of {len(tree)}" if isinstance(tree, (list, tuple, dict)) else ""
            message = f"{what}: a tuple of {len(by)} is wanted, not {type(tree).__name__}{size}"
            raise TransformError(message, hint=_SAME)
        return [leaf for part, own in zip(by, tree, strict=True) for leaf in _leaves(part, own, what)]
    return []


_SAME = "vectors have the tree of the arguments that the Hessian is by: cv.grad(f)(x) has it"


def hessian_of(rows: Any, by: Any, budget: int) -> Jacobian | Hessian:
    """A tree of trees of blocks as what people hold: the only block, or a `Hessian` of all."""
    return rows if isinstance(by, Name) else Hessian(rows, by, budget)
