"""Forwards and their arguments: text, programs and Python functions of arrays as programs at given arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from covector.errors import CovectorError, DtypeError, NotationError, UnknownNameError, nearest
from covector.frontend import read_program
from covector.frontend.trace import trace_with_constants
from covector.ir import DTYPES, Input, Program
from covector.jacobians.form import Extents
from covector.jacobians.names import Given, Name, one_or_several, word_of
from covector.jacobians.run import contiguous
from covector.jacobians.tensors import given_tensors, holds_tensors
from covector.run.extents import bind_extents
from covector.run.reference import Array

Forward = str | Program | Callable[..., Any]
Shapes = Mapping[str, Any]


MOST_SHAPES = 1024
"""Shapes of arguments that a forward remembers."""


class Source:
    """A forward that is still to be given its arrays."""

    def __init__(self, forward: Forward, shapes: Shapes | None = None) -> None:
        given: object = forward
        if not (isinstance(given, (str, Program)) or callable(given)):
            message = f"a forward is a program as text or a Python function, not {type(given).__name__}"
            raise NotationError(message, hint='cv.jacobian("y[i] = x[i]**2")')
        self.forward = read_program(forward, shapes) if isinstance(forward, str) else forward
        self._traced: dict[object, Program] = {}
        self._code = getattr(forward, "__code__", None)
        self._bound: dict[object, Extents] = {}

    def at(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[Given, Extents]:
        """The program with its arrays, and the values of its symbols, for the arguments of a call.

        A Python function that is given tensors is called with tensors, one that is given arrays with symbolic arrays.
        """
        if isinstance(self.forward, Program):
            found = self._of_program(self.forward, args, named)
        elif holds_tensors(args, named):
            found = given_tensors(self.forward, args, named)
        else:
            found = self._call(self.forward, args, named)
        inputs = found.program.inputs
        arrays = {tensor.name: cast(tensor.name, found.arrays[tensor.name], tensor.dtype) for tensor in inputs}
        return replace(found, arrays=arrays), self._extents(inputs, arrays)

    def numbers(self) -> tuple[object, ...]:
        """The numbers and texts that a Python function finds in variables around it: with others it is another one."""
        if self._code is None:
            return ()
        function: Any = self.forward
        found = [function.__globals__.get(name) for name in self._code.co_names]
        found += [_content(cell) for cell in function.__closure__ or ()]
        return tuple([(type(own), own) if isinstance(own, (bool, int, float, str)) else None for own in found])

    def _extents(self, inputs: tuple[Input, ...], arrays: Mapping[str, Array]) -> Extents:
        """The values of symbols, found once for arrays of the same shapes."""
        key = (inputs, tuple(array.shape for array in arrays.values()))
        if key not in self._bound:
            if len(self._bound) > MOST_SHAPES:
                self._bound.clear()
            self._bound[key] = tuple(sorted(bind_extents(inputs, arrays).items()))
        return self._bound[key]

    def _of_program(self, program: Program, args: Sequence[Any], named: Mapping[str, Any]) -> Given:
        """A program at arrays in the order of its inputs, or by name."""
        given = _by_name(program, args, named)
        arrays = {tensor.name: _array(tensor.name, given[tensor.name]) for tensor in program.inputs}
        called = (*(tensor.name for tensor in program.inputs[: len(args)]), *named)
        return Given(program, arrays, tuple(Name(tensor.name) for tensor in program.inputs), one_or_several, called)

    def _call(self, function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Given:
        """The program of a Python function at arguments; what is no array is taken as it is."""
        try:
            bound = inspect.signature(function).bind(*args, **named)
        except TypeError as error:
            raise CovectorError(f"the function cannot be called so: {error}") from None
        if any(map(_is_tree, bound.arguments.values())):
            return _call_of_trees(function, bound)
        fixed = {name: value for name, value in bound.arguments.items() if _is_fixed(value)}
        arrays = {name: _array(name, value) for name, value in bound.arguments.items() if name not in fixed}
        shapes = tuple((name, _declaration(name, array)) for name, array in arrays.items())
        arguments = tuple(value if name in fixed else Name(name) for name, value in bound.arguments.items())
        called, values = (*list(bound.arguments)[: len(args)], *named), (*args, *named.values())
        plain = [bound.arguments.get(name) for name in called]
        is_plain = len(plain) == len(values) and all(map(is_, plain, values))
        key = (shapes, self.numbers(), *[(name, type(value), value) for name, value in fixed.items()])
        if key in self._traced:
            return Given(self._traced[key], arrays, arguments, one_or_several, called if is_plain else ())
        program, constants = trace_with_constants(partial(function, **fixed) if fixed else function, dict(shapes))
        if constants:
            # They are those of this call, so neither the program nor the call is remembered.
            arrays.update({given.name: array for given, array in constants.items()})
            return Given(program, arrays, arguments, one_or_several)
        if len(self._traced) >= MOST_SHAPES:
            self._traced.clear()
        self._traced[key] = program
        return Given(program, arrays, arguments, one_or_several, called if is_plain else ())


def _call_of_trees(function: Callable[..., Any], bound: inspect.BoundArguments) -> Given:
    """The program of a Python function at arguments of which some are trees of arrays."""
    arrays: dict[str, Array] = {}
    trees = {name: _with_names(value, name, arrays) for name, value in bound.arguments.items()}

    def of_leaves(**leaves: Any) -> Any:
        given = {name: _filled(tree, leaves) for name, tree in trees.items()}
        again = inspect.BoundArguments(bound.signature, given)
        return function(*again.args, **again.kwargs)

    of_leaves.__name__ = getattr(function, "__name__", "y")
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in arrays]
    of_leaves.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    shapes = {name: _declaration(name, array) for name, array in arrays.items()}
    program, constants = trace_with_constants(of_leaves, shapes)
    arrays.update({given.name: array for given, array in constants.items()})
    return Given(program, arrays, tuple(trees.values()), one_or_several)


def _is_tree(value: Any) -> bool:
    """Whether an argument is no array but holds some; lists of numbers are arrays."""
    if isinstance(value, (list, tuple)):
        return any(isinstance(part, np.ndarray) or _is_tree(part) for part in value)
    return isinstance(value, dict)


def _with_names(tree: Any, label: str, arrays: dict[str, Array]) -> Any:
    """A tree with names in place of its arrays, which are added to ``arrays``; settings stay."""
    if _is_tree(tree):
        return _rebuilt(tree, lambda key, part: _with_names(part, f"{label}_{word_of(key)}", arrays))
    if _is_fixed(tree):
        return tree
    name = Name(label if label not in arrays else f"{label}_{len(arrays)}")
    arrays[name] = _array(name, tree)
    return name


def _filled(tree: Any, leaves: Mapping[str, Any]) -> Any:
    """A tree with arrays in place of its names."""
    if isinstance(tree, Name):
        return leaves[tree]
    if isinstance(tree, (dict, list, tuple)):
        return _rebuilt(tree, lambda _, part: _filled(part, leaves))
    return tree


def _rebuilt(tree: Any, change: Callable[[Any, Any], Any]) -> Any:
    """A dictionary, list or tuple of the same kind, whose parts are changed, given their key."""
    if isinstance(tree, dict):
        return {key: change(key, part) for key, part in tree.items()}
    parts = [change(place, part) for place, part in enumerate(tree)]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def _content(cell: Any) -> Any:
    """What the variable of an enclosing function holds, None where it was not given a value yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _is_fixed(value: Any) -> bool:
    """Whether an argument is no array but a setting, such as an axis."""
    return value is None or isinstance(value, (bool, int, str))


def _by_name(program: Program, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    names = [tensor.name for tensor in program.inputs]
    if len(args) > len(names):
        raise UnknownNameError(f"{len(args)} arrays were given for {len(names)} inputs", hint=", ".join(names))
    given = dict(zip(names, args, strict=False))
    for name, value in named.items():
        if name not in names or name in given:
            what = "was given twice" if name in given else "is no input"
            raise UnknownNameError(f"{name!r} {what}", hint="inputs: " + ", ".join(names))
        given[name] = value
    missing = [name for name in names if name not in given]
    if missing:
        raise UnknownNameError(f"no array was given for {', '.join(missing)}", hint="inputs: " + ", ".join(names))
    return given


def _array(name: str, value: Any) -> Array:
    try:
        found = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DtypeError(f"{name} cannot be read as an array: {error}") from None
    if found.dtype.name not in DTYPES:
        raise DtypeError(f"{name} has dtype {found.dtype}", hint="known: " + ", ".join(DTYPES))
    return found


def cast(name: str, array: Array, dtype: str) -> Array:
    """A contiguous array of the dtype of its input; raises `DtypeError` for floats where integers are wanted."""
    if array.dtype.kind == "f" and not dtype.startswith("float") and array.size:
        hint = f"{name} is {dtype}: convert it on purpose, {name}.astype({dtype!r})"
        raise DtypeError(f"{name} is given floats ({array.dtype}), where integers are wanted", hint=hint)
    return contiguous(array.astype(dtype, copy=False))


def _declaration(name: str, array: Array) -> str:
    shape = " ".join(map(str, array.shape)) or "()"
    return f"{shape} {array.dtype.name}"


def unknown(program: Program, name: object) -> UnknownNameError:
    """The error of a name that a program does not have."""
    known = [tensor.name for tensor in program.inputs]
    close = nearest(str(name), known)
    hint = f"did you mean {close!r}?" if close else "inputs: " + ", ".join(known)
    return UnknownNameError(f"the program has no input {name!r} to differentiate with respect to", hint=hint)
