"""Derivatives in directions: `jvp` and `linearize` forward, `vjp` backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.errors import TransformError
from covector.transforms.recording import Recording
from covector.transforms.trees import Function, check_function, like


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of a function at some arguments, and its derivative in a direction: the Jacobian times the tangents.

    ``primals`` and ``tangents`` are tuples with a tree for each argument, of the same shapes. With ``has_aux`` the
    function returns its value and something beside it, which comes third. Raises `DtypeError` for integers,
    `ShapeError` where a tangent has another shape, `TransformError` where the trees differ.

    >>> import covector as cv
    >>> cv.jvp(lambda x: x**3, (cv.tensor(2.0),), (cv.tensor(1.0),))
    (tensor(8.), tensor(12.))
    """
    check_function("jvp", function)
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            message = f"jvp: the {what} are a tuple with one entry for each argument, not {type(given).__name__}"
            raise TransformError(message, hint="jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise TransformError(f"jvp: there are {len(primals)} primals, but {len(tangents)} tangents")
    recording = Recording("jvp", function, primals, range(len(primals)), has_aux)
    directions = like("jvp", "tangents", recording.tensors, tuple(tangents), recording.trees)
    pushed = recording.push(directions)
    return (recording.values(), pushed, recording.aux) if has_aux else (recording.values(), pushed)


def linearize(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function at some arguments, and the function that gives the derivative there in any direction.

    That takes a tangent for each argument; the function itself is not called again. Raises what `jvp` raises.

    >>> import covector as cv
    >>> value, slope = cv.linearize(cv.sin, cv.tensor(0.0))
    >>> slope(cv.tensor(2.0)), slope(cv.tensor(3.0))
    (tensor(2.), tensor(3.))
    """
    check_function("linearize", function)
    recording = Recording("linearize", function, primals, range(len(primals)), has_aux)

    def pushed(*tangents: Any) -> Any:
        return recording.push(like("linearize", "tangents", recording.tensors, tuple(tangents), recording.trees))

    return (recording.values(), pushed, recording.aux) if has_aux else (recording.values(), pushed)


def vjp(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function at some arguments, and the function that gives the cotangents of these from one of it.

    The cotangents are a tuple with a tree for each argument, as in JAX. Raises `DtypeError` for integers; the pullback
    raises `ShapeError` and `TransformError` for a cotangent that does not fit the value.

    >>> import covector as cv
    >>> value, pullback = cv.vjp(lambda x, y: x * y, cv.tensor(2.0), cv.tensor(3.0))
    >>> value, pullback(cv.tensor(1.0))
    (tensor(6.), (tensor(3.), tensor(2.)))
    """
    check_function("vjp", function)
    recording = Recording("vjp", function, primals, range(len(primals)), has_aux)

    def pullback(cotangent: Any) -> Any:
        return recording.pull(like("vjp", "cotangents", recording.outputs, cotangent, recording.result))

    result: tuple[Any, Callable[[Any], Any]] = (recording.values(), pullback)
    return (*result, recording.aux) if has_aux else result
