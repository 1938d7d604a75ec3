"""The language that everything is said in: immutable, interned nodes.

Integer expressions say *where* (`affine`), element expressions say *what* (`element`), tensors and programs say
*of which arrays* (`tensor`). There is one way to walk and rebuild nodes (`walk`), one prover of bounds
(`bounds`) and one check of the rules (`check`).
"""

from covector.ir.affine import Affine, Floor, Index, Mod, Symbol, as_affine, floor_div, modulo
from covector.ir.check import check
from covector.ir.dtype import DTYPES, is_float, is_integer, promote
from covector.ir.element import (
    Apply,
    Bracket,
    Expr,
    Literal,
    Read,
    Reduce,
    ScalarFunction,
    Select,
)
from covector.ir.node import Node
from covector.ir.tensor import Compute, Input, Opaque, Program, Tensor
from covector.ir.walk import children, rebuild, substitute, transform, walk

__all__ = [
    "DTYPES",
    "Affine",
    "Apply",
    "Bracket",
    "Compute",
    "Expr",
    "Floor",
    "Index",
    "Input",
    "Literal",
    "Mod",
    "Node",
    "Opaque",
    "Program",
    "Read",
    "Reduce",
    "ScalarFunction",
    "Select",
    "Symbol",
    "Tensor",
    "as_affine",
    "check",
    "children",
    "floor_div",
    "is_float",
    "is_integer",
    "modulo",
    "promote",
    "rebuild",
    "substitute",
    "transform",
    "walk",
]
