"""Programs of symbolic arrays for concrete ones, and their values by the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.frontend.arrays import Array, array_of
from covector.frontend.lazy import Trace
from covector.ir import Input, Program, Symbol, as_affine, check
from covector.ir.tensor import program_of
from covector.run.reference import evaluate

NAMES = "xyzw"


def program_of_function(function: Callable[..., Any], arrays: Sequence[np.ndarray], symbolic: bool = True) -> Program:
    """The program of a function of arrays like these; extents of the same size get the same symbol."""
    inputs = []
    for name, array in zip(NAMES, arrays, strict=False):
        shape = tuple(as_affine(Symbol(f"N{size}") if symbolic and size > 1 else size) for size in array.shape)
        inputs.append(Input(name, shape, str(array.dtype)))
    trace = Trace(NAMES)
    result = function(*(array_of(trace, given) for given in inputs))
    statement = trace.state("result", result.indices, result.body)
    return check(program_of([statement], inputs))


def value_of(function: Callable[..., Any], arrays: Sequence[np.ndarray], symbolic: bool = True) -> np.ndarray:
    """What a function of arrays computes for these."""
    program = program_of_function(function, arrays, symbolic)
    return evaluate(program, dict(zip(NAMES, arrays, strict=False)))["result"]


def sample(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers from 0.5 to 1.5: inside the domains of nearly everything."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 1.5, shape)


def samples(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """An array for each shape, all different."""
    return [sample(*shape, seed=seed) for seed, shape in enumerate(shapes)]


def arrays_named(**shapes: str) -> list[Array]:
    """Symbolic arrays of one trace, by name and shape."""
    trace = Trace(shapes)
    return [
        array_of(
            trace, Input(name, tuple(as_affine(int(e) if e.isdigit() else Symbol(e)) for e in shape.split()), "float64")
        )
        for name, shape in shapes.items()
    ]
