"""`trace`: from a Python function of arrays to a program.

The function is called once with symbolic arrays. What it assigns to a variable and then uses becomes a statement of
that name; everything else is inlined, so that the program reads like the function.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np

from covector.errors import NotationError, ShapeError, nearest
from covector.frontend.arrays import Array, array_of
from covector.frontend.lazy import Trace, TraceError, is_array
from covector.ir import Compute, Input, Program
from covector.ir.tensor import program_of
from covector.notation.element import Scope, declare
from covector.notation.parse import parse_shape

Shape = str | int | Sequence[Any]
"""A shape as a text, ``"M infs"``, ``"N int64"``, ``""`` for a scalar, or a tuple, ``("M", 3)``."""


def trace(function: Callable[..., Any], shapes: Mapping[str, Shape]) -> Program:
    """The program that a Python function of arrays computes, for parameters of the given shapes.

    ``shapes`` declares each parameter: ``"M infs"``, ``"N int64"``, ``""`` for a scalar, or a tuple. The output has the
    name of the function (``y`` where that is a lambda, or has a parameter of its name); several outputs are numbered:
    ``y0``, ``y1`` and so on. Raises `TraceError` where the function does what a symbolic array cannot do, and
    `ShapeError` where shapes do not fit.

    >>> def linear(input, weight, bias):
    ...     return input @ weight.T + bias
    >>> trace(linear, {"input": "M infs", "weight": "outfs infs", "bias": "outfs"}).output
    linear[i, j] = add(sum[k](mul(input[i, k], weight[j, k])), bias[j])
    """
    return _traced(function, shapes, None)


def trace_with_constants(
    function: Callable[..., Any], shapes: Mapping[str, Shape]
) -> tuple[Program, dict[Input, np.ndarray]]:
    """The program of a function that may use arrays of numbers which it finds elsewhere: further inputs, and these.

    Raises what `trace` raises.

    >>> weight = np.ones((2, 3))
    >>> trace_with_constants(lambda x: weight @ x, {"x": "3"})[0]
    x: 3 float64
    constant: 2 3 float64
    y[i] = sum[j](mul(constant[i, j], x[j]))
    """
    constants: dict[Input, np.ndarray] = {}
    return _traced(function, shapes, constants), constants


def _traced(
    function: Callable[..., Any], shapes: Mapping[str, Shape], constants: dict[Input, np.ndarray] | None
) -> Program:
    name = _name_of(function)
    inputs = _inputs(function, shapes, name)
    names = {given.name for given in inputs}
    stem = name if name not in names else "y"
    code = getattr(inspect.unwrap(function), "__code__", None)
    recorder = Trace(names, words=[stem], variable_of=_Variables(code).name_of, constants=constants)
    result = _call(function, name, {given.name: array_of(recorder, given) for given in inputs})
    outputs = _outputs(result, name, stem, recorder)
    return program_of(outputs, (*inputs, *(constants or ())))


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "y")
    return name if name.isidentifier() else "y"


def _inputs(function: Callable[..., Any], shapes: Mapping[str, Shape], name: str) -> list[Input]:
    """The inputs that the parameters of a function are."""
    scope, inputs = Scope(), []
    parameters = _parameters(function, name)
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            message = f"{name} takes {stars}{parameter.name}, so its inputs have no names"
            raise TraceError(message, hint="give each input a parameter of its own")
        if parameter.name in shapes:
            text = _declaration(parameter.name, shapes[parameter.name])
            given, scope = declare(parse_shape(text), scope, text)
            inputs.append(given)
        elif parameter.default is parameter.empty:
            known = ", ".join(shapes) or "none"
            message = f"the parameter {parameter.name!r} of {name} has no shape (shapes are given for: {known})"
            raise ShapeError(message, hint=f'add {parameter.name!r}: "M N" to the shapes')
    for given_name in shapes:
        if given_name not in parameters:
            close = nearest(given_name, parameters)
            hint = f"did you mean {close!r}?" if close else f"its parameters: {', '.join(parameters) or 'none'}"
            raise ShapeError(f"{name} has no parameter {given_name!r}", hint=hint)
    return inputs


def _parameters(function: Callable[..., Any], name: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function; raises `TraceError` where they cannot be known."""
    try:
        return inspect.signature(function).parameters
    except (ValueError, TypeError):
        message = f"the parameters of {name} cannot be known: it is built in"
        raise TraceError(message, hint="wrap it in a function of arrays: lambda x: …") from None


def _declaration(name: str, shape: Shape) -> str:
    """The declaration of an input in the notation."""
    if isinstance(shape, str):
        return f"{name}: {shape.strip() or '()'}"
    if isinstance(shape, int):
        return f"{name}: {shape}"
    if not isinstance(shape, (tuple, list)):
        message = f"the shape of {name} is {type(shape).__name__} {shape!r}"
        raise NotationError(message, hint=f'write it as text, {name}: "M N", or as a tuple, ("M", 3)')
    return f"{name}: " + (" ".join(f"({part})" if isinstance(part, str) else str(part) for part in shape) or "()")


class _Variables:
    """The variables of a function while it runs, found by the frame of its code."""

    def __init__(self, code: Any) -> None:
        self.code = code

    def name_of(self, array: Array) -> str | None:
        """The variable that holds an array, or None."""
        frame = self._frame()
        if frame is None:
            return None
        held = (name for name, value in frame.f_locals.items() if value is array)
        return next((name for name in held if not name.startswith(("_", "."))), None)

    def _frame(self) -> FrameType | None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not self.code:
            frame = frame.f_back
        return frame


def _call(function: Callable[..., Any], name: str, arrays: Mapping[str, Array]) -> Any:
    """What the function returns for symbolic arrays."""
    parameters = inspect.signature(function).parameters
    given = {key: arrays[key] for key in parameters if key in arrays}
    positional = [given.pop(key) for key in list(given) if parameters[key].kind is parameters[key].POSITIONAL_ONLY]
    try:
        return function(*positional, **given)
    except RecursionError:
        message = f"{name} calls itself without end"
        hint = "a condition on a symbolic array cannot stop a recursion: write a loop over a fixed number of steps"
        raise TraceError(message, hint=hint) from None


def _outputs(result: Any, name: str, stem: str, recorder: Trace) -> list[Compute]:
    """The statements that the returned arrays are, named after the function."""
    several = isinstance(result, (tuple, list))
    arrays = list(result) if several else [result]
    for array in arrays:
        if not is_array(array):
            what = "None" if array is None else f"{type(array).__name__} {array!r}"
            found = f"{name} returns {what}" if not several else f"{name} returns, among others, {what}"
            hint = "add a return statement" if array is None else "return an array, or a tuple of arrays"
            raise TraceError(f"{found}, where an array is wanted", hint=hint)
        if array.trace is not recorder:
            raise TraceError(f"{name} returns an array of another trace", hint="compute it from the parameters")
    if not arrays:
        raise TraceError(f"{name} returns an empty {type(result).__name__}, where an array is wanted")
    recorder.words = frozenset()
    stems = [f"{stem}{place}" for place in range(len(arrays))] if several else [stem]
    return [
        recorder.state(recorder.unique(own), array.indices, array.body)
        for own, array in zip(stems, arrays, strict=True)
    ]
