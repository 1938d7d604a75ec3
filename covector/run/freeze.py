"""Programs in which what ``stop`` holds is given instead of computed, so that differences do not move it."""

from __future__ import annotations

from typing import Any

from covector.ir import Apply, Compute, Input, Program, Read, Tensor, as_affine, transform
from covector.ir.affine import free, order


def without_stops(program: Program) -> tuple[Program, Program]:
    """The program with every ``stop(e)`` replaced by an input, and the program that computes those inputs."""
    constants: list[Compute] = []
    replaced: dict[Tensor, Tensor] = {}
    statements: list[Compute] = []
    originals: list[Compute] = []
    holding: dict[Tensor, Tensor] = {}

    def freeze(node: Any) -> Any:
        if isinstance(node, Apply) and node.function.name == "stop":
            indices = tuple(sorted(free(node), key=order))
            held = Compute(f"stop{len(constants)}'", indices, original_of(node.arguments[0]))
            constants.append(held)
            given = Input(held.name, held.shape, held.dtype)
            holding[given] = held
            return Read(given, tuple(as_affine(index) for index in indices))
        if isinstance(node, Read) and node.tensor in replaced:
            return Read(replaced[node.tensor], node.positions)
        return node

    def original_of(expr: Any) -> Any:
        """An expression as it reads the statements of the original program."""
        back = {new: old for old, new in replaced.items()} | holding
        return transform(
            expr, lambda n: Read(back[n.tensor], n.positions) if isinstance(n, Read) and n.tensor in back else n
        )

    for statement in program.statements:
        assert isinstance(statement, Compute)
        originals.append(statement)
        new = Compute(statement.name, statement.indices, transform(statement.body, freeze), statement.cast)
        if new is not statement:
            replaced[statement] = new
        statements.append(new)
    given = tuple(Input(held.name, held.shape, held.dtype) for held in constants)
    frozen = Program((*program.inputs, *given), tuple(statements), (statements[-1],))
    if not constants:
        return program, Program(program.inputs, (), ())
    return frozen, Program(program.inputs, (*originals, *constants), tuple(constants))
