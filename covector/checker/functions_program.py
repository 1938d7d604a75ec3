"""What a program says of its inputs: their shapes, and how large the integers are that stand in positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from covector.checker.functions_inputs import Inputs
from covector.ir import Affine, Apply, Compute, Index, Input, Program, Read, is_integer, walk
from covector.ir.affine import atoms
from covector.ir.node import Node
from covector.notation.print import shape_text, text


def described(program: Program) -> dict[str, str]:
    """The inputs of a program as they are described to the check.

    >>> from covector.frontend import read_program
    >>> described(read_program("table: V D; ids: N int64; y[n,d] = table[ids[n],d]"))
    {'table': 'V D float64', 'ids': 'N int<(V)'}
    """
    return {given.name: _described(program, given) for given in program.inputs}


def _described(program: Program, given: Input) -> str:
    extents = shape_text(given.shape) if given.shape else "()"
    limit = integer_limit(program, given)
    return f"{extents} int<({limit})" if limit else f"{extents} {given.dtype}"


def with_limits(inputs: Inputs, program: Program) -> Inputs:
    """The inputs with the limits of integers that the program knows and the user did not say."""
    tensors = {given.name: given for given in program.inputs}
    specs = [
        replace(spec, limit=spec.limit or integer_limit(program, tensors[spec.name])) if spec.name in tensors else spec
        for spec in inputs.specs
    ]
    return Inputs(tuple(specs), inputs.whole)


def integer_limit(program: Program, given: Input) -> str:
    """The extent that the integers of an input must stay below, in the notation; empty where there is none."""
    if not is_integer(given.dtype):
        return ""
    return next((text(limit) for limit in _limits(program, given)), "")


def _limits(program: Program, given: Input) -> Iterator[Affine]:
    """The extents of axes that it stands in a position of, and of indices that it is compared with."""
    for statement in program.statements:
        for node in walk(statement.body) if isinstance(statement, Compute) else ():
            if isinstance(node, Read):
                for position, extent in zip(node.positions, node.tensor.shape, strict=True):
                    if any(_reads(atom, given) for atom in atoms(position)):
                        yield extent
            elif isinstance(node, Apply):
                compared = [atom for side in node.arguments if isinstance(side, Affine) for atom in atoms(side)]
                if any(_reads(atom, given) for atom in compared):
                    yield from (index.extent for index in compared if isinstance(index, Index))


def _reads(atom: Node, given: Input) -> bool:
    return isinstance(atom, Read) and atom.tensor is given
