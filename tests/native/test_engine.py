"""Executables: what they take, what they give back, what they refuse, and what they say about themselves."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from covector.codegen.emit import emit
from covector.errors import BoundsError, BudgetError, CovectorError, DtypeError, ShapeError
from covector.frontend import read_program
from covector.ir import Apply, Compute, Input, Literal, Opaque, Program, Read, as_affine
from covector.native import blas, jit, objects
from covector.native.engine import compile_program
from covector.ops import SCALARS
from covector.schedule.plan_program import plan


def step(size: str = "N") -> tuple[Program, dict[Compute, Input]]:
    """``new = weight - gradient / 2``, in the place of the weight."""
    read = read_program("new[i] = weight[i] - gradient[i]/2", {"weight": size, "gradient": size})
    return read, {read.statements[0]: read.inputs[0]}  # type: ignore[dict-item]


def test_results_are_aligned_arrays_in_order() -> None:
    read = read_program("y[i] = x[i] + 1\nz = sum[i](y[i])", {"x": "N float32"})
    found = compile_program(Program(read.inputs, read.statements, (*read.statements,))).run([np.ones(3, np.float32)])
    assert [value.dtype for value in found] == [np.float32, np.float32]
    np.testing.assert_array_equal(found[0], [2, 2, 2])
    assert found[1].shape == ()
    assert found[1] == 6
    assert all(value.__array_interface__["data"][0] % 64 == 0 for value in found)


def test_an_output_may_take_the_place_of_an_input() -> None:
    read, home = step()
    weight = np.arange(40.0)
    found = compile_program(read, home).run([weight, np.ones(40)])[0]
    assert found is weight
    np.testing.assert_array_equal(weight, np.arange(40.0) - 0.5)


def test_an_input_that_shares_the_memory_is_read_as_it_was() -> None:
    read = read_program("new[i] = w[i] - sum[k](g[k])", {"w": "N", "g": "N"})
    values = np.arange(40.0)
    compile_program(read, {read.statements[0]: read.inputs[0]}).run([values, values])  # type: ignore[dict-item]
    np.testing.assert_array_equal(values, np.arange(40.0) - 780)


def test_what_is_written_must_be_writeable() -> None:
    read, home = step()
    executable = compile_program(read, home)
    for bad in (np.arange(8.0)[::2], np.arange(4, dtype=np.float32), np.broadcast_to(1.0, (4,))):
        with pytest.raises(DtypeError, match="weight is computed in place, but its array cannot take the result"):
            executable.run([bad, np.ones(4)])


def test_any_layout_and_dtype_may_be_read() -> None:
    executable = compile_program(read_program("y[i,j] = x[i,j]", {"x": "M N"}))
    array = np.arange(12).reshape(3, 4).T
    np.testing.assert_array_equal(executable.run([array])[0], array)


def test_outputs_may_be_given() -> None:
    place = np.empty(5)
    found = compile_program(read_program("y[i] = x[i]**2", {"x": "5"})).run([np.arange(5.0)], outputs=[place])
    assert found[0] is place
    np.testing.assert_array_equal(place, [0, 1, 4, 9, 16])


def test_shapes_that_do_not_fit_are_refused() -> None:
    executable = compile_program(read_program("y[i] = a[i] + b[i]", {"a": "N", "b": "N"}))
    with pytest.raises(ShapeError, match="b has 4 along axis 0, where N is 3"):
        executable.run([np.ones(3), np.ones(4)])


def test_a_position_outside_is_refused_as_by_the_interpreter() -> None:
    executable = compile_program(read_program("y[i] = t[ids[i]]", {"t": "N", "ids": "M int64"}))
    assert executable.reason == ""
    ids = np.zeros(50, np.int64)
    np.testing.assert_array_equal(executable.run([np.array([5.0, 6.0]), ids])[0], np.full(50, 5.0))
    for bad in (2, -1):
        ids[47] = bad
        with pytest.raises(BoundsError, match=f"position 0 is {bad}, outside 0 … 1"):
            executable.run([np.ones(2), ids])
    ids[47] = 1
    assert executable.run([np.array([5.0, 6.0]), ids])[0][47] == 6


def test_a_maximum_of_nothing_is_refused() -> None:
    executable = compile_program(read_program("y[i] = max[j](x[i,j])", {"x": "M N"}))
    with pytest.raises(ShapeError, match="max over an empty extent has no value"):
        executable.run([np.ones((3, 0))])
    assert executable.run([np.ones((0, 0))])[0].shape == (0,)


def test_a_result_that_does_not_fit_in_memory_is_refused() -> None:
    executable = compile_program(read_program("y[i,j] = x[i] * x[j]", {"x": "N"}))
    with pytest.raises(BudgetError, match="GiB of memory are needed"):
        executable.run([np.ones(10**6)])


def test_what_has_no_element_form_is_left_to_the_interpreter() -> None:
    given = Input("x", (as_affine(3),), "float64")
    order = Opaque("order", "sort", (given,), (as_affine(3),), "float64")
    executable = compile_program(Program((given,), (order,), (order,)))
    assert executable.code is None
    assert "order = sort(…) has no element form" in executable.explain().interpreted
    with pytest.raises(CovectorError, match="the reference interpreter knows no function 'sort'"):
        executable.run([np.ones(3)])


def test_an_explanation_counts_kernels_bytes_and_operations() -> None:
    read = read_program("y[i,j] = sum[k](x[i,k] * w[j,k])\nz[i,j] = tanh(y[i,j])", {"x": "M 64", "w": "64 64"})
    explanation = compile_program(read).explain()
    assert explanation.interpreted == ""
    assert {method for kernel in explanation.kernels for method in kernel.methods} == {"kernel", "loops"}
    figures = explanation.figures({"M": 100})
    assert figures["operations"] >= 100 * 64 * 64
    assert figures["bytes"] >= 8 * (100 * 64 * 2 + 64 * 64)


@pytest.mark.parametrize("choice", ["own", "openblas", "mkl"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_multiplies_alike(choice: blas.Choice, dtype: str) -> None:
    before = blas.SETTINGS.choice
    try:
        blas.choose(choice)
    except CovectorError as error:
        pytest.skip(error.message)
    try:
        for form in ("x[i,k] * w[j,k]", "x[i,k] * w[k,j]", "x[k,i] * w[j,k]", "x[k,i] * w[k,j]"):
            read = read_program(f"y[i:40,j:40] = sum[k:40]({form}) / 3", {"x": f"40 40 {dtype}", "w": f"40 40 {dtype}"})
            rng = np.random.default_rng(0)
            x, w = (rng.standard_normal((40, 40)).astype(dtype) for _ in range(2))
            executable = compile_program(read)
            left, right = (x if form.startswith("x[i") else x.T), (w.T if "w[j" in form else w)
            np.testing.assert_allclose(executable.run([x, w])[0], left @ right / 3, rtol=2e-4, atol=1e-5)
            methods = {method for kernel in executable.explain().kernels for method in kernel.methods}
            assert ("kernel" if choice == "own" else "library") in methods
    finally:
        blas.SETTINGS.choice = before


def test_a_library_that_is_not_known() -> None:
    with pytest.raises(CovectorError, match="there is no library 'openbla'"):
        blas.choose("openbla")  # type: ignore[arg-type]


def test_denormals_are_flushed_inside_and_kept_outside() -> None:
    executable = compile_program(read_program("y[i] = x[i] * 1", {"x": "4 float32"}))
    tiny = np.full(4, 1e-40, np.float32)
    executable.run([tiny])
    assert (tiny * np.float32(2) > 0).all()


def test_llvm_is_imported_when_something_is_compiled() -> None:
    script = "import sys, covector; print('llvmlite' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "False\n"
    )


def test_a_program_in_single_precision_computes_in_it() -> None:
    read = read_program("y[i] = tanh(0.1*x[i]) / 3 + exp(x[i])**0.5", {"x": "100 float32"})
    statement = read.statements[0]
    assert isinstance(statement, Compute)
    text = _assembly(read)
    assert "pd\t" not in text.replace("vpd", "")
    double = Compute(
        "z", statement.indices, Apply(SCALARS["mul"], (statement.body, Literal(Fraction(1, 3)))), "float64"
    )
    assert "cvtps2pd" in _assembly(Program(read.inputs, (double,), (double,)))


def _assembly(read: Program) -> str:
    return "".join(jit.assembly(unit.text) for unit in emit(plan(read), jit.host().target).units)


def test_reads_are_of_the_inputs_alone() -> None:
    given = Input("x", (as_affine(3),), "float64")
    statement = Compute("y", (), Read(given, (as_affine(1),)))
    assert compile_program(Program((given,), (statement,), (statement,))).run([np.arange(3.0)])[0] == 1


@pytest.mark.parametrize(("name", "wanted"), [("sapphirerapids", "mkl"), ("znver5", "openblas")])
def test_mkl_is_left_alone_where_it_is_slow(name: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "mkl", object)
    monkeypatch.setattr(blas.jit, "host", lambda: SimpleNamespace(name=name))
    monkeypatch.setattr(blas.SETTINGS, "choice", "auto")
    assert blas.leave().library == wanted


def test_the_interpreter_runs_what_has_no_code_but_hides_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> None:
        def raising(*_: object) -> None:
            raise error

        monkeypatch.setattr(objects, "link", raising)
        monkeypatch.setattr("covector.native.compiled.link", raising)

    read = read_program("y[i] = x[i] + 1", {"x": "3"})
    fail(jit.CodeError("LLVM: no such vector"))
    executable = compile_program(read)
    assert executable.reason == "LLVM: no such vector"
    assert executable.run([np.arange(3.0)])[0].tolist() == [1, 2, 3]
    for error in (RecursionError("too deep"), RuntimeError("a mistake")):
        fail(error)
        with pytest.raises(type(error)):
            compile_program(read)
