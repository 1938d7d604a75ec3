"""Programs from text: statements in order, shapes given beside the text, and what mistakes are told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from covector.errors import CovectorError, NotationError, UnknownNameError
from covector.frontend.program import is_matrix_form, read_program
from covector.notation import syntax
from covector.notation.parse import parse_program

LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"


def test_a_program_of_the_notation_page() -> None:
    source = f"input: M infs  # a batch\nweight: outfs infs\nbias: outfs\n{LINEAR}\nloss = mean[i,j](linear[i,j] ** 2)"
    program = read_program(source)
    assert repr(program) == "\n".join(
        [
            "input: M infs float64",
            "weight: outfs infs float64",
            "bias: outfs float64",
            "linear[i, j] = add(sum[k](mul(input[i, k], weight[j, k])), bias[j])",
            "loss = div(sum[i, j](pow(linear[i, j], 2)), M*outfs)",
        ]
    )
    assert program.outputs == (program.statements[-1],)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"x": "M infs"}, "x: M infs float64"),
        ({"x": "M,infs"}, "x: M infs float64"),
        ({"x": "M×infs float32"}, "x: M infs float32"),
        ({"x": ("M", 4)}, "x: M 4 float64"),
        ({"x": ["2*M+1", 4]}, "x: 2*M+1 4 float64"),
    ],
)
def test_shapes_beside_the_text(shapes: dict[str, str | Sequence[int | str]], expected: str) -> None:
    assert repr(read_program("y[i] = sum[k](x[i,k])", shapes).inputs[0]) == expected


def test_scalars_beside_the_text() -> None:
    for shape in ("", "()", ()):
        assert repr(read_program("y[i] = a * x[i]", {"a": shape}).inputs[0]) == "a: () float64"


def test_a_shape_may_be_said_twice_where_it_is_the_same() -> None:
    assert len(read_program("x: N\ny[i] = x[i]", {"x": "N"}).inputs) == 1


def test_inputs_that_nothing_reads_are_kept() -> None:
    assert [given.name for given in read_program("a: N\nx: N\ny[i] = x[i]").inputs] == ["a", "x"]


def test_statements_of_both_forms() -> None:
    program = read_program("x: M N; w: K N\ny = softmax(x @ w.T)\nz[i] = sum[j](y[i,j])\nloss = z.T @ z")
    assert [statement.name for statement in program.statements][-2:] == ["z", "loss"]
    assert repr(program.output) == "loss = sum[i](mul(z[i], z[i]))"
    assert [repr(statement.shape) for statement in program.statements if statement.name in "yz"] == ["(M, K)", "(M,)"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = a @ b", True),
        ("y = sum(a, axis=1)", True),
        ("y = 2", True),
        ("y[] = 2", False),
        ("y = sum[i](x[i])", False),
        ("y = x[0]", False),
        ("y = [a < b]", False),
    ],
)
def test_which_form_a_statement_is_in(source: str, expected: bool) -> None:
    (definition,) = parse_program(source).statements
    assert isinstance(definition, syntax.Definition)
    assert is_matrix_form(definition) is expected


MISTAKES = [
    (NotationError, "x: M N", {}, "nothing is defined\n  hint: a program defines an array: y[i] = x[i] ** 2"),
    (NotationError, "", {}, "nothing is defined\n  hint: a program defines an array: y[i] = x[i] ** 2"),
    (
        UnknownNameError,
        "y = a @ b",
        {},
        "unknown name 'a'\n  column 5:\n    y = a @ b\n        ^\n"
        "  hint: declare the shape of a: write a: M N, or --shape a:M,N",
    ),
    (
        UnknownNameError,
        LINEAR,
        {"inputs": "M N"},
        "a shape is given for 'inputs', which the program does not name\n  hint: did you mean 'input'?",
    ),
    (
        UnknownNameError,
        "y[i] = x[i]",
        {"k": "M"},
        "a shape is given for 'k', which the program does not name\n  hint: it names x, y",
    ),
    (
        NotationError,
        "x: N; x: N\ny[i] = x[i]",
        {},
        "x is declared twice\n  line 1, column 7:\n    x: N; x: N\n          ^^^^\n"
        "  hint: declare each input once, before its first use",
    ),
    (
        NotationError,
        "x: N\ny[i] = x[i]",
        {"x": "M"},
        "x is declared here, and given another shape beside the program: x: M float64\n  line 1, column 1:\n    x: N\n"
        "    ^^^^\n  hint: say it once",
    ),
    (
        NotationError,
        "y[i] = x[i]",
        {"y": "N"},
        "y is an input with 1 axis (N), and is defined here\n  column 1:\n    y[i] = x[i]\n    ^\n"
        "  hint: an input is given, not computed: remove its declaration, or define another name, such as y2",
    ),
    (
        NotationError,
        "y[i] = x[i]; y: N",
        {},
        "y is declared after it is defined\n  column 14:\n    y[i] = x[i]; y: N\n                 ^^^^\n"
        "  hint: declare each input once, before its first use",
    ),
    (
        NotationError,
        "x: ... N\ny[i] = x[i]",
        {},
        "'...' is for templates: a declaration gives every extent\n  line 1, column 4:\n    x: ... N\n       ^^^\n"
        "  hint: write the extents one after the other: x: M N",
    ),
]


@pytest.mark.parametrize(
    ("kind", "source", "shapes", "expected"), MISTAKES, ids=[f"{s} {d}" for _, s, d, _ in MISTAKES]
)
def test_mistakes(kind: type[CovectorError], source: str, shapes: dict[str, str], expected: str) -> None:
    with pytest.raises(kind) as found:
        read_program(source, shapes)
    assert str(found.value) == expected
