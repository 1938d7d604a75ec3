"""What a derivation is: data that every format is printed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from covector.ir import Bracket, Compute, Expr, Index, Input, Program, Tensor
from covector.matrix.record import MatrixForm


@dataclass(frozen=True)
class Reason:
    """Why a step holds: the name of a rule, and what it is called in a derivation."""

    name: str
    title: str
    title_zh: str


@dataclass(frozen=True)
class Step:
    """One line ``= expression (reasons)``.

    With ``of``, the line is ``∂(expression)/∂of[…]``: the derivative is still to be taken.
    """

    expr: Expr
    rules: tuple[Reason, ...] = ()
    of: tuple[Tensor, tuple[Index, ...]] | None = None


@dataclass(frozen=True)
class Case:
    """The value of an entry where some deltas are 1 (``equal``) and others 0 (``unequal``)."""

    equal: tuple[Bracket, ...]
    unequal: tuple[Bracket, ...]
    value: Expr


@dataclass(frozen=True)
class Path:
    """What one statement gives to the gradient of a tensor that it reads.

    ``entry`` are the steps from ∂statement[outputs]/∂tensor[at] to its normal form, ``cases`` what that is case
    by case (empty where there is nothing to tell apart), ``chain`` the steps from Σ_outputs cotangent·entry to
    what the statement contributes. ``cotangent`` is the name of the statement's own cotangent, None where that
    is 1 (the loss itself).
    """

    statement: Compute
    outputs: tuple[Index, ...]
    at: tuple[Index, ...]
    cotangent: str | None
    entry: tuple[Step, ...]
    cases: tuple[Case, ...]
    chain: tuple[Step, ...]


@dataclass(frozen=True)
class Verification:
    """What a gradient was checked against, and how well it agreed.

    ``shapes`` are the values given to the symbols, one mapping for each check; ``error`` is the largest
    relative error against central differences, ``dual_error`` that against dual numbers.
    """

    shapes: tuple[Mapping[str, int], ...]
    points: int
    error: float
    dual_error: float


@dataclass(frozen=True)
class Gradient:
    """The gradient of the output with respect to one tensor, derived.

    ``statement`` is its element form in terms of cotangents of later statements; ``whole`` the same with those
    written out where that is short enough (otherwise None; the statement itself where there is nothing to write
    out). ``matrix`` is the matrix form of ``whole`` or ``statement``. All are None where the output does not
    depend on the tensor: the gradient is zero. ``explain`` finds the steps, when somebody looks at the `paths`.
    """

    tensor: Tensor
    at: tuple[Index, ...]
    explain: Callable[[], tuple[Path, ...]]
    statement: Compute | None
    whole: Compute | None
    matrix: MatrixForm | None
    verification: Verification | None

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """What each statement that reads the tensor gives, step by step."""
        return self.explain()


@dataclass(frozen=True)
class StopNote:
    """What was found about a ``stop(e)``: whether leaving the stop out would change any gradient."""

    expr: Expr
    harmless: bool


@dataclass(frozen=True)
class Record:
    """A whole derivation.

    ``gradients`` holds the wanted tensors by name; ``intermediate`` the cotangents of statements, from the last
    one backward; ``forward`` the matrix forms of statements that have one, by name; ``seed`` is the cotangent
    of the output (None for a scalar output, which is the loss itself).
    """

    program: Program
    seed: Input | None
    gradients: Mapping[str, Gradient]
    intermediate: Mapping[str, Gradient]
    forward: Mapping[str, MatrixForm]
    stops: tuple[StopNote, ...]
    gradient_program: Program
