"""Is this backward function right? `check_function` compares it with its forward, wherever that can be tried."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from covector.checker.frameworks import (
    FRAMEWORKS,
    NUMPY,
    Framework,
    OwnGradients,
    framework_of,
    is_torch_function,
    is_torch_module,
    module_parameters,
    needs,
)
from covector.checker.functions_claim import Claim, ForwardCall, HandWritten, Own, Twice, plain_run, takes_context
from covector.checker.functions_compare import Point
from covector.checker.functions_examine import Examination, Options, Subject
from covector.checker.functions_inputs import Inputs, Spec, read_inputs
from covector.checker.functions_program import described, with_limits
from covector.checker.functions_signature import signature_of
from covector.checker.functions_truth import DerivedForward, Forward, NumericForward
from covector.checker.functions_verdict import judge
from covector.checker.verdict import Verdict
from covector.derivation.derivation import Derivation
from covector.errors import CovectorError, NotationError
from covector.frontend import read_program
from covector.ir import Program

Source = str | Program | Derivation

SECOND_ORDER_SIZES = 3
"""Sizes at which the backward of the backward is checked."""


def check_function(
    backward: Any = None,
    *,
    of: Any = None,
    inputs: Any = None,
    wrt: str | Iterable[str] | None = None,
    signature: str | None = None,
    framework: str | None = None,
    order: int = 1,
    dtypes: Sequence[str] = ("float64", "float32"),
    limit: int = 4096,
    seed: int = 0,
    time_limit: float | None = None,
) -> Verdict:
    """Check a backward function against its forward, at many shapes, dtypes, layouts and cotangents.

    ``of`` is the forward: a program of covector (the truth is derived), or a function on NumPy arrays, on tensors of
    covector or PyTorch, or on JAX arrays (the truth is numeric, in float64). ``backward`` is hand-written, called as
    ``signature`` says (``"x, weight, grad_output"``) or as the names of its parameters say, and returns gradients in
    the order of the inputs or by name. A PyTorch ``autograd.Function`` or module, a JAX function with a custom rule, or
    a function on tensors of covector brings its own: give it alone, or the first three as ``backward`` of a forward.
    ``inputs`` describes the inputs, by name or in order: ``"M infs"``, ``"... D positive"``, ``"N int<V"``, a tuple of
    sizes, an array to start from, or a function of a random generator.

    Gives *wrong* with the input, the coordinates, the likely cause and a small counterexample; *agrees* with how far it
    was tried; *not understood* where it cannot be called. Raises nothing for what the functions do.

    >>> def backward(x, grad_output):
    ...     return x * grad_output
    >>> verdict = check_function(backward, of="y[i] = x[i]**2", inputs={"x": "N"})
    >>> verdict.verdict, verdict.cause.name
    ('wrong', 'factor 1/2')
    """
    options = Options(tuple(dtypes), limit, seed, time_limit)
    name = _name(backward if backward is not None else of)
    try:
        found = prepare(backward, of, inputs, wrt, signature, framework, seed)
        examination, claim = _examination(found, options), found[1]
        verdict = judge(name, examination, claim)
        if verdict and order == 2:
            return _second_order(name, found, options, verdict)
    except CovectorError as error:
        return Verdict("not understood", name, str(error))
    return verdict


Prepared = tuple[Subject, Claim]


def prepare(
    backward: Any, of: Any, inputs: Any, wrt: Any, signature: str | None, framework: str | None, seed: int = 0
) -> Prepared:
    """The subject and the claim that the arguments of `check_function` describe; raises `CovectorError`."""
    if backward is None and of is None:
        raise NotationError("there is nothing to check", hint="check_function(backward, of=forward, inputs=…)")
    if framework is not None and framework not in FRAMEWORKS:
        raise NotationError(f"there is no framework {framework!r}", hint="one of " + ", ".join(FRAMEWORKS))
    library = FRAMEWORKS[framework] if framework else framework_of(backward, of, *_examples(inputs))
    needs(library)
    derived = isinstance(of, (str, Program, Derivation))
    own = _own(backward, of, derived)
    given = _inputs(of if of is not None and (derived or own is not of) else own, inputs, seed)
    wanted = _wanted(given, wrt)
    if own is not None:
        if library is NUMPY:
            hint = "give both, backward and of=forward, or say framework='torch', 'jax' or 'covector'"
            raise NotationError(f"{_name(own)} has no backward of its own", hint=hint)
        return _own_subject(own, None if of is own else of, library, given, wanted)
    return _written_subject(backward, of, library, given, wanted, signature)


def _own(backward: Any, of: Any, derived: bool) -> Any:
    """What brings its own backward, where something does."""
    if backward is None and not derived:
        return of
    own = is_torch_function(backward) or is_torch_module(backward) or _is_custom_rule(backward)
    return backward if of is None or own else None


def _is_custom_rule(thing: Any) -> bool:
    return type(thing).__name__ in ("custom_vjp", "custom_jvp") and type(thing).__module__.startswith("jax")


def _own_subject(own: Any, of: Any, library: Framework, inputs: Inputs, wanted: tuple[str, ...]) -> Prepared:
    """What brings its own backward, against a program, another forward, or its own forward (``of`` is None)."""
    if is_torch_module(own):
        weights = {n: a for n, a in module_parameters(own).items() if n not in inputs.names}
        specs = tuple(Spec(n, tuple(map(str, a.shape)), generator=_around(a)) for n, a in weights.items())
        wanted = (*wanted, *weights) if wanted == inputs.floats else wanted
        inputs = Inputs((*inputs.specs, *specs), inputs.whole)
    gradients = OwnGradients(own, library, inputs.names, inputs.floats)
    forward: Forward
    if isinstance(of, (str, Program, Derivation)):
        forward = _derived(of, inputs)
    elif of is not None:
        forward = _numeric(of, library, inputs, ForwardCall(_function(of), inputs.names))
    else:
        forward = NumericForward(_with_precision(library, plain_run(library, gradients.values)), False)
    return Subject(inputs, wanted, forward), Own(gradients, wanted)


def _around(weights: Any) -> Callable[[np.random.Generator], Any]:
    return lambda rng: weights + 0.1 * rng.standard_normal(weights.shape)


def _written_subject(
    backward: Any, of: Any, library: Framework, inputs: Inputs, wanted: tuple[str, ...], said: str | None
) -> Prepared:
    if not callable(backward):
        raise NotationError(f"a backward is a function, not {type(backward).__name__}")
    derived = isinstance(of, (str, Program, Derivation))
    output = _output_name(of, inputs) if derived else ""
    signature = signature_of(backward, inputs.names, said, output)
    call: ForwardCall | None = None
    forward: Forward
    if derived:
        forward = _derived(of, inputs)
    else:
        if not callable(of):
            raise NotationError(f"a forward is a program or a function, not {type(of).__name__}")
        call = ForwardCall(_function(of), inputs.names, signature.wants_cache)
        forward = _numeric(of, library, inputs, call)
    claim = HandWritten(backward, signature, library, inputs.names, inputs.floats, wanted, call, forward)
    no_cotangent = "cotangent" not in signature.roles
    return Subject(inputs, wanted, forward, fixed_cotangent=no_cotangent), claim


def _function(forward: Any) -> Callable[..., Any]:
    return forward.apply if is_torch_function(forward) else forward  # type: ignore[no-any-return]


def _numeric(of: Any, library: Framework, inputs: Inputs, call: ForwardCall) -> NumericForward:
    """A forward that is a function; it is derived too, where that can be, but only to find causes."""
    traced = _derived(of, inputs)
    run = plain_run(library, lambda arrays: call(arrays)[0])
    return NumericForward(_with_precision(library, run), library is NUMPY, traced)


def _with_precision(library: Framework, run: Callable[..., Any]) -> Callable[..., Any]:
    def call(arrays: Mapping[str, Any]) -> Any:
        with library.precision():
            return run(arrays)

    return call


def _derived(source: Any, inputs: Inputs) -> DerivedForward:
    return DerivedForward(source, lambda rank: {spec.name: spec.declaration(rank) for spec in inputs.specs})


def _output_name(of: Any, inputs: Inputs) -> str:
    program = of if isinstance(of, Program) else of.program if isinstance(of, Derivation) else None
    if program is None:
        shapes = {spec.name: spec.declaration(1) for spec in inputs.specs}
        program = read_program(of, shapes)
    return program.output.name


def _inputs(forward: Any, given: Any, seed: int) -> Inputs:
    """The inputs as described; from the declarations of a program where nothing is said."""
    rng = np.random.default_rng(seed)
    if isinstance(forward, Derivation):
        forward = forward.program
    if isinstance(forward, str) and given is not None:
        names = () if isinstance(given, Mapping) else _names_of_program(forward)
        found = read_inputs(given, names, rng)
        return with_limits(found, read_program(forward, {spec.name: spec.declaration(1) for spec in found.specs}))
    if isinstance(forward, (str, Program)):
        program = forward if isinstance(forward, Program) else read_program(forward)
        found = read_inputs(described(program) if given is None else given, [t.name for t in program.inputs], rng)
        return with_limits(found, program)
    if given is None:
        raise NotationError("the shapes of the inputs are not said", hint='inputs={"x": "M N", "weight": "K N"}')
    names = _forward_names(forward)
    return read_inputs(given, names, rng)


def _names_of_program(source: str) -> list[str]:
    return [tensor.name for tensor in read_program(source).inputs]


def _forward_names(forward: Any) -> list[str]:
    """The names of the inputs of a forward, where they can be found."""
    function = forward
    if is_torch_function(forward):
        function = forward.forward
    elif is_torch_module(forward):
        function = type(forward).forward
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    skip = is_torch_module(forward) or takes_context(function) or (bool(names) and names[0] == "self")
    return names[1:] if skip else names


def _wanted(inputs: Inputs, wrt: Any) -> tuple[str, ...]:
    if wrt is None:
        if not inputs.floats:
            raise NotationError("no input is a float, so there are no gradients")
        return inputs.floats
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in inputs.floats:
            raise NotationError(
                f"{name!r} is no input that has a gradient", hint="those are " + ", ".join(inputs.floats)
            )
    return names


def _examples(inputs: Any) -> list[Any]:
    values = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, (list, tuple)) else ()
    return [value for value in values if not isinstance(value, (str, tuple, int, np.ndarray)) and not callable(value)]


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def _examination(found: Prepared, options: Options) -> Examination:
    subject, claim = found
    return Examination(subject, options, claim.framework.layouts)


def _second_order(name: str, found: Prepared, options: Options, first: Verdict) -> Verdict:
    """The check of the backward of the backward, at a few sizes, for what has one."""
    if not isinstance(found[1], Own):
        raise NotationError("second order is checked where PyTorch, JAX or covector can differentiate the backward")
    examination = _examination(found, options)
    tried: dict[tuple[tuple[int, ...], ...], Point] = {}
    for number in range(len(examination.probes)):
        point = examination.point(number)
        if not isinstance(point, str) and all(array.size for array in point.arrays.values()):
            tried.setdefault(tuple(array.shape for array in point.arrays.values()), point)
        if len(tried) == SECOND_ORDER_SIZES:
            break
    verdict = first
    for point in tried.values():
        verdict = _second_order_at(point, name, found, options, verdict)
        if not verdict:
            return verdict
    return verdict


def _second_order_at(point: Point, name: str, found: Prepared, options: Options, first: Verdict) -> Verdict:
    """The check of the backward of the backward at the sizes of one point."""
    subject, claim = found
    assert isinstance(claim, Own)
    specs = tuple(_sized(spec, point) for spec in subject.inputs.specs)
    names = tuple(f"cotangent{k}" if k else "cotangent" for k in range(len(point.outputs)))
    seeds = tuple(Spec(n, tuple(map(str, o.shape))) for n, o in zip(names, point.outputs, strict=True))
    twice = Twice(claim.own, (*subject.wanted, *names), subject.wanted, names)
    run = _with_precision(claim.framework, plain_run(claim.framework, twice.first))
    inner = Subject(Inputs((*specs, *seeds)), twice.wanted, NumericForward(run, False))
    return judge(f"{name}, second order", _examination((inner, twice), options), twice, first)


def _sized(spec: Spec, point: Point) -> Spec:
    """An input with the shape that it has at a point; where its integers end, those of the point stay."""
    array = point.arrays[spec.name]
    example = spec.example if spec.is_float else array
    return replace(spec, extents=tuple(map(str, array.shape)), example=example)
