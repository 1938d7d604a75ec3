"""`checkpoint`: a function whose intermediate values are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from covector.calculus.build import mul
from covector.ir import Compute, Index, Input, Program, Read, Symbol, Tensor, as_affine, is_float
from covector.ir.tensor import program_of
from covector.tensors.call import record
from covector.tensors.dtypes import float32, kind_of
from covector.tensors.form import AdjointForm, Form, entry_at
from covector.tensors.instantiate import Instantiation
from covector.tensors.node import STATE, leaf
from covector.tensors.tensor import Tensor as Array
from covector.tensors.tree import flatten
from covector.transforms.capture import capture
from covector.transforms.forms import RuledForm, batched_program, unused
from covector.transforms.trees import Function, check_function


def checkpoint(function: Function) -> Callable[..., Any]:
    """The function, of which a backward pass keeps the arguments alone: it computes the rest again.

    Values and gradients are the same, random numbers too. Raises `JitError` where the function looks at values.

    >>> import covector as cv
    >>> cv.grad(cv.checkpoint(lambda x: cv.sin(cv.sin(x))))(cv.tensor(0.0))
    tensor(1.)
    """
    check_function("checkpoint", function)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        found = capture("checkpoint", function, (arguments, keywords))
        tensors, *_ = flatten((arguments, keywords))
        again = tuple(at for at, tensor in enumerate(tensors) if tensor._node.kind.is_float)
        form = _form(found.program, again)
        nodes = (*found.nodes, leaf(kind_of((), float32), 1.0))
        results = record(entry_at(form, ()), nodes, found.mask if STATE.grad_enabled else 0)
        return found.rebuild([Array(node, node.mask > 0) for node in results])

    return call


@lru_cache(maxsize=1 << 10)
def _form(program: Program, again: tuple[int, ...]) -> CheckpointForm:
    one = Input(unused("one", set(program.tensors())), (), "float32")
    return CheckpointForm("checkpoint", Program((*program.inputs, one), program.statements, program.outputs), again)


class CheckpointForm(RuledForm):
    """A form whose adjoint shares no value with it.

    The last argument is the number 1, of which only the one who runs the program knows that it is: the adjoint reads
    the arguments in ``again`` times that number, so that nothing that follows is what the form has computed.
    """

    __slots__ = ("again",)

    def __init__(self, name: str, program: Program, again: tuple[int, ...], symbols: tuple[Symbol, ...] = ()) -> None:
        super().__init__(name, program, symbols)
        self.again = again

    def adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The derived adjoint, of arguments that are made anew."""
        key = (output, mask, seeded)
        if key not in self._adjoints:
            self._adjoints[key] = self._apart(super().adjoint(output, mask, seeded))
        return self._adjoints[key]

    def _apart(self, derived: AdjointForm) -> AdjointForm:
        program = derived.form.program
        places = dict(zip(program.inputs, derived.arguments, strict=True))
        names = set(program.tensors())
        one = Input(unused("one", names), (), "float32")
        made: dict[Tensor, Tensor] = {
            given: _times(given, one, unused(given.name, names)) for given, at in places.items() if at in self.again
        }
        for statement in program.statements:
            assert isinstance(statement, Compute)
            made[statement] = Instantiation(made, {}).statement(statement, statement.name)
        outputs = [made[output] for output in program.outputs]
        apart = program_of([output for output in outputs if isinstance(output, Compute)])
        places[one] = len(self.program.inputs) - 1
        arguments = tuple(places[given] for given in apart.inputs)
        return AdjointForm(Form(derived.form.name, apart, self.symbols), arguments, derived.targets, derived.zero)

    def batched(self, mask: int, symbol: Symbol) -> CheckpointForm:
        """The form on a batch, with an adjoint of the same sort."""
        program = batched_program(self.program, mask, symbol)
        return CheckpointForm(f"{self.name}_batch", program, self.again, (*self.symbols, symbol))


def _times(given: Input, one: Input, name: str) -> Compute:
    """An input times a number."""
    assert is_float(given.dtype)
    indices = tuple(Index(f"i{axis}", extent) for axis, extent in enumerate(given.shape))
    read = Read(given, tuple(map(as_affine, indices)))
    return Compute(name, indices, mul(Read(one, ()), read), given.dtype)
