"""Records made directly from the calculus, so that the formats are tested apart from the search for steps."""

from __future__ import annotations

from covector.calculus.build import ONE, ZERO, delta_form, factors_of, mul, total
from covector.calculus.reverse import Contribution, Gradients, gradients
from covector.calculus.rules import simplify
from covector.derivation.record import Case, Gradient, Path, Reason, Record, Step, StopNote, Verification
from covector.ir import Bracket, Compute, Program, Tensor
from covector.matrix import MatrixForm
from covector.notation.element import define
from covector.notation.parse import parse_program
from covector.notation.scope import Scope

LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"
ATTENTION = (
    "S[i,j] = sum[k](Q[i,k] * K[j,k]); "
    "P[i,j] = exp(S[i,j] - stop(max[m](S[i,m]))) / sum[l](exp(S[i,l] - stop(max[m](S[i,m])))); "
    "O[i,d] = sum[j](P[i,j] * V[j,d])"
)
LOSS = "E[i] = sum[k](X[i,k] * W[k]) + b - Y[i]; Loss = mean[i](E[i] ** 2) / 2"
READ = Reason("read", "derivative of a read", "读取的导数")
DELTA = Reason("sum-delta", "sum-delta on k", "δ 消去求和 k")
CHECKED = Verification(({"M": 3}, {"M": 1}, {"M": 5}), 2, 2.04e-10, 3.3e-16)


def program(source: str) -> Program:
    """The program of a source in element form."""
    scope, statements = Scope(), []
    for part in parse_program(source).statements:
        statement, scope = define(part, scope, source)  # type: ignore[arg-type]
        statements.append(statement)
    return Program(tuple(scope.inputs()), tuple(statements), (statements[-1],))


def record(source: str, matrices: dict[str, MatrixForm] | None = None) -> Record:
    """The record of a source, with every input wanted."""
    found = gradients(program(source), program(source).inputs)
    every = {tensor.name: _gradient(found, tensor, matrices or {}) for tensor in found.cotangents}
    inputs = {tensor.name for tensor in found.program.inputs}
    return Record(
        program=found.program,
        seed=found.seed,
        gradients={name: gradient for name, gradient in every.items() if name in inputs},
        intermediate={name: gradient for name, gradient in every.items() if name not in inputs},
        forward={
            "linear": MatrixForm(
                "input @ weight.T + bias", r"\mathrm{input}\,\mathrm{weight}^{\top} + \mathrm{bias}", True
            )
        }
        if "linear" in source
        else {},
        stops=tuple(StopNote(program("m[i] = max[j](S[i,j])").output.body, harmless) for harmless in (True, False))
        if "stop" in source
        else (),
        gradient_program=found.gradient_program(found.program.inputs),
    )


def _gradient(found: Gradients, tensor: Tensor, matrices: dict[str, MatrixForm]) -> Gradient:
    given = found.contributions.get(tensor, ())
    paths = tuple(_path(found, contribution) for contribution in given)
    statement = found.cotangents[tensor]
    at = given[0].at if given else ()
    return Gradient(
        tensor, at, lambda: paths, statement, statement, matrices.get(tensor.name), CHECKED if statement else None
    )


def _path(found: Gradients, given: Contribution) -> Path:
    entry = (
        Step(given.body, (), (given.tensor, given.at)),
        Step(given.entry, (READ,)),
        Step(simplify(given.entry), (DELTA,)),
    )
    chain = (Step(total(given.outputs, mul(given.cotangent, simplify(given.entry)))), Step(given.result, (DELTA,)))
    name = _cotangent(found, given.statement)
    return Path(given.statement, given.outputs, given.at, name, entry, _cases(given), chain if name else ())


def _cotangent(found: Gradients, statement: Compute) -> str | None:
    if statement is found.program.output:
        return found.seed.name if found.seed else None
    made = found.cotangents[statement]
    return made.name if made else None


def _cases(given: Contribution) -> tuple[Case, ...]:
    factors = factors_of(simplify(given.entry))
    deltas = tuple(f for f in factors if isinstance(f, Bracket) and delta_form(f) is not None)
    if not deltas:
        return ()
    rest = [factor for factor in factors if factor not in deltas]
    return (Case((), deltas, ZERO), Case(deltas, (), mul(*rest) if rest else ONE))
