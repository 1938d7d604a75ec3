"""Machine code and the reference interpreter agree: on the table, on random programs, and on their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from covector.errors import CovectorError
from covector.ir import Program
from covector.native.engine import compile_program
from covector.native.pool import POOL
from covector.run.reference import evaluate
from tests.calculus.test_random import corpus
from tests.ops.comparisons import differentiable, first_of_each_program
from tests.schedule.test_agreement import single
from tests.support.generator import generate
from tests.support.programs import arrays, cases_of, program

RANDOM, CHUNK = 100, 25
TOLERANCE = {"float64": 1e-9, "float32": 2e-4}


def check_native(read: Program, given: Mapping[str, Any], extents: Mapping[str, int], tolerance: float) -> None:
    """Every output of a compiled program is what the reference interpreter says; so is its refusal."""
    executable = compile_program(read)
    assert executable.reason == ""
    inputs = [np.array(given[each.name], each.dtype, order="C") for each in read.inputs]
    try:
        expected = evaluate(read, given, extents)
    except CovectorError as error:
        with pytest.raises(type(error)):
            executable.run(inputs, extents)
        return
    found = executable.run(inputs, extents)
    for output, value in zip(read.outputs, found, strict=True):
        wanted = expected[output.name]
        assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype)
        scale = (
            max(1.0, float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0))) if wanted.dtype.kind == "f" else 1
        )
        np.testing.assert_allclose(
            value, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=f"{output!r}\nin\n{read!r}"
        )


@pytest.mark.parametrize("sized", [False, True], ids=["single", "sized double"])
@pytest.mark.parametrize("name", list(differentiable()))
def test_every_operation_and_its_gradients(name: str, sized: bool) -> None:
    dtype = "float64" if sized else "float32"
    for subject in first_of_each_program(name):
        derived = subject.program(sized)
        seed = {derived.seed.name: subject.random[0]} if derived.seed else {}
        for read in (derived.program, derived.first):
            given = {**subject.arrays, **seed}
            check_native(read if sized else single(read), given, subject.extents, TOLERANCE[dtype])


@pytest.mark.parametrize("start", range(0, RANDOM, CHUNK))
def test_random_programs_and_their_gradients(start: int) -> None:
    for seed in range(start, start + CHUNK):
        case = generate(seed)
        check_text(case.text, case.extents, seed)


@pytest.mark.parametrize("number", range(len(corpus())))
def test_what_once_went_wrong_elsewhere(number: int) -> None:
    entry = corpus()[number]
    check_text(entry.text, entry.sizes, number)


def check_text(text: str, sizes: Mapping[str, int], seed: int) -> None:
    for each, given, extents in cases_of(text, sizes, seed):
        check_native(each, given, extents, tolerance=1e-6)


STATEMENTS = {
    "elementwise": "x: N; y: N; z[i] = exp(x[i]) * y[i] + tanh(x[i])",
    "softmax": "x: M N; e[i,j] = exp(x[i,j] - max[k](x[i,k])); y[i,j] = e[i,j] / sum[l](e[i,l])",
    "norm": "x: M N; m[i] = mean[k](x[i,k]); s[i] = sqrt(mean[k]((x[i,k]-m[i])**2) + 1); y[i,j] = (x[i,j]-m[i])/s[i]",
    "columns": "x: M N; y[j] = sum[i](x[i,j]**2)",
    "total": "x: M N; y = sum[i,j](x[i,j]) + prod[i](1 + x[i,0] / 100)",
    "product": "x: M K; w: N K; y[i,j] = sum[k](x[i,k] * w[j,k])",
    "transposed": "x: M N; y[i,j] = x[j,i]",
    "window": "x: N; y[i:N] = pad(x[i-1]) + x[i] + pad(x[i+1])",
    "reversed": "x: N; y[i:N] = x[N-1-i]",
    "strided": "x: N; y[i:(N//2)] = x[2*i]",
    "reshaped": "x: (M*N); y[i:M,j:N] = x[i*N+j]; z[f:(M*N)] = y[f//N, f%N]",
    "lookup": "t: N; ids: M int64; y[i] = t[ids[i]]",
    "running": "x: N; y[i] = sum[j]([j <= i] * x[j])",
    "largest": "x: M N; a[i] = max[j](x[i,j]); b[i] = min[j](x[i,j])",
}


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_compilation_runs_at_any_size(name: str, dtype: str) -> None:
    read = program(STATEMENTS[name].replace(";", "\n"))
    read = read if dtype == "float64" else single(read)
    read = Program(read.inputs, read.statements, read.statements)
    executable = compile_program(read)
    assert executable.reason == ""
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 16, 33, 130, 257):
        extents = {"M": size % 5 + 1, "N": size, "K": 3}
        given = arrays(read, extents, rng)
        if "ids" in given:
            given["ids"] = rng.integers(0, size, extents["M"])
        expected = evaluate(read, given, extents)
        found = executable.run([np.array(given[each.name], order="C") for each in read.inputs], extents)
        for output, value in zip(read.outputs, found, strict=True):
            np.testing.assert_allclose(value, expected[output.name], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ["elementwise", "softmax", "columns", "total", "largest", "window", "transposed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinity_are_as_in_the_interpreter(name: str, dtype: str) -> None:
    read = program(STATEMENTS[name].replace(";", "\n"))
    read = read if dtype == "float64" else single(read)
    read = Program(read.inputs, read.statements, read.statements)
    extents = {"M": 4, "N": 37}
    rng = np.random.default_rng(0)
    for special in (np.nan, np.inf, -np.inf):
        given = arrays(read, extents, rng)
        for array in given.values():
            array.ravel()[5] = special
        expected = evaluate(read, given, extents)
        found = compile_program(read).run([given[each.name] for each in read.inputs], extents)
        for output, value in zip(read.outputs, found, strict=True):
            wanted = expected[output.name]
            np.testing.assert_allclose(value, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("name", ["elementwise", "softmax", "norm", "columns", "total", "product", "largest"])
def test_any_number_of_threads_gives_the_same(name: str, threads: int) -> None:
    read = program(STATEMENTS[name].replace(";", "\n"))
    read = Program(read.inputs, read.statements, read.statements)
    extents = {"M": 611, "N": 1003, "K": 64}
    given = arrays(read, extents, np.random.default_rng(0))
    expected = evaluate(read, given, extents)
    before = POOL.threads
    POOL.set_threads(threads)
    try:
        executable = compile_program(read)
        found = executable.run([given[each.name] for each in read.inputs], extents)
        again = executable.run([given[each.name] for each in read.inputs], extents)
    finally:
        POOL.set_threads(before)
    for output, value, second in zip(read.outputs, found, again, strict=True):
        np.testing.assert_allclose(value, expected[output.name], rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(value, second)
