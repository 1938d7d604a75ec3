"""Scalar functions as code of their own: arrays in, an array out, on vectors of several widths."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np

from covector.codegen.builder import Builder, Value
from covector.codegen.denormals import flushing
from covector.codegen.module import Module
from covector.codegen.scalars import SCALAR_CODE
from covector.codegen.target import Target
from covector.codegen.types import BYTES, type_of
from covector.native import jit


def function_code(name: str, dtype: str, width: int, count: int, target: Target) -> str:
    """A function that applies a scalar function to ``width`` elements at once."""
    module = Module(target)
    unique = entry_of(name, dtype, width, count)  # the name of a helper determines its text
    module.helper(unique, lambda: _function(module, unique, name, dtype, width, count))
    return module.text()


def entry_of(name: str, dtype: str, width: int, count: int) -> str:
    """What the function is called."""
    return f"apply_{name}_{dtype}_{width}_{count}"


def _function(module: Module, entry: str, name: str, dtype: str, width: int, count: int) -> str:
    parameters = [*((f"x{n}", "ptr") for n in range(count)), ("result", "ptr"), ("size", "i64")]
    build = Builder(module, entry, parameters)
    mode = flushing(module.target.architecture)
    for declaration in mode.declarations:
        module.declare(declaration)
    for line in mode.enter:
        build.emit(line)
    kind = type_of(dtype, width)
    with build.loop(build.constant(0, "int64"), Value(build, "%size", "int64"), width) as at:
        addresses = [build.offset(f"%x{n}", at, dtype) for n in range(count)]
        values = [build.instruction(f"load {kind}, ptr {a}, align {BYTES[dtype]}", dtype, width) for a in addresses]
        found = SCALAR_CODE[name](build, *values)
        build.emit(f"store {found}, ptr {build.offset('%result', at, dtype)}, align {BYTES[dtype]}")
    for line in mode.leave:
        build.emit(line)
    build.emit("ret void")
    return build.text()


@cache
def compiled(
    name: str, dtype: str, width: int = 0, count: int = 1, target: Target | None = None
) -> Callable[..., np.ndarray]:
    """A scalar function of arrays of any size; the widest vectors unless a width is given."""
    target = target or jit.host().target
    width = width or target.lanes(dtype)
    entry = entry_of(name, dtype, width, count)
    code = jit.Code(jit.object_code(function_code(name, dtype, width, count, target)), [entry])
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (count + 1), ctypes.c_int64)(code.address(entry))

    def apply(*arrays: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
        size = int(np.prod(shape))
        padded = -(-max(size, 1) // width) * width
        given = [np.zeros(padded, dtype) for _ in arrays]
        for place, array in zip(given, arrays, strict=True):
            place[:size] = np.broadcast_to(np.asarray(array, dtype), shape).ravel()
        result = np.zeros(padded, dtype)
        run(*(array.ctypes.data for array in (*given, result)), padded)
        assert code
        return result[:size].reshape(shape)

    return apply
