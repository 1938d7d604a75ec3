"""NumPy source: it gives what the interpreter gives, it reads well, and it is always the same."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.calculus.reverse import gradients
from covector.errors import CovectorError
from covector.export.numpy import numpy_source
from covector.frontend.program import read_program
from covector.ir import Input, Opaque, Program, as_affine, is_float
from covector.ir.tensor import program_of
from covector.notation.element import Scope, declare, instantiate
from covector.notation.parse import parse_program
from covector.ops import OPERATIONS
from tests.export.programs import PROGRAMS
from tests.export.running import assert_same, draw, floats, narrowed, run, symbols
from tests.ops.cases import CASES

SIZES = [(2, 3, 4, 5, 2, 3), (1, 1, 1, 1, 1, 1), (3, 1, 2, 1, 3, 1), (0, 2, 3, 0, 2, 1), (2, 0, 0, 3, 1, 0), (0,) * 6]
each_example = pytest.mark.parametrize("name", PROGRAMS)


def gradient_program(program: Program) -> Program:
    wanted = floats(program)
    return gradients(program, wanted).gradient_program(wanted)


def check_sizes(program: Program, name: str) -> None:
    example, names = PROGRAMS[name], symbols(program)
    for seed, sizes in enumerate(SIZES):
        extents = {symbol: max(size, example.least.get(symbol, 0)) for symbol, size in zip(names, sizes, strict=False)}
        extents |= dict.fromkeys(names[len(sizes) :], 2)
        assert_same(program, draw(program, extents, example.samplers, seed), extents)


@each_example
def test_the_forward_is_the_same(name: str) -> None:
    check_sizes(read_program(PROGRAMS[name].source), name)


@each_example
def test_the_gradients_are_the_same(name: str) -> None:
    program = read_program(PROGRAMS[name].source)
    if is_float(program.output.dtype) and floats(program):
        derived = gradient_program(program)
        if derived.outputs:
            check_sizes(derived, name)


@each_example
def test_float32_stays_float32(name: str) -> None:
    check_sizes(narrowed(read_program(PROGRAMS[name].source)), name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operations_of_the_table_are_the_same(name: str) -> None:
    operation, case = OPERATIONS[name], CASES[name]
    for setting in case.settings:
        example = setting.example or operation.example
        scope, arguments = Scope(), {}
        for declaration in parse_program(example).statements:
            tensor, scope = declare(declaration, scope, example)  # type: ignore[arg-type]
            arguments[tensor.name] = tensor
        statements = instantiate(operation, arguments, setting.parameters)
        program = program_of(statements[-1:], arguments.values())
        assert_same(program, draw(program, setting.sizes, case.samplers), setting.sizes)
        if is_float(program.output.dtype):
            derived = gradient_program(program)
            assert_same(derived, draw(derived, setting.sizes, case.samplers), setting.sizes)


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A contraction of a few factors over random indices."""
    letters = "abcde"
    factors = []
    for number in range(draw(st.integers(1, 4))):
        axes = draw(st.lists(st.sampled_from(letters), max_size=3, unique=True))
        factors.append((f"t{number}", axes))
    used = sorted({axis for _, axes in factors for axis in axes})
    kept = draw(st.permutations(used)) if used else []
    kept = kept[: draw(st.integers(0, len(kept)))]
    summed = [axis for axis in used if axis not in kept]
    body = " * ".join(f"{name}[{','.join(axes)}]" if axes else name for name, axes in factors)
    pairs = [(a, b) for a in used for b in used if a < b]
    if pairs and draw(st.booleans()):
        first, second = draw(st.sampled_from(pairs))
        relation = draw(st.sampled_from(["<=", "=", "<"]))
        body = f"[{first} {relation} {second}] * {body}"
    declared = "; ".join(f"{name}: {' '.join(axis.upper() for axis in axes) or '()'}" for name, axes in factors)
    right = f"sum[{','.join(summed)}]({body})" if summed else body
    left = f"y[{','.join(kept)}]" if kept else "y[]"
    sizes = {axis.upper(): draw(st.integers(0, 3)) for axis in used}
    return f"{declared}\n{left.removesuffix('[]')} = {right}", sizes


@settings(max_examples=120, deadline=None)
@given(contractions())
def test_random_contractions_are_the_same(example: tuple[str, dict[str, int]]) -> None:
    source, sizes = example
    program = read_program(source)
    assert_same(program, draw(program, sizes, {}), sizes)
    derived = gradient_program(program)
    assert_same(derived, draw(derived, sizes, {}), sizes)


LINEAR = '''import numpy as np


def linear(input, weight, bias):
    """Rows of input times the transpose of weight."""
    M, infs = input.shape
    outfs = weight.shape[0]
    assert weight.shape == (outfs, infs)
    assert bias.shape == (outfs,)
    # linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]
    return input @ weight.T + bias
'''
LINEAR_GRADIENTS = """import numpy as np


def linear_gradients(input, weight, bias, G):
    M, infs = input.shape
    outfs = weight.shape[0]
    assert weight.shape == (outfs, infs)
    assert bias.shape == (outfs,)
    assert G.shape == (M, outfs)
    # dinput[i,j] = sum[q](G[i,q] * weight[q,j])
    dinput = G @ weight
    # dweight[i,j] = sum[p](G[p,i] * input[p,j])
    dweight = G.T @ input
    # dbias[i] = sum[p](G[p,i])
    dbias = G.sum(axis=0)
    return dinput, dweight, dbias
"""


def linear() -> Program:
    shapes = {"input": "M infs", "weight": "outfs infs", "bias": "outfs"}
    return read_program("linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]", shapes)


def test_linear_reads_as_written_by_hand() -> None:
    assert numpy_source(linear(), "linear", "Rows of input times the transpose of weight.") == LINEAR


def test_the_gradients_of_linear_read_as_written_by_hand() -> None:
    assert numpy_source(gradient_program(linear()), "linear_gradients") == LINEAR_GRADIENTS


def body(source: str) -> list[str]:
    """The lines of the exported function without comments, shapes and indentation."""
    lines = numpy_source(read_program(source)).split("def forward")[1].split("\n")[1:]
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith(("#", "assert"))]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("matrix product", "return a @ b"),
        ("both transposed", "return a.T @ b.T"),
        ("dot", "return x @ y"),
        ("batched product", "return x @ y"),
        ("batched product turned", "return x @ y.swapaxes(-1, -2)"),
        ("three factors", 'return np.einsum("ij,jk,kl->il", a, b, c, optimize=True)'),
        ("outer", "return a[:, None] * b"),
        ("softmax", "return e / e.sum(axis=1, keepdims=True)"),
        ("attention", "return P @ V"),
        ("difference", "return x[1:] - x[: N - 1]"),
        ("every second", "return x[::2]"),
        ("reversed", "return x[::-1]"),
        ("maximum pooling", "return x.reshape(N, M, 2).max(axis=2)"),
        ("embedding", "return table[ids]"),
        ("pick", "return x[np.arange(N), ids]"),
        ("one-hot", "return x - (np.arange(V) == ids[:, None])"),
        ("merge", "return x.reshape(M * N)"),
        ("square root where positive", "return np.where(x > 0, np.sqrt(x), 0)"),
    ],
)
def test_it_reads_as_written_by_hand(name: str, last: str) -> None:
    assert body(PROGRAMS[name].source)[-1] == last


def test_a_scatter_adds_in_place() -> None:
    program = read_program("table: V D\nids: N int64\ny[n,d] = table[ids[n],d]")
    source = numpy_source(gradient_program(program))
    assert "dtable = np.zeros((V, D), dtype=G.dtype)\n    np.add.at(dtable, ids, G)" in source


def test_an_extent_that_no_input_says_is_a_keyword() -> None:
    source = numpy_source(read_program("x: (M*N)\ny[i:M,j:N] = x[i*N+j]"))
    assert "def forward(x, *, M, N):" in source
    (result,) = run(source, "forward", {"x": np.arange(6.0)}, {"M": 2, "N": 3})
    assert result.shape == (2, 3)


def test_a_wrong_shape_is_refused() -> None:
    source = numpy_source(linear())
    with pytest.raises(AssertionError):
        run(source, "forward", {"input": np.ones((2, 3)), "weight": np.ones((4, 2)), "bias": np.ones(4)}, {})


def test_positions_outside_are_left_out_of_a_scatter() -> None:
    program = read_program("G: N\nids: N int64\ny[v:3] = sum[n]([v = ids[n]] * G[n])")
    (result,) = run(numpy_source(program), "forward", {"G": np.ones(4), "ids": np.array([0, 7, -1, 2])}, {})
    assert result.tolist() == [1, 0, 1]


def test_a_false_bracket_hides_what_is_not_finite() -> None:
    program = read_program("x: N\ny[i:N] = [i > 0] * exp(x[i])")
    (result,) = run(numpy_source(program), "forward", {"x": np.array([np.nan, 0.0])}, {})
    assert result.tolist() == [0, 1]


def test_what_has_no_element_form_is_refused() -> None:
    x = Input("x", (as_affine(3),), "float64")
    opaque = Opaque("y", "sort", (x,), x.shape, x.dtype)
    with pytest.raises(CovectorError, match="y: there is no NumPy source for 'sort'"):
        numpy_source(Program((x,), (opaque,), (opaque,)))


@each_example
def test_the_text_is_deterministic_and_short(name: str) -> None:
    source = numpy_source(read_program(PROGRAMS[name].source))
    assert source == numpy_source(read_program(PROGRAMS[name].source))
    assert max(map(len, source.split("\n"))) <= 120


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_the_formatter_leaves_the_text_alone(tmp_path: object) -> None:
    for number, example in enumerate(PROGRAMS.values()):
        program = read_program(example.source)
        derived = gradient_program(program) if is_float(program.output.dtype) and floats(program) else program
        for which, exported in (("forward", program), ("backward", derived)):
            (tmp_path / f"{which}{number}.py").write_text(numpy_source(exported), encoding="utf-8")  # type: ignore[operator]
    command = ["ruff", "format", "--diff", "--isolated", "--line-length", "120", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
