"""The rules of the IR, checked after every pass: an error names the statement and quotes the part that breaks a
rule.
"""

from __future__ import annotations

from covector.errors import IRError
from covector.ir.affine import Affine, Floor, Index, Mod, Symbol, atoms, free
from covector.ir.dtype import DTYPES, is_integer
from covector.ir.element import Apply, Bracket, Read, Reduce, Select, dtype
from covector.ir.node import Node
from covector.ir.tensor import Compute, Input, Opaque, Program, Tensor, read_tensors
from covector.ir.walk import walk

REDUCTIONS = ("sum", "prod", "max", "min", "any", "all")


def check(program: Program) -> Program:
    """Check every rule and give the program back; raises `IRError` at the first statement that breaks one."""
    known: dict[str, Tensor] = {}
    for tensor in (*program.inputs, *program.statements):
        _require(tensor.name not in known or known[tensor.name] is tensor, tensor, "its name is taken")
        _require(tensor.dtype in DTYPES, tensor, f"unknown dtype {tensor.dtype!r}")
        for read in read_tensors(tensor):
            _require(known.get(read.name) is read, tensor, f"reads {read.name}, which does not come before it")
        if isinstance(tensor, Compute):
            _check_compute(tensor)
        known[tensor.name] = tensor
    for output in program.outputs:
        _require(known.get(output.name) is output, output, "is an output but no statement")
    return program


def _check_compute(tensor: Compute) -> None:
    _require(len(set(tensor.indices)) == len(tensor.indices), tensor, "binds an index twice")
    unbound = free(tensor.body) - frozenset(tensor.indices)
    _require(not unbound, tensor, f"does not bind {', '.join(sorted(index.name for index in unbound))}")
    for index in tensor.indices:
        _check_extent(tensor, index)
    for node in walk(tensor.body):
        _check_node(tensor, node)


def _check_node(tensor: Compute, node: Node) -> None:
    if isinstance(node, Read):
        rank = len(node.tensor.shape)
        _require(len(node.positions) == rank, tensor, f"{node!r}: {node.tensor.name} has {rank} axes")
    elif isinstance(node, Apply):
        wanted = len(node.function.parameters)
        fits = node.function.variadic or len(node.arguments) == wanted
        _require(fits, tensor, f"{node!r}: {node.function.name} takes {wanted} arguments")
    elif isinstance(node, Reduce):
        _require(node.operation in REDUCTIONS, tensor, f"{node!r}: no such reduction")
        _require(bool(node.indices), tensor, f"{node!r}: reduces over nothing")
        _require(len(set(node.indices)) == len(node.indices), tensor, f"{node!r}: binds an index twice")
        for index in node.indices:
            _check_extent(tensor, index)
    elif isinstance(node, (Bracket, Select)):
        _require(dtype(node.condition) == "bool", tensor, f"{node.condition!r}: a condition must be bool")
    elif isinstance(node, Affine):
        for atom in atoms(node):
            _check_atom(tensor, node, atom)


def _check_atom(tensor: Compute, form: Affine, atom: Node) -> None:
    if isinstance(atom, Read):
        _require(is_integer(atom.tensor.dtype), tensor, f"{form!r}: {atom.tensor.name} is not of an integer dtype")
    else:
        _require(isinstance(atom, (Index, Symbol, Floor, Mod)), tensor, f"{form!r}: {atom!r} is no integer atom")


def _check_extent(tensor: Compute, index: Index) -> None:
    _require(not free(index.extent), tensor, f"the extent {index.extent!r} of {index.name} depends on an index")


def _require(holds: bool, tensor: Input | Compute | Opaque, message: str) -> None:
    if not holds:
        raise IRError(f"{tensor.name}: {message}\n  in {tensor!r}")
