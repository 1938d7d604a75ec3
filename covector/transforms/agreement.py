"""Whether a rule that somebody has given agrees with the derivative that the calculus derives, at random points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covector.errors import CovectorError
from covector.ir import Input, Program, is_float
from covector.native.engine import compile_program
from covector.run.extents import evaluate_extent
from covector.run.reference import Array, evaluate
from covector.tensors.dtypes import NUMPY
from covector.tensors.form import OUTPUT, SEED, Form
from covector.transforms.forms import derived_tangent
from covector.transforms.rules import GivenForm, JvpForm, VjpForm

LIGHT = 1 << 16
"""Elements of a program's tensors up to which it is interpreted, not compiled."""

TOLERANCE = {"float32": 2e-3, "float64": 1e-6}


class RuleWarning(UserWarning):
    """A rule that somebody has given for a function is not its derivative."""


def is_derivative(form: GivenForm, known: Mapping[int, Any]) -> bool:
    """Whether a rule is the derived derivative; warns where they differ. ``known`` are the values of constants.

    No where there is no derived derivative to compare with.
    """
    check = _vjp_difference if isinstance(form, VjpForm) else _jvp_difference
    for generator in (np.random.default_rng(0), np.random.default_rng(1)):
        points = _points(form, known, generator)
        try:
            found = check(form, points, generator)  # type: ignore[arg-type]
        except CovectorError:
            return False
        if found:
            warnings.warn(
                f"the rule of {form.name} is not its derivative: {found}\n"
                f"  hint: if that is meant, say so: .def…(…, check=False)",
                RuleWarning,
                stacklevel=7,
            )
            return False
    return True


def _points(form: GivenForm, known: Mapping[int, Any], generator: np.random.Generator) -> list[Array]:
    return [
        np.asarray(known[at], NUMPY[given.dtype]) if at in known else _random(given, generator)
        for at, given in enumerate(form.program.inputs)
    ]


def _random(given: Input, generator: np.random.Generator) -> Array:
    """Values for an input: numbers between 0 and 1, where most functions are defined, some of them negative."""
    shape = [evaluate_extent(extent, {}) for extent in given.shape]
    if not is_float(given.dtype):
        return np.zeros(shape, NUMPY[given.dtype])
    signs = np.where(generator.random(shape) < 0.2, -1, 1)
    return np.asarray(generator.uniform(0.1, 0.9, shape) * signs, NUMPY[given.dtype], order="C")


def _vjp_difference(form: VjpForm, points: Sequence[Array], generator: np.random.Generator) -> str:
    """Where the cotangents differ, in words."""
    plain = Form(form.name, form.program, ())
    mask = sum(1 << place for place in form.wanted)
    values = _run(form.program, dict(zip(form.program.inputs, points, strict=True)))
    for output, value in enumerate(values):
        if not is_float(str(value.dtype)):
            continue
        seed = generator.uniform(0.5, 1.5, value.shape).astype(value.dtype)
        theirs, ours = (
            _adjoint(one, output, mask, {SEED: seed, OUTPUT: value, **dict(enumerate(points))}) for one in (form, plain)
        )
        for place in form.wanted:
            zero = np.zeros_like(points[place])
            found = _worst(theirs.get(place, zero), ours.get(place, zero))
            if found:
                return f"the cotangent of argument {form.program.inputs[place].name} (number {place}) {found}"
    return ""


def _adjoint(form: Form, output: int, mask: int, values: Mapping[int, Array]) -> dict[int, Array]:
    adjoint = form.adjoint(output, mask, True)
    program = adjoint.form.program
    given = {own: values[place] for own, place in zip(program.inputs, adjoint.arguments, strict=True)}
    results = _run(program, given) if adjoint.targets else []
    return {place: results[at] for place, at in adjoint.targets}


def _jvp_difference(form: JvpForm, points: Sequence[Array], generator: np.random.Generator) -> str:
    """Where the tangents differ, in words."""
    places = [n for n, given in form.directions().items() if is_float(given.dtype)]
    mask, count = sum(1 << place for place in places), len(points)
    tangents = {count + n: _random(form.program.inputs[n], generator) for n in places}
    values = _run(form.program, dict(zip(form.program.inputs, points, strict=True)))
    for output in form.wanted:
        known = {OUTPUT: values[output], **dict(enumerate(points)), **tangents}
        results = []
        for found in (form.tangent(output, mask), derived_tangent(form, output, mask)):
            if found is None:
                results.append(np.zeros_like(values[output]))
                continue
            inputs = found.form.program.inputs
            given = {own: known[place] for own, place in zip(inputs, found.arguments, strict=True)}
            results.extend(_run(found.form.program, given))
        worst = _worst(*results)
        if worst:
            return f"the tangent of value number {output} {worst}"
    return ""


def _run(program: Program, given: Mapping[Input, Array]) -> list[Array]:
    """The values of the outputs of a program."""
    if sum(array.size for array in given.values()) <= LIGHT:
        values = evaluate(program, {own.name: array for own, array in given.items()})
        return [values[output.name] for output in program.outputs]
    return compile_program(program).run([given[own] for own in program.inputs], {})


def _worst(theirs: Array, ours: Array) -> str:
    """Where two arrays differ most, in words; nothing where they agree as far as they are finite."""
    finite = np.isfinite(theirs) & np.isfinite(ours)
    if not finite.any():
        return ""
    away = np.where(finite, np.abs(theirs - ours), 0)
    scale = np.abs(ours[finite]).max() + 1
    if away.max() <= TOLERANCE[str(ours.dtype)] * scale:
        return ""
    at = tuple(int(place) for place in np.unravel_index(int(away.argmax()), away.shape))
    where = f"at element {list(at)} " if at else ""
    return f"{where}is {theirs[at]:.6g} by the rule and {ours[at]:.6g} by the derivative"
