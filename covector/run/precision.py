"""Programs in double precision, for checks that must not see the rounding of float32."""

from __future__ import annotations

from typing import Any

from covector.ir import Compute, Input, Program, Read, Tensor, transform


def in_float64(program: Program) -> Program:
    """The program with float64 for float32; itself where there is none."""
    if not any(tensor.dtype == "float32" for tensor in (*program.inputs, *program.statements)):
        return program
    replaced: dict[Tensor, Tensor] = {tensor: _widened_input(tensor) for tensor in program.inputs}

    def change(node: Any) -> Any:
        return Read(replaced.get(node.tensor, node.tensor), node.positions) if isinstance(node, Read) else node

    for statement in program.statements:
        if isinstance(statement, Compute):
            cast = "float64" if statement.cast == "float32" else statement.cast
            replaced[statement] = Compute(statement.name, statement.indices, transform(statement.body, change), cast)
    statements = [replaced.get(statement, statement) for statement in program.statements]
    outputs = [replaced.get(output, output) for output in program.outputs]
    inputs = tuple(replaced[tensor] for tensor in program.inputs)
    return Program(inputs, tuple(statements), tuple(outputs))  # type: ignore[arg-type]


def _widened_input(given: Input) -> Input:
    return Input(given.name, given.shape, "float64" if given.dtype == "float32" else given.dtype)
