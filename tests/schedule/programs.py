"""Programs that train, for the tests of plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from covector.calculus.reverse import gradients
from covector.frontend.program import read_program
from covector.ir import Apply, Compute, Input, Literal, Opaque, Program, Read, as_affine
from covector.ir.tensor import read_tensors
from covector.ops import SCALARS
from covector.schedule.plan import Kernel, Loop, Plan, Product
from tests.schedule.interpret import steps_of
from tests.support.programs import float_inputs


def with_gradients(text: str, keep_output: bool = True) -> Program:
    """The program of a text, with the gradients of all its float inputs as outputs, beside its own."""
    read = read_program(text)
    wanted = float_inputs(read)
    found = gradients(read, wanted).gradient_program(wanted)
    return Program(found.inputs, found.statements, (*([read.output] if keep_output else []), *found.outputs))


def derivatives_first(program: Program) -> Program:
    """The same program with derived statements early, the last ones first, and the outputs turned round."""
    left, done = list(program.statements), list[Compute | Opaque]()
    while left:
        ready = [tensor for tensor in left if all(below in done for below in read_tensors(tensor) if below in left)]
        first = next((tensor for tensor in ready[::-1] if isinstance(tensor, Compute) and tensor.is_derived), ready[0])
        done.append(first)
        left.remove(first)
    return Program(program.inputs, tuple(done), program.outputs[::-1])


def perceptron(
    sizes: Sequence[int], batch: int | str, dtype: str = "float64"
) -> tuple[Program, Mapping[Compute, Input]]:
    """A step of gradient descent of a multilayer perceptron: the loss, and every parameter updated in place."""
    lines = [f"h0: {batch} {sizes[0]} {dtype}", f"target: {batch} int64"]
    last = len(sizes) - 1
    for layer, (before, after) in enumerate(pairwise(sizes), 1):
        lines += [f"W{layer}: {after} {before} {dtype}", f"b{layer}: {after} {dtype}"]
        lines.append(f"z{layer}[n,j] = sum[k](h{layer - 1}[n,k] * W{layer}[j,k]) + b{layer}[j]")
        lines += [f"h{layer}[n,j] = relu(z{layer}[n,j])"] if layer < last else []
    read = read_program("\n".join([*lines, f"loss = cross_entropy(z{last}, target)"]))
    weights = [given for given in read.inputs if given.name[0] in "Wb"]
    found = gradients(read, weights).gradient_program(weights)
    updates = {_descent(given, step): given for given, step in zip(weights, found.outputs, strict=True)}
    return Program(found.inputs, (*found.statements, *updates), (read.output, *updates)), updates


def _descent(weight: Input, gradient: object) -> Compute:
    """``new = weight - gradient/10``."""
    assert isinstance(gradient, Compute)
    at = tuple(map(as_affine, gradient.indices))
    step = Apply(SCALARS["mul"], (Literal(Fraction(1, 10)), Read(gradient, at)))
    return Compute(f"new_{weight.name}", gradient.indices, Apply(SCALARS["sub"], (Read(weight, at), step)))


def products(plan: Plan) -> dict[str, list[Product]]:
    """The products of a plan by the names of their targets."""
    found: dict[str, list[Product]] = {}
    for kernel in plan.kernels:
        for step in kernel.steps:
            if isinstance(step, Product):
                found.setdefault(step.target.name, []).append(step)
    return found


def looping(plan: Plan) -> list[Kernel]:
    """The kernels that are loops."""
    return [kernel for kernel in plan.kernels if any(isinstance(step, Loop) for step in kernel.steps)]


def depth(kernel: Kernel) -> int:
    """How deep the loops of a kernel are nested."""

    def of(loop: Loop) -> int:
        return 1 + max((of(step) for step in loop.body if isinstance(step, Loop)), default=0)

    return max((of(step) for step in kernel.steps if isinstance(step, Loop)), default=0)


def written(kernel: Kernel) -> set[str]:
    """The names of what a kernel writes."""
    return {step.target.name for step in steps_of(kernel.steps) if not isinstance(step, Loop)}
