"""What is true of a forward: its values, the cotangents of its tensors, its Jacobians; derived when first asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property

from covector.calculus.build import ONE, add, mul
from covector.calculus.derivative import partial
from covector.calculus.reverse import Gradients, element_indices, gradients, output_indices
from covector.calculus.tidy import Tidy
from covector.errors import CovectorError
from covector.ir import (
    Affine,
    Compute,
    Expr,
    Index,
    Input,
    Literal,
    Program,
    Read,
    Tensor,
    as_affine,
    is_float,
    substitute,
    transform,
    walk,
)
from covector.ir.walk import rename, rename_bound

COTANGENTS = (
    "G", "g", "grad_output", "grad_outputs", "grad_out", "grad", "dout", "d_out", "dY", "dy", "dZ", "dz",
    "grad_y", "grad_Y", "upstream", "cotangent", "df", "dL",
)  # fmt: skip
"""Names that mean the cotangent of the output where the forward has no tensor of that name."""

LOSSES = ("L", "l", "ℓ", "loss", "Loss", "LOSS", "J", "C", "E", "cost", "f", "F")
"""Names that mean the loss where the forward has no tensor of that name."""

WRITTEN_OUT = 120
"""Nodes of the longest gradient that is written out in terms of the output's cotangent alone."""

_GRADIENT = re.compile(r"d(?P<loss>[^\W_]+)_d_?(?P<of>\w.*)|d_?(?P<plain>\w.*)|grad_(?P<grad>\w.*)|(?P<last>.+)_grad")


class Forward:
    """A program, the names that a claim about it may use, and what is derived from it.

    ``cotangent`` is a further name for the cotangent of the output. One `Forward` serves any number of claims.

    >>> from covector.frontend import read_program
    >>> forward = Forward(read_program("y[i] = x[i] ** 2"))
    >>> forward.gradient(forward.program.inputs[0])
    dx[i] = mul(2, G[i], x[i])
    """

    def __init__(self, program: Program, cotangent: str | None = None) -> None:
        self.program, self.tensors = program, program.tensors()
        self.own = (cotangent,) if cotangent else ()
        self.jacobians: dict[tuple[Tensor, Tensor], Compute] = {}

    @cached_property
    def found(self) -> Gradients:
        """The cotangents of all tensors of floats."""
        output = self.program.output
        wanted = [t for t in self.tensors.values() if is_float(t.dtype) and t is not output]
        return gradients(self.program, wanted)

    @cached_property
    def tidy(self) -> Tidy:
        """The normal form in the light of the program."""
        return Tidy(self.program)

    @cached_property
    def seed(self) -> Input:
        """The cotangent of the output; of a scalar output too, where a claim names it."""
        output = self.program.output
        if output.shape and is_float(output.dtype):
            assert self.found.seed is not None
            return self.found.seed
        name = "G"
        while name in self.tensors:
            name += "_"
        return Input(name, output.shape, "float64")

    def gradient(self, tensor: Tensor) -> Compute | Input:
        """∂L/∂tensor, in terms of the cotangents of later statements; zero where the output does not depend on it.

        Raises `DtypeError` where the tensor has no gradient.
        """
        if tensor is self.program.output:
            return self.seed
        if not is_float(tensor.dtype):
            gradients(self.program, (tensor,))
        found = self.found.cotangents[tensor]
        return found if found is not None else _zero(f"d{tensor.name}", tensor)

    def written_out(self, tensor: Tensor) -> Compute | None:
        """∂L/∂tensor in terms of the output's cotangent alone; None where that is too long to read."""
        statement = self.gradient(tensor)
        cotangents = [c for c in self.found.cotangents.values() if c is not None]
        if not isinstance(statement, Compute) or not reads_any(statement.body, cotangents):
            return statement if isinstance(statement, Compute) else None
        body = inlined(statement.body, cotangents, 4 * WRITTEN_OUT)
        if body is None:
            return None
        body = self.found.tidy.finish(add(body))
        small = sum(1 for _ in walk(body)) <= WRITTEN_OUT
        return Compute(statement.name, statement.indices, body, statement.cast) if small else None

    def jacobian(self, of: Compute, by: Tensor) -> Compute:
        """``∂of[p,…]/∂by[i,…]`` through all statements between them, with the indices of both."""
        if (of, by) not in self.jacobians:
            at = element_indices(by)
            outputs = output_indices(of, at)
            body = rename_bound(of.body, frozenset((*at, *outputs)))
            body = rename(body, dict(zip(of.indices, outputs, strict=True)))
            self.jacobians[of, by] = Compute(f"∂{of.name}/∂{by.name}", (*outputs, *at), self.derivative(body, by, at))
        return self.jacobians[of, by]

    def derivative(self, body: Expr, by: Tensor, at: tuple[Index, ...]) -> Expr:
        """``∂body/∂by[at]`` through all statements that the body reads, in normal form."""
        between = [s for s in self.program.statements if isinstance(s, Compute) and s is not by]
        whole = inlined(body, [s for s in between if _depends(s, by)], 2000)
        if whole is None:
            raise CovectorError(
                "this Jacobian is too long to derive in one piece", hint="claim it statement by statement"
            )
        whole = rename_bound(whole, frozenset(at))
        return self.tidy.finish_entry(partial(whole, by, tuple(as_affine(index) for index in at)))

    def named(self, name: str) -> Tensor | None:
        """What a name means in a claim: a tensor of the forward, or a cotangent; None where it is neither."""
        if name in self.tensors:
            return self.tensors[name]
        if name in self.own:
            return self.seed
        of = self.gradient_of(name)
        return None if of is None else self.gradient(of)

    def gradient_of(self, name: str) -> Tensor | None:
        """The tensor whose cotangent a name means: ``dweight``, ``d_weight``, ``grad_weight``, ``G``."""
        if name in self.tensors:
            return None
        if name in self.own:
            return self.program.output
        found = _GRADIENT.fullmatch(name)
        for stem in found.groupdict().values() if found else ():
            tensor = self.tensor(stem) if stem else None
            if tensor is not None and stem != found["loss"] and is_float(tensor.dtype):  # type: ignore[index]
                return tensor
        return self.program.output if name in COTANGENTS or name == self.seed.name else None

    def tensor(self, name: str) -> Tensor | None:
        """The tensor of a name, also where it is only one in other case: ``W`` for ``w``."""
        if name in self.tensors:
            return self.tensors[name]
        close = [tensor for own, tensor in self.tensors.items() if own.lower() == name.lower()]
        return close[0] if len(close) == 1 else None

    def is_loss(self, name: str) -> bool:
        """Whether a name means the loss: what the cotangents are the gradients of."""
        return name in LOSSES and name not in self.tensors


def inlined(expr: Expr, tensors: Collection[Tensor], limit: int) -> Expr | None:
    """The expression with every read of these statements replaced by its body; None where that passes the limit."""
    chosen = set(tensors)

    def inline(node: object) -> object:
        if not (isinstance(node, Read) and node.tensor in chosen and isinstance(node.tensor, Compute)):
            return node
        positions: Mapping[Index, Affine] = dict(zip(node.tensor.indices, node.positions, strict=True))
        return substitute(node.tensor.body, positions)

    while reads_any(expr, chosen):
        expr = transform(expr, inline)
        if sum(1 for _ in walk(expr)) > limit:
            return None
    return expr


def reads_any(expr: Expr, tensors: Collection[Tensor]) -> bool:
    """Whether an expression reads one of the tensors."""
    return any(isinstance(node, Read) and node.tensor in tensors for node in walk(expr))


def scaled(statement: Compute, scale: Input) -> Compute:
    """A statement times a scalar input."""
    return Compute(statement.name, statement.indices, mul(Read(scale, ()), statement.body), statement.cast)


def _depends(statement: Compute, by: Tensor) -> bool:
    """Whether a statement reads a tensor, directly or through others."""
    waiting: list[Tensor] = [statement]
    seen: set[Tensor] = set()
    while waiting:
        tensor = waiting.pop()
        if tensor is by:
            return True
        if isinstance(tensor, Compute) and tensor not in seen:
            seen.add(tensor)
            waiting += [node.tensor for node in walk(tensor.body) if isinstance(node, Read)]
    return False


def _zero(name: str, tensor: Tensor) -> Compute:
    return Compute(name, element_indices(tensor), Literal(ONE.value * 0), "float64")
