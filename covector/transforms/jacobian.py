"""Dense derivatives of functions: `jacfwd`, `jacrev`, `jacobian`, `hessian`, and Hessians times vectors, `hvp`.

Each pushes or pulls a basis, mapped over its vectors: a Kronecker delta, which the engine eliminates where it meets a
sum. `covector.jacobian` and `covector.hessian` keep the structure of what they find; these give plain tensors, at once
or under any other transform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial, wraps
from typing import Any

from covector.calculus.build import equal
from covector.errors import BudgetError, TransformError
from covector.ir import Compute, Index, Symbol, as_affine
from covector.ir.tensor import program_of
from covector.run.reference import MEMORY_LIMIT
from covector.tensors.call import record
from covector.tensors.dtypes import Kind
from covector.tensors.form import Form, entry_at
from covector.tensors.functional import grad
from covector.tensors.shapes import reshape
from covector.tensors.tensor import Tensor
from covector.tensors.tree import flatten
from covector.transforms.directional import jvp
from covector.transforms.recording import Recording
from covector.transforms.trees import Argnums, Function, check_function, floats_of, places_of, with_tensors
from covector.transforms.vmap import vmap


def jacfwd(
    function: Function, argnums: Argnums = 0, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the Jacobian with respect to some positional arguments, column by column, all at once.

    Best where there are fewer inputs than outputs. The result has the tree of the value, at each leaf the tree of the
    arguments, of tensors of shape ``(*value.shape, *argument.shape)``; several ``argnums`` make a tuple at each leaf.
    ``chunk_size`` is how many columns are made at a time. The call raises `DtypeError` for integers and
    `TransformError` where ``argnums`` names no argument.

    >>> import covector as cv
    >>> cv.jacfwd(lambda x: x**2)(cv.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian("jacfwd", function, argnums, has_aux, partial(_by_columns, chunk_size=chunk_size))


def jacrev(
    function: Function, argnums: Argnums = 0, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the Jacobian with respect to some positional arguments, row by row, all at once.

    Best where there are fewer outputs than inputs; otherwise as `jacfwd`.

    >>> import covector as cv
    >>> cv.jacrev(lambda x: x.sum())(cv.ones(3))
    tensor([1., 1., 1.])
    """
    return _jacobian("jacrev", function, argnums, has_aux, partial(_by_rows, chunk_size=chunk_size))


def jacobian(
    function: Function, argnums: Argnums = 0, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the Jacobian as plain tensors, by `jacfwd` where there are no more inputs than outputs,
    and otherwise by `jacrev`.

    `covector.jacobian` keeps the structure instead.

    >>> import covector as cv
    >>> cv.func.jacobian(lambda x: x[:2] * x[2])(cv.tensor([1.0, 2.0, 3.0]))
    tensor([[3., 0., 1.],
            [0., 3., 2.]])
    """

    def by_the_fewer(recording: Recording) -> list[list[Tensor]]:
        inputs, outputs = (sum(t.size for t in tensors) for tensors in (recording.tensors, recording.outputs))
        return (_by_columns if inputs <= outputs else _by_rows)(recording, chunk_size)

    return _jacobian("jacobian", function, argnums, has_aux, by_the_fewer)


def _jacobian(
    name: str, function: Function, argnums: Argnums, has_aux: bool, blocks: Callable[[Recording], list[list[Tensor]]]
) -> Callable[..., Any]:
    """The function that gives the Jacobian, whose blocks are made of what a call recorded."""
    check_function(name, function)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        recording = _recorded(name, function, argnums, arguments, has_aux, keywords)
        return _arranged(recording, blocks(recording), argnums, has_aux)

    return call


def hessian(function: Function, argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the Hessian as plain tensors, by forward over reverse: the Jacobian of the Jacobian.

    The result has the tree of the value and that of the arguments twice, as in JAX; see `jacfwd` for what is raised.
    `covector.hessian` keeps the structure instead.

    >>> import covector as cv
    >>> cv.func.hessian(lambda x: (x**3).sum())(cv.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    check_function("hessian", function)
    twice = jacfwd(jacrev(function, argnums, has_aux), argnums, has_aux)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        _check_floats("hessian", arguments, places_of("hessian", argnums, len(arguments)))
        return twice(*arguments, **keywords)

    return call


def hvp(function: Function, argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the Hessian times a vector, which is the last argument, by forward over reverse.

    The vector has the tree of the argument that is differentiated by, of several ``argnums`` a tuple of them, and so
    has the result. `covector.hvp` is this for functions of tensors.

    >>> import covector as cv
    >>> cv.func.hvp(lambda x: (x**3).sum())(cv.tensor([1.0, 2.0]), cv.tensor([1.0, 1.0]))
    tensor([ 6., 12.])
    """
    check_function("hvp", function)

    @wraps(function)
    def call(*given: Any, **keywords: Any) -> Any:
        if len(given) < 2:
            raise TransformError("hvp wants the vector as its last argument", hint="hvp(f)(x, v)")
        *arguments, vector = given
        places = places_of("hvp", argnums, len(arguments))
        _check_floats("hvp", arguments, places)
        by = argnums if isinstance(argnums, int) else tuple(argnums)
        vectors = (vector,) if isinstance(argnums, int) else tuple(vector)

        def slope(*own: Any) -> Any:
            whole = list(arguments)
            for place, tree in zip(places, own, strict=True):
                whole[place] = tree
            return grad(function, by)(*whole, **keywords)

        return jvp(slope, tuple(arguments[place] for place in places), vectors)[1]

    return call


def _check_floats(name: str, arguments: Sequence[Any], places: Sequence[int]) -> None:
    """Raise `DtypeError` where an argument to differentiate by holds something else than floats."""
    floats_of(name, [with_tensors(arguments[place]) for place in places], places)


def _recorded(
    name: str, function: Function, argnums: Argnums, arguments: Sequence[Any], has_aux: bool, keywords: dict[str, Any]
) -> Recording:
    places = places_of(name, argnums, len(arguments))
    return Recording(name, function, arguments, places, has_aux, keywords)


def _by_columns(recording: Recording, chunk_size: int | None) -> list[list[Tensor]]:
    """The derivatives of each output by each argument, pushed forward."""
    columns = [_columns(recording, place, chunk_size) for place in range(len(recording.tensors))]
    return [[column[output] for column in columns] for output in range(len(recording.outputs))]


def _by_rows(recording: Recording, chunk_size: int | None) -> list[list[Tensor]]:
    """The derivatives of each output by each argument, pulled back."""
    for output in recording.outputs:
        floats_of(f"{recording.name}, of the values of the function", [output], [0])
    return [_rows(recording, place, chunk_size) for place in range(len(recording.outputs))]


def _columns(recording: Recording, place: int, chunk_size: int | None) -> list[Tensor]:
    """For each output the derivatives by one argument, the axes of which come last."""
    own = recording.tensors[place]
    rest = [None] * len(recording.tensors)

    def push(direction: Tensor) -> list[Tensor]:
        found, *_ = flatten(recording.push([*rest[:place], direction, *rest[place + 1 :]]))
        return found

    _check_size(recording, [own], recording.outputs)
    found = vmap(push, out_axes=-1, chunk_size=chunk_size)(basis(own._node.kind))
    return [
        reshape(columns, *output.shape, *own.shape) for columns, output in zip(found, recording.outputs, strict=True)
    ]


def _rows(recording: Recording, place: int, chunk_size: int | None) -> list[Tensor]:
    """For each argument the derivatives of one output, the axes of which come first."""
    own = recording.outputs[place]
    rest = [None] * len(recording.outputs)

    def pull(cotangent: Tensor) -> list[Tensor]:
        found, *_ = flatten(recording.pull([*rest[:place], cotangent, *rest[place + 1 :]]))
        return found

    _check_size(recording, [own], recording.tensors)
    found = vmap(pull, chunk_size=chunk_size)(basis(own._node.kind))
    return [reshape(rows, *own.shape, *tensor.shape) for rows, tensor in zip(found, recording.tensors, strict=True)]


def _check_size(recording: Recording, one: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    """Raise `BudgetError` where the Jacobian would not fit in memory."""
    for own in one:
        for other in others:
            need = own.size * other._node.kind.nbytes
            if need > MEMORY_LIMIT:
                raise BudgetError(
                    f"{recording.name}: the dense Jacobian between tensors of shape {list(other.shape)} and "
                    f"{list(own.shape)} takes {need / 2**30:.1f} GiB",
                    hint="covector.jacobian keeps its structure; jvp and vjp multiply with it and never form it",
                )


def _arranged(recording: Recording, blocks: list[list[Tensor]], argnums: Argnums, has_aux: bool) -> Any:
    """Blocks by output and argument in the tree of the outputs, at each leaf the tree of the arguments."""
    trees = [recording.rebuild(row) for row in blocks]
    leaves = [tree[0] if isinstance(argnums, int) else tuple(tree) for tree in trees]
    whole = recording.rebuilt(leaves)
    return (whole, recording.aux) if has_aux else whole


def basis(kind: Kind) -> Tensor:
    """The unit tensors of a shape, one after another along a first axis: a Kronecker delta."""
    form = _basis_form(len(kind.shape), str(kind.dtype))
    return Tensor(record(entry_at(form, (kind.size, *kind.shape)), (), 0)[0])


@lru_cache(maxsize=64)
def _basis_form(rank: int, dtype: str) -> Form:
    symbols = tuple(Symbol(f"N{axis}") for axis in range(rank + 1))
    which, *indices = (Index(f"i{axis}", as_affine(symbol)) for axis, symbol in enumerate(symbols))
    position = as_affine(0)
    for index in indices:
        position = position * index.extent + index
    statement = Compute("basis", (which, *indices), equal(which, position), dtype)
    return Form("basis", program_of([statement]), symbols)
