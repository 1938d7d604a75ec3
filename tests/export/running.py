"""Running exported source in a namespace of its own, and comparing it with the reference interpreter."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from covector.errors import ShapeError
from covector.export.numpy import numpy_source
from covector.ir import Compute, Input, Program, Read, Symbol, Tensor, is_float, transform, walk
from covector.run.extents import evaluate_extent
from covector.run.reference import evaluate
from tests.ops.sampling import Sampler, normal


def run(source: str, name: str, arrays: Mapping[str, Any], extents: Mapping[str, int]) -> tuple[np.ndarray, ...]:
    """What the function of the source gives for the inputs, in their order, as a tuple."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "<exported>", "exec"), namespace)
    function = namespace[name]
    parameters = inspect.signature(function).parameters.values()
    keywords = {p.name: extents[p.name] for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        result = function(*arrays.values(), **keywords)
    return result if isinstance(result, tuple) else (result,)


def symbols(program: Program) -> list[str]:
    """The names of the extents of the inputs of a program and of its statements."""
    shapes = [*(t.shape for t in program.inputs), *(t.shape for t in program.statements)]
    forms = [extent for shape in shapes for extent in shape]
    return list(dict.fromkeys(node.name for form in forms for node in walk(form) if isinstance(node, Symbol)))


def draw(
    program: Program, extents: Mapping[str, int], samplers: Mapping[str, Sampler], seed: int = 0
) -> dict[str, np.ndarray]:
    """An array for each input."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for given in program.inputs:
        shape = tuple(evaluate_extent(extent, extents) for extent in given.shape)
        values = samplers.get(given.name, normal)(rng, shape, extents)
        arrays[given.name] = np.asarray(values, dtype=given.dtype)
    return arrays


def assert_same(program: Program, arrays: Mapping[str, np.ndarray], extents: Mapping[str, int]) -> None:
    """The exported function gives what the interpreter gives; sizes for which that raises are passed over."""
    source = numpy_source(program, "exported")
    try:
        expected = evaluate(program, arrays, extents)
    except ShapeError:
        return
    results = run(source, "exported", arrays, extents)
    assert len(results) == len(program.outputs)
    for output, result in zip(program.outputs, results, strict=True):
        wanted = expected[output.name]
        assert np.shape(result) == wanted.shape, source
        assert np.asarray(result).dtype == wanted.dtype, source
        tolerance = 1e-9 if output.dtype != "float32" else 2e-4
        np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance, err_msg=source)


def narrowed(program: Program) -> Program:
    """The program with inputs of float32 in the place of those of float64."""
    replaced: dict[Tensor, Tensor] = {}

    def change(node: object) -> object:
        return Read(replaced[node.tensor], node.positions) if isinstance(node, Read) else node

    for given in program.inputs:
        replaced[given] = Input(given.name, given.shape, "float32") if is_float(given.dtype) else given
    for statement in program.statements:
        assert isinstance(statement, Compute)
        replaced[statement] = Compute(
            statement.name, statement.indices, transform(statement.body, change), statement.cast
        )
    tensors = [[replaced[tensor] for tensor in part] for part in (program.inputs, program.statements, program.outputs)]
    return Program(*map(tuple, tensors))  # type: ignore[arg-type]


def floats(program: Program) -> list[Any]:
    """The inputs that can be differentiated by."""
    return [given for given in program.inputs if is_float(given.dtype)]
