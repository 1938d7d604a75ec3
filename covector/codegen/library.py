"""Functions of the C library, lane by lane, for what our own mathematics leaves to it."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.module import Module
from covector.codegen.types import type_of


def call_library(name: str, build: Builder, *arguments: Value) -> Value:
    """The value of a function of the C library, in the precision of its arguments."""
    first = max(arguments, key=lambda argument: argument.width)
    function = name + "f" if first.dtype == "float32" else name
    given = [build.widen(argument, first.width) for argument in arguments]
    if first.width == 1:
        return build.call(function, first.dtype, given)
    helper = f"{function}_{first.width}"
    build.module.helper(helper, lambda: _lanes(build.module, helper, function, first.dtype, first.width, len(given)))
    return build.call_helper(helper, first.dtype, given, first.width)


def _lanes(module: Module, helper: str, function: str, dtype: str, width: int, count: int) -> str:
    """A function of vectors that calls another one for each lane."""
    kind = type_of(dtype, width)
    build = Builder(module, helper, [(f"x{number}", kind) for number in range(count)], kind)
    arguments = [Value(build, f"%x{number}", dtype, width) for number in range(count)]
    result = build.variable(build.constant(0, dtype, width))
    with build.loop(build.constant(0, "int64"), build.constant(width, "int64")) as lane:
        scalars = [build.instruction(f"extractelement {value}, {lane}", dtype) for value in arguments]
        found = build.call(function, dtype, scalars)
        result.set(build.instruction(f"insertelement {result.get()}, {found}, {lane}", dtype, width))
    build.emit(f"ret {result.get()}")
    return build.text()
