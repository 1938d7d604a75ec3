"""A product of two tensors as its kernel sees it: groups of indices that are walked as one, with their strides.

`specify` reads a `Product` of the plan: it finds which operand runs along the vectors, merges indices that memory
holds one behind the other, and keeps the bounds that have to be looked at because nothing proves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from covector.ir import Affine, Index, Read, Symbol, Tensor, as_affine
from covector.ir.affine import atoms, replace_atoms
from covector.ir.bounds import within
from covector.ir.node import Node
from covector.schedule.plan import Product

ONE = as_affine(1)
ZERO = as_affine(0)


@dataclass(frozen=True, slots=True)
class Group:
    """Indices that are walked as one, the last one fastest, and how many elements a step is in each tensor."""

    indices: tuple[Index, ...]
    extent: Affine
    left: Affine = ZERO
    right: Affine = ZERO
    target: Affine = ZERO


@dataclass(frozen=True, slots=True)
class Bound:
    """``0 <= position < extent``, without which an operand reads zero."""

    position: Affine
    extent: Affine


@dataclass(frozen=True, slots=True)
class ContractionSpec:
    """``target[outer, rows, columns] (+)= scale · Σ_inner left[outer, rows, inner] · right[outer, columns, inner]``.

    Vectors run along ``columns``. Outer groups on which the left operand depends come first, inner groups without
    bounds last. ``left`` and ``right`` are the offsets of the first elements; ``swapped`` says that ``left`` is what
    the product calls right. ``parameters`` are the symbols and the indices of loops around it; their values are given.
    ``single`` are the indices of extent 1, which no group has. Where it is ``symmetric``, row i of column j is row j of
    column i.
    """

    dtype: str
    outer: tuple[Group, ...]
    rows: Group
    columns: Group
    inner: tuple[Group, ...]
    left: Affine
    right: Affine
    target: Affine
    left_bounds: tuple[Bound, ...]
    right_bounds: tuple[Bound, ...]
    left_axes: tuple[Bound, ...]
    right_axes: tuple[Bound, ...]
    swapped: bool
    accumulate: bool
    scaled: bool
    parameters: tuple[Node, ...]
    single: tuple[Index, ...]
    symmetric: bool = False

    @property
    def work(self) -> Affine:
        """The number of multiplications."""
        result = ONE
        for group in (*self.outer, self.rows, self.columns, *self.inner):
            result = result * group.extent
        return result


@dataclass(frozen=True, slots=True)
class _Access:
    """Where one tensor is read or written: the offset of an element as a form in the indices."""

    offset: Affine
    bounds: tuple[Bound, ...]
    axes: tuple[Bound, ...]

    def stride(self, index: Index) -> Affine:
        found = self.offset.coefficient(index)
        assert found is not None
        return found


def specify(product: Product, kept: Mapping[Tensor, Sequence[int]] | None = None) -> ContractionSpec | None:
    """The product as a kernel sees it, or None where there is no such kernel.

    ``kept`` are the axes that the storage of a tensor has, where those are not all. There is no kernel for integers,
    for mixed dtypes, and for positions that are not affine.
    """
    dtypes = {product.left.tensor.dtype, product.right.tensor.dtype, product.target.dtype}
    indices = (*product.batch, *product.rows, *product.columns, *product.inner)
    if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
        return None
    axes = kept or {}
    reads = (product.left, product.right, Read(product.target, product.positions))
    accesses = [_access(read, axes.get(read.tensor), indices) for read in reads]
    if not all(accesses):
        return None
    left, right, target = (access for access in accesses if access is not None)
    rows, columns = _long(product.rows), _long(product.columns)
    swapped = _unit(rows, target) is not None and _unit(columns, target) is None
    if swapped:
        rows, columns, left, right = columns, rows, right, left
    unit = _unit(columns, target)
    if unit is not None:
        columns = (*(index for index in columns if index is not unit), unit)
    bounded = _inside((*left.bounds, *right.bounds))

    def merged(chosen: Iterable[Index]) -> list[Group]:
        groups: list[Group] = []
        for index in chosen:
            group = Group((index,), index.extent, left.stride(index), right.stride(index), target.stride(index))
            longer = joined(groups[-1], group, bounded) if groups else None
            groups = [*groups[:-1], longer] if longer else [*groups, group]
        return groups

    row_groups, column_groups = merged(rows), merged(columns)
    transposes = bool(column_groups) and column_groups[-1].right is not ONE
    outer = [*merged(_long(product.batch)), *column_groups[:-1], *row_groups[:-1]]
    inner = merged(_long(product.inner)) or [Group((), ONE)]
    return ContractionSpec(
        dtypes.pop(),
        tuple(sorted(outer, key=lambda group: group.left is ZERO)),
        row_groups[-1] if row_groups else Group((), ONE),
        column_groups[-1] if column_groups else Group((), ONE, target=ONE),
        tuple(sorted(inner, key=lambda group: _walked(group, bounded, transposes))),
        _at_zero(left.offset, indices),
        _at_zero(right.offset, indices),
        _at_zero(target.offset, indices),
        left.bounds,
        right.bounds,
        left.axes,
        right.axes,
        swapped,
        product.accumulate,
        product.scale is not None,
        _parameters((left, right, target), indices),
        tuple(index for index in indices if index.extent is ONE),
        _is_symmetric(product, row_groups, column_groups, swapped)
        and len(inner) == 1
        and not left.bounds + right.bounds,
    )


def _is_symmetric(product: Product, rows: Sequence[Group], columns: Sequence[Group], swapped: bool) -> bool:
    """Whether rows and columns of a symmetric result are one group each, of indices that go together; what a product is
    added to need not be symmetric.
    """
    if not product.symmetric or product.accumulate or len(rows) != 1 or len(columns) != 1:
        return False
    if columns[0].target is not ONE:
        return False
    sides = (product.columns, product.rows) if swapped else (product.rows, product.columns)
    places = [[side.index(i) for i in group.indices] for side, group in zip(sides, (rows[0], columns[0]), strict=True)]
    return places[0] == places[1]


def mirrored(spec: ContractionSpec) -> ContractionSpec:
    """The contraction with rows and columns exchanged."""

    def turned(group: Group) -> Group:
        return replace(group, left=group.right, right=group.left)

    return replace(
        spec,
        outer=tuple(turned(group) for group in spec.outer),
        rows=turned(spec.columns),
        columns=turned(spec.rows),
        inner=tuple(turned(group) for group in spec.inner),
        left=spec.right,
        right=spec.left,
        left_bounds=spec.right_bounds,
        right_bounds=spec.left_bounds,
        left_axes=spec.right_axes,
        right_axes=spec.left_axes,
        swapped=not spec.swapped,
    )


def _access(read: Read, kept: Sequence[int] | None, indices: Sequence[Index]) -> _Access | None:
    """How a tensor is accessed, or None where a position is not affine in the indices."""
    axes = range(len(read.positions)) if kept is None else kept
    still: dict[Node, Affine] = {index: ZERO for index in indices if index.extent is ONE}
    positions = [replace_atoms(position, still) for position in read.positions]
    offset, stride = ZERO, ONE
    for axis in reversed(axes):
        position = positions[axis]
        if any(not isinstance(atom, (Index, Symbol)) for atom in atoms(position)):
            return None
        offset = offset + position * stride
        stride = stride * read.tensor.shape[axis]
    if any(offset.coefficient(index) is None for index in indices):
        return None
    along = tuple(map(Bound, positions, read.tensor.shape))
    return _Access(offset, tuple(bound for bound in along if not within(bound.position, bound.extent)), along)


def _long(indices: Iterable[Index]) -> tuple[Index, ...]:
    """The indices that run at all."""
    return tuple(index for index in indices if index.extent is not ONE)


def _unit(indices: Iterable[Index], target: _Access) -> Index | None:
    """The index along which the target is contiguous."""
    return next((index for index in indices if target.stride(index) is ONE), None)


def _inside(bounds: Iterable[Bound]) -> frozenset[Node]:
    """The indices that bounds depend on."""
    return frozenset(atom for bound in bounds for atom in atoms(bound.position))


def _walked(group: Group, bounded: frozenset[Node], transposes: bool) -> tuple[bool, bool, int]:
    """The order of inner groups: those with bounds first, and last what is contiguous if that matters, or long."""
    free = bounded.isdisjoint(group.indices)
    contiguous = transposes and group.right is ONE
    return free, contiguous, group.extent.constant if group.extent.is_constant else 1 << 62


def joined(slow: Group, fast: Group, bounded: frozenset[Node]) -> Group | None:
    """Two groups as one, where every tensor holds the second behind each element of the first."""
    if any(
        getattr(slow, tensor) is not getattr(fast, tensor) * fast.extent for tensor in ("left", "right", "target")
    ) or {index in bounded for index in (*slow.indices, *fast.indices)} == {True, False}:
        return None
    return replace(fast, indices=(*slow.indices, *fast.indices), extent=slow.extent * fast.extent)


def _at_zero(form: Affine, indices: Iterable[Index]) -> Affine:
    """The form where all these indices are 0."""
    for index in indices:
        coefficient = form.coefficient(index)
        assert coefficient is not None
        form = form - coefficient * index
    return form


def _parameters(accesses: Iterable[_Access], indices: Sequence[Index]) -> tuple[Node, ...]:
    forms = [index.extent for index in indices]
    for access in accesses:
        forms.append(access.offset)
        forms += [form for bound in access.bounds for form in (bound.position, bound.extent)]
    found = dict.fromkeys(leaf for form in forms for leaf in _leaves(form))
    return tuple(atom for atom in found if atom not in indices)


def _leaves(form: Affine) -> Iterable[Node]:
    for atom in atoms(form):
        if isinstance(atom, (Index, Symbol)):
            yield atom
        else:
            yield from _leaves(getattr(atom, "numerator"))  # noqa: B009
            yield from _leaves(getattr(atom, "denominator"))  # noqa: B009
