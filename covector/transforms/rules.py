"""Forms whose derivative somebody has given: the program of a function, and the program of its rule.

A rule in one direction gives the other one, for it is linear in its tangents or cotangents: the other is its transpose,
which the calculus derives. What is derived of a derivative is derived of the rule.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from covector.calculus.build import ONE, ZERO, add, mul, total
from covector.calculus.reverse import gradients
from covector.calculus.rules import simplify
from covector.ir import Compute, Expr, Input, Program, Read, Reduce, Symbol, Tensor, as_affine, transform
from covector.ir.tensor import program_of
from covector.tensors.form import SEED, AdjointForm, Form
from covector.tensors.instantiate import Instantiation
from covector.transforms.forms import RuledForm, TangentForm, batched_program, unused


class GivenForm(RuledForm):
    """A form with a rule.

    ``sources`` says what each input of the rule is: the argument at that place, or for ``-1 - n`` the direction that
    belongs to number n: the tangent of an argument, or the cotangent of an output. ``agrees`` says whether the rule was
    compared with the derivative of the program and is the same.
    """

    __slots__ = ("agrees", "rule", "sources", "wanted")

    def __init__(
        self,
        name: str,
        program: Program,
        rule: Program,
        sources: tuple[int, ...],
        wanted: tuple[int, ...],
        symbols: tuple[Symbol, ...] = (),
    ) -> None:
        super().__init__(name, program, symbols)
        self.rule, self.sources, self.wanted = rule, sources, wanted
        self.agrees = False

    def adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The adjoint as the rule has it, made when it is first asked for."""
        key = (output, mask, seeded)
        if key not in self._adjoints:
            self._adjoints[key] = self.made_adjoint(output, mask, seeded)
        return self._adjoints[key]

    @abstractmethod
    def made_adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The adjoint as the rule has it."""

    def directions(self) -> dict[int, Input]:
        """The inputs of the rule that are directions, by what they belong to."""
        return {-1 - n: given for n, given in zip(self.sources, self.rule.inputs, strict=True) if n < 0}

    def places(self) -> dict[Tensor, int]:
        """The arguments of the form that inputs of the rule are."""
        return {given: n for n, given in zip(self.sources, self.rule.inputs, strict=True) if n >= 0}

    def given_adjoint(self, results: Mapping[int, Compute], mask: int, places: Mapping[Tensor, int]) -> AdjointForm:
        """The adjoint that consists of these results, by argument."""
        program = program_of(results.values())
        return AdjointForm(
            Form(f"{self.name}'", program, self.symbols),
            tuple(places[tensor] for tensor in program.inputs),
            tuple((place, at) for at, place in enumerate(results)),
            tuple(n for n in range(len(self.program.inputs)) if mask >> n & 1 and n not in results),
        )

    def given_tangent(self, result: Compute, places: Mapping[Tensor, int]) -> TangentForm:
        """The tangent that a result is."""
        program = program_of([result])
        form = Form(f"{self.name}_tangent", program, self.symbols)
        return TangentForm(form, tuple(places[tensor] for tensor in program.inputs))


class VjpForm(GivenForm):
    """A form whose rule gives the cotangents of the arguments ``wanted`` from those of the outputs."""

    __slots__ = ()

    def made_adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The rule, for the cotangent of one output."""
        seeds = self.directions()
        fixed = {seed: ZERO if n != output else ONE for n, seed in seeds.items() if n != output or not seeded}
        places = self.places()
        if output in seeds:
            places[seeds[output]] = SEED
        chosen = [at for at, place in enumerate(self.wanted) if mask >> place & 1]
        found = fixing([self.rule.outputs[at] for at in chosen], fixed)
        return self.given_adjoint({self.wanted[at]: c for at, c in zip(chosen, found, strict=True)}, mask, places)

    def tangent(self, output: int, mask: int) -> TangentForm | None:
        """The transpose of the rule."""
        seeds, count = self.directions(), len(self.program.inputs)
        chosen = [at for at, place in enumerate(self.wanted) if mask >> place & 1]
        if output not in seeds or not chosen:
            return None
        others = {seed: ZERO for n, seed in seeds.items() if n != output}
        found = fixing([self.rule.outputs[at] for at in chosen], others)
        names = set(self.rule.tensors())
        tangents = [Input(unused("t", names), cotangent.shape, cotangent.dtype) for cotangent in found]
        (result,) = transposed(found, tangents, [seeds[output]])
        if result is None:
            return None
        places = self.places() | {t: count + self.wanted[at] for at, t in zip(chosen, tangents, strict=True)}
        (settled,) = fixing([result], {seeds[output]: ZERO})
        return self.given_tangent(settled, places)

    def batched(self, mask: int, symbol: Symbol) -> VjpForm:
        """The form and its rule on a batch; the cotangents of what all examples share are added up."""
        along = sum(1 << at for at, n in enumerate(self.sources) if n < 0 or mask >> n & 1)
        rule = batched_program(self.rule, along, symbol)
        names = set(rule.tensors())
        outputs = [
            output if mask >> place & 1 else _summed(output, unused(f"{output.name}_sum", names))
            for place, output in zip(self.wanted, _computed(rule.outputs), strict=True)
        ]
        program = batched_program(self.program, mask, symbol)
        whole = program_of(outputs, rule.inputs)
        return VjpForm(f"{self.name}_batch", program, whole, self.sources, self.wanted, (*self.symbols, symbol))


class JvpForm(GivenForm):
    """A form whose rule gives the tangents of the outputs ``wanted`` from those of the arguments."""

    __slots__ = ()

    def tangent(self, output: int, mask: int) -> TangentForm | None:
        """The rule, for the tangents of some arguments."""
        tangents, count = self.directions(), len(self.program.inputs)
        if output not in self.wanted or not any(mask >> n & 1 for n in tangents):
            return None
        fixed = {tangent: ZERO for n, tangent in tangents.items() if not mask >> n & 1}
        places = self.places() | {tangent: count + n for n, tangent in tangents.items()}
        (settled,) = fixing([self.rule.outputs[output]], fixed)
        return self.given_tangent(settled, places)

    def made_adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The transpose of the rule."""
        tangents, places = self.directions(), self.places()
        wanted = {n: tangent for n, tangent in tangents.items() if mask >> n & 1}
        others = {tangent: ZERO for n, tangent in tangents.items() if n not in wanted}
        found = fixing([self.rule.outputs[output]], others)
        seed = Input(unused("G", set(self.rule.tensors())), found[0].shape, found[0].dtype)
        places[seed] = SEED
        results = dict(zip(wanted, transposed(found, [seed], list(wanted.values())), strict=True))
        kept = {n: result for n, result in results.items() if result is not None}
        fixed: dict[Input, Expr] = dict.fromkeys(wanted.values(), ZERO)
        if not seeded:
            fixed[seed] = ONE
        return self.given_adjoint(dict(zip(kept, fixing(list(kept.values()), fixed), strict=True)), mask, places)

    def batched(self, mask: int, symbol: Symbol) -> JvpForm:
        """The form and its rule on a batch."""
        along = sum(1 << at for at, n in enumerate(self.sources) if mask >> (n if n >= 0 else -1 - n) & 1)
        rule = batched_program(self.rule, along, symbol)
        program = batched_program(self.program, mask, symbol)
        return JvpForm(f"{self.name}_batch", program, rule, self.sources, self.wanted, (*self.symbols, symbol))


def transposed(results: Sequence[Compute], weights: Sequence[Input], by: Sequence[Input]) -> list[Compute | None]:
    """The derivative of the sum of results times weights by some inputs, in which the results are linear."""
    names = {tensor for result in results for tensor in program_of([result]).tensors()}
    terms: list[Expr] = []
    for result, weight in zip(results, weights, strict=True):
        at = tuple(map(as_affine, result.indices))
        terms.append(total(result.indices, mul(Read(weight, at), Read(result, at))))
    paired = Compute(unused("paired", names), (), add(*terms), results[0].dtype)
    program = program_of([paired], by)
    derived = gradients(program, by)
    return [derived.cotangents[given] for given in by]


def fixing(outputs: Iterable[Tensor], fixed: Mapping[Input, Expr]) -> list[Compute]:
    """Statements with some inputs taken for the same number everywhere."""
    wanted = _computed(outputs)
    if not fixed:
        return wanted

    def number(node: object) -> object:
        if isinstance(node, Read) and isinstance(node.tensor, Input):
            return fixed.get(node.tensor, node)
        return node

    made: dict[Tensor, Tensor] = {}
    for statement in program_of(wanted).statements:
        assert isinstance(statement, Compute)
        body = transform(statement.body, number)
        settled = statement.body if body is statement.body else simplify(body)
        new = Compute(statement.name, statement.indices, settled, statement.dtype)
        made[statement] = Instantiation(made, {}).statement(new, statement.name)
    return _computed(made[output] for output in wanted)


def _computed(tensors: Iterable[Tensor]) -> list[Compute]:
    found = []
    for tensor in tensors:
        assert isinstance(tensor, Compute)
        found.append(tensor)
    return found


def _summed(statement: Compute, name: str) -> Compute:
    """A statement added up over its first axis."""
    first, *rest = statement.indices
    body = Reduce("sum", (first,), Read(statement, tuple(map(as_affine, statement.indices))))
    return Compute(name, tuple(rest), body, statement.dtype)
