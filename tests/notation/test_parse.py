"""The grammar and the parser: every construct, what mistakes are told, and text meant to do harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.errors import NotationError
from covector.notation import syntax
from covector.notation.build import MAX_DEPTH, children
from covector.notation.parse import parse_expression, parse_program, parse_shape

LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"


def show(node: syntax.Syntax) -> str:
    """The tree in one line, with the structure explicit."""
    match node:
        case syntax.Number(_, text):
            return text
        case syntax.Text(_, value):
            return repr(value)
        case syntax.Name(_, name):
            return name
        case syntax.Ellipsis():
            return "..."
        case syntax.Subscript(_, name, positions):
            return f"{name}[{','.join(map(show, positions))}]"
        case syntax.Operator(_, symbol, operands):
            return f"({symbol} {' '.join(map(show, operands))})"
        case syntax.Transpose(_, operand):
            return f"(T {show(operand)})"
        case syntax.Call(_, function, arguments, keywords):
            return f"{function}({','.join([*map(show, arguments), *(f'{k}={show(v)}' for k, v in keywords)])})"
        case syntax.Sequence(_, items):
            return f"<{','.join(map(show, items))}>"
        case syntax.IndexBinding(_, name, extent):
            return name if extent is None else f"{name}:{show(extent)}"
        case syntax.Reduction(_, operation, indices, body):
            return f"{operation}{{{','.join(map(show, indices))}}}({show(body)})"
        case syntax.Iverson(_, condition):
            return f"[{show(condition)}]"
        case syntax.Declaration(_, name, extents, dtype):
            return f"{name}: {' '.join(map(show, extents))} / {dtype}"
        case syntax.Definition(_, name, indices, ellipsis, body):
            left = "" if indices is None else f"{{{'...|' if ellipsis else ''}{','.join(map(show, indices))}}}"
            return f"{name}{left} = {show(body)}"
    raise AssertionError(node)


EXPRESSIONS = [
    # precedence, from the loosest
    ("a or b and not c", "(or a (and b (not c)))"),
    ("not a < b", "(not (< a b))"),
    ("a + b < c * d", "(< (+ a b) (* c d))"),
    ("a + b * c", "(+ a (* b c))"),
    ("-a * b", "(* (neg a) b)"),
    ("-a ** 2", "(neg (** a 2))"),
    ("a ** -2", "(** a (neg 2))"),
    ("a ** -b ** c", "(** a (neg (** b c)))"),
    ("a ** b ** c", "(** a (** b c))"),
    ("2 ** x.T", "(** 2 (T x))"),
    ("-x.T", "(neg (T x))"),
    ("a.T @ b.T.T", "(@ (T a) (T (T b)))"),
    ("(a @ b).T", "(T (@ a b))"),
    ("- - a", "(neg (neg a))"),
    ("+a", "a"),
    ("a - -b", "(- a (neg b))"),
    ("not not a", "(not (not a))"),
    # chains
    ("a + b + c", "(+ a b c)"),
    ("a * b * c", "(* a b c)"),
    ("a - b - c", "(- (- a b) c)"),
    ("a - b + c + d", "(+ (- a b) c d)"),
    ("a + b - c + d", "(+ (- (+ a b) c) d)"),
    ("a / b * c", "(* (/ a b) c)"),
    ("a @ b @ c", "(@ (@ a b) c)"),
    ("a + (b + c)", "(+ a (+ b c))"),
    ("(a + b) + c", "(+ (+ a b) c)"),
    ("a // b % c", "(% (// a b) c)"),
    ("a and b and c or d or e", "(or (and a b c) d e)"),
    # comparisons
    ("a > b", "(< b a)"),
    ("a >= b", "(<= b a)"),
    ("0 <= i < n", "(and (<= 0 i) (< i n))"),
    ("a == b != c", "(and (== a b) (!= b c))"),
    ("a ≤ b", "(<= a b)"),
    ("a ≥ b", "(<= b a)"),
    ("a ≠ b", "(!= a b)"),
    # brackets of conditions
    ("[i <= j]", "[(<= i j)]"),
    ("[p = i] * x[p]", "(* [(== p i)] x[p])"),
    ("[i = j and k != l]", "[(and (== i j) (!= k l))]"),
    ("[(p = i) or (q = j)]", "[(or (== p i) (== q j))]"),
    ("[0 = i = j]", "[(and (== 0 i) (== i j))]"),
    ("[false] * e", "(* [false] e)"),
    ("[f(x, axis=1) = 2]", "[(== f(x,axis=1) 2)]"),
    ("2 * [x[i] = 1]", "(* 2 [(== x[i] 1)])"),
    ("a and [i = j]", "(and a [(== i j)])"),
    ("δ(p,i) · delta(q,j)", "(* δ(p,i) delta(q,j))"),
    # reads
    ("x[i, 2*y+p-1, ids[n]]", "x[i,(- (+ (* 2 y) p) 1),ids[n]]"),
    ("x[..., j]", "x[...,j]"),
    ("x[…]", "x[...]"),
    ("x[]", "x[]"),
    ("x[i,]", "x[i]"),
    ("x [i]", "x[i]"),
    ("x[i//2, i%2]", "x[(// i 2),(% i 2)]"),
    # reductions
    ("sum[k](x[k])", "sum{k}(x[k])"),
    ("max[k, l:3](x[k,l])", "max{k,l:3}(x[k,l])"),
    ("sum[p:2*P+1](w[p])", "sum{p:(+ (* 2 P) 1)}(w[p])"),
    ("Σ[k](x[k]) + ∑[k](x[k])", "(+ sum{k}(x[k]) sum{k}(x[k]))"),
    ("∏[k](x[k]) + Π[k](x[k])", "(+ prod{k}(x[k]) prod{k}(x[k]))"),
    ("Σ @ x + Σ[i,j]", "(+ (@ Σ x) Σ[i,j])"),
    ("any[k](m[k]) or all[k](m[k])", "(or any{k}(m[k]) all{k}(m[k]))"),
    ("mean[k](x[k]) ** 2", "(** mean{k}(x[k]) 2)"),
    ("[sum[k](x[k]) = 1]", "[(== sum{k}(x[k]) 1)]"),
    # calls
    ("sum(a, axis=(0,1), keepdims=true)", "sum(a,axis=<0,1>,keepdims=true)"),
    ("sum(a, keepdims=True)", "sum(a,keepdims=true)"),
    ("f()", "f()"),
    ("f((a,), ())", "f(<a>,<>)"),
    ("pad(x, ((0,1),(2,3)))", "pad(x,<<0,1>,<2,3>>)"),
    ("f(a, axis=-1,)", "f(a,axis=(neg 1))"),
    ('einsum("ij,jk->ik", a, b)', "einsum('ij,jk->ik',a,b)"),
    ("einsum('ij->ji', a')", "einsum('ij->ji',a')"),
    ("pad(x[2*y+p-1], 0)", "pad(x[(- (+ (* 2 y) p) 1)],0)"),
    # numbers
    ("1e-5 + .5 + 2. + 0.25E+3", "(+ 1e-5 .5 2. 0.25E+3)"),
    # Unicode
    ("a · b ⋅ c", "(* a b c)"),
    ("a − b", "(- a b)"),
    ("a ^ b", "(** a b)"),
    ("¬a ∧ b ∨ c", "(or (and (not a) b) c)"),
    ("σ * 输入", "(* σ 输入)"),
    ("x\u0302 + x' + x'' + x′", "(+ x\u0302 x' x'' x')"),
    ("e\u0301", "é"),
    ("µ", "μ"),
    ("x₁ + x_1", "(+ x₁ x_1)"),
    ("f（a，b）", "f(a,b)"),
    ("android + order + nothing", "(+ android order nothing)"),
    # white space
    ("a\n+ b\n", "(+ a b)"),
    ("a + # comment\n b", "(+ a b)"),
    ("\ufeffa\t+\u00a0b\u3000+ c", "(+ a b c)"),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expression(text: str, expected: str) -> None:
    assert show(parse_expression(text)) == expected


STATEMENTS = [
    (LINEAR, ["linear{i,j} = (+ sum{k}((* input[i,k] weight[j,k])) bias[j])"]),
    ("y = a @ b", ["y = (@ a b)"]),
    ("y[] = a", ["y{} = a"]),
    ("y[i, j:3] = a", ["y{i,j:3} = a"]),
    ("y[..., j] = x[..., j]", ["y{...|j} = x[...,j]"]),
    ("y[...] = x[...]", ["y{...|} = x[...]"]),
    ("input: M infs", ["input: M infs / None"]),
    ("x: N 3 (2*M+1) float32", ["x: N 3 (+ (* 2 M) 1) / float32"]),
    ("x: N×M", ["x: N M / None"]),
    ("x: N,M", ["x: N M / None"]),
    ("x：N，M int64", ["x: N M / int64"]),
    ("x: (N, 3) bool", ["x: N 3 / bool"]),
    ("x: (N)", ["x: N / None"]),
    ("lr: ()", ["lr:  / None"]),
    ("lr: () float32", ["lr:  / float32"]),
    ("a = 1; b = 2;; c = 3", ["a = 1", "b = 2", "c = 3"]),
    ("\n\n a = 1 # one\r\n\r\n# two\n\tb = 2\r\n", ["a = 1", "b = 2"]),
    ("a = 1；b = 2", ["a = 1", "b = 2"]),
    ("a = (1 +\n # comment\n 2)\nb = f(\n a,\n)", ["a = (+ 1 2)", "b = f(a)"]),
    ("x: 3\rb = x", ["x: 3 / None", "b = x"]),
    ("", []),
    (" \n# nothing\n;;", []),
    ("\ufeffa = 1", ["a = 1"]),
    ("lambda: ()\ny = lambda * 2", ["lambda:  / None", "y = (* lambda 2)"]),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS)
def test_program(text: str, expected: list[str]) -> None:
    program = parse_program(text)
    assert [show(statement) for statement in program.statements] == expected
    assert program.source == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input:M,infs", "input: M infs / None"),
        ("ids:N,int64", "ids: N / int64"),
        ("x:2,3,float32", "x: 2 3 / float32"),
        ("lr:()", "lr:  / None"),
        ("x:(2*M+1),N", "x: (+ (* 2 M) 1) N / None"),
    ],
)
def test_shape(text: str, expected: str) -> None:
    assert show(parse_shape(text)) == expected


def test_spans_are_exact() -> None:
    source = "\ufeff# linear\r\n y[i] = -(a + x̂[i]) * sum[k:3](b[k]) ; z = a.T"
    spans = set()
    pending: list[syntax.Syntax] = list(parse_program(source).statements)
    while pending:
        node = pending.pop()
        spans.add((type(node).__name__, source[node.span.start : node.span.end]))
        pending += children(node)
    assert spans == {
        ("Definition", "y[i] = -(a + x̂[i]) * sum[k:3](b[k])"),
        ("Definition", "z = a.T"),
        ("IndexBinding", "i"),
        ("IndexBinding", "k:3"),
        ("Operator", "-(a + x̂[i]) * sum[k:3](b[k])"),
        ("Operator", "-(a + x̂[i])"),
        ("Operator", "(a + x̂[i])"),
        ("Subscript", "x̂[i]"),
        ("Subscript", "b[k]"),
        ("Reduction", "sum[k:3](b[k])"),
        ("Transpose", "a.T"),
        ("Name", "a"),
        ("Name", "i"),
        ("Name", "k"),
        ("Number", "3"),
    }


def mistakes() -> list[tuple[str, str]]:
    """The programs of ``mistakes.txt``, each with the whole text that its error must have."""
    text = Path(__file__).with_name("mistakes.txt").read_text(encoding="utf-8")
    blocks = [block for block in text.split("\n----\n") if block.strip()]
    return [(program, error.strip("\n")) for program, error in (block.split("\n=>\n") for block in blocks)]


@pytest.mark.parametrize(("program", "expected"), mistakes())
def test_mistake(program: str, expected: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_program(program)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty where an expression should be"),
        ("a = b", "'=' cannot stand here"),
        ("a ; b", "a single expression is read here, not several statements"),
        ("a:b", "':' cannot stand here"),
        ("a b", "an operator is missing before 'b'"),
        ("a +", "the text ends where an operand should be"),
        ("f(**a)", "'**' stands where an operand should be"),
        ("[]", "this bracket is empty"),
        ("[1, 2]", "a bracket holds one condition"),
        ("0 < [0 < i < 3] < 2", "the middle of a chain of comparisons cannot hold a condition"),
        ("x[i=2]", "'=' cannot stand here"),
        ("x[1:]", "there are no slices in the notation"),
        ("x[i:3]", "a read takes positions, not extents"),
        ("x[i, ...]", "'...' stands for leading axes and comes first"),
        ("sum[](x)", "a reduction needs an index to run over"),
        ("sum[2*k](x)", "this cannot be bound: an index is a plain name, or a name with its extent"),
        ("sum[k,k](x)", "the index 'k' is bound twice"),
        ("f(a=1, 2)", "an argument without a keyword cannot follow one with a keyword"),
        ("f(a=1, a=2)", "the keyword 'a' is given twice"),
        ("1_000", "a number is written without underscores"),
    ],
)
def test_mistake_in_an_expression(text: str, message: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_expression(text)
    assert caught.value.message == message
    assert caught.value.source == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty where a shape should be"),
        ("input", "a shape is a name, ':' and the extents"),
        ("input:", "the extents of 'input' are missing"),
        ("x:M,float32,3", "the dtype comes after the extents"),
        ("x:2.5", "an extent is a whole number"),
        ("x:3x4", "a sign is missing in '3x4'"),
        ("x:(1,(2,3))", "a list cannot stand among extents"),
    ],
)
def test_mistake_in_a_shape(text: str, message: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_shape(text)
    assert caught.value.message == message


MILLION = 1_000_000
HOSTILE = {
    "too long": ("a" * (MILLION + 1), "the text has 1,000,001 characters; the limit is 1,000,000"),
    "long name": ("a" * MILLION, "a name of 1,000,000 characters; the limit is 200"),
    "long number": ("1" * 10_000, "a number of 10,000 characters; the limit is 400 digits"),
    "large exponent": ("1e" + "9" * 9, "the exponent of this number is beyond 400"),
    "many tokens": ("a" + "+a" * (MILLION // 2 - 1), "the text has more than 100,000 words and signs"),
    "brackets": ("([" * 400_000, "brackets are nested deeper than 100 levels"),
    "closers": (")" * 90_000, "nothing is open that this ')' could close"),
    "unary": ("-" * 90_000 + "a", "this is nested deeper than 100 levels"),
    "not": ("not " * 90_000 + "a", "this is nested deeper than 100 levels"),
    "powers": ("a" + "**a" * 40_000, "this is nested deeper than 100 levels"),
    "transposes": ("a" + ".T" * 90_000, "this is nested deeper than 100 levels"),
    "differences": ("a" + "-a" * 40_000, "this is nested deeper than 100 levels"),
    "doubling": (
        "a<" + "(b<" * 100 + "c" + "<d)" * 100 + "<e",
        "the middle of a chain of comparisons cannot hold a condition",
    ),
    "quotes": ("'" * 99_999, "an operator is missing before ''"),
    "line ends": ("\n" * MILLION, "the text is empty where an expression should be"),
    "comments": ("#\n" * (MILLION // 2), "the text is empty where an expression should be"),
    "semicolons": ("; " * (MILLION // 2), "the text is empty where an expression should be"),
    "NUL": ("a\0b", "the character U+0000 (a control character) cannot stand in the notation"),
    "escape": ("a # \x1b[2J", "the character U+001B (a control character) cannot stand in the notation"),
    "bidi": ("a # \u202e", "the character U+202E (right-to-left override) cannot stand in the notation"),
    "invisible": ("a\u200bb", "the character U+200B (zero width space) cannot stand in the notation"),
    "second mark": ("a\ufeffb", "the character U+FEFF (zero width no-break space) cannot stand in the notation"),
    "surrogate": ("\ud800", "the character U+D800 (half of a surrogate pair) cannot stand in the notation"),
    "dunder": ("__class__", "'__class__' is not in the notation: names do not begin with two underscores"),
    "attribute": ("x.__class__", "'.__class__' is not in the notation"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(case: str) -> None:
    text, message = HOSTILE[case]
    start = time.process_time()
    with pytest.raises(NotationError) as caught:
        parse_expression(text)
    assert caught.value.message == message
    assert time.process_time() - start < 15
    assert len(str(caught.value)) < 500
    assert not set("\0\x1b\u202e") & set(str(caught.value))


def test_limits_leave_room() -> None:
    assert show(parse_expression("(" * 100 + "a" + ")" * 100)) == "a"
    assert len(parse_expression("a" + "+a" * 5_000).operands) == 5_001  # type: ignore[attr-defined]
    assert len(parse_expression("a" + "·a" * 40_000).operands) == 40_001  # type: ignore[attr-defined]
    assert show(parse_expression("a" + "-a" * (MAX_DEPTH - 1))).count("-") == MAX_DEPTH - 1
    assert len(parse_expression("f(" + ",".join(f"a{k}=1" for k in range(20_000)) + ")").keywords) == 20_000  # type: ignore[attr-defined]
    assert len(parse_program("a=b\n" * 10_000).statements) == 10_000


SEEDS = [text for text, _ in STATEMENTS] + [f"y = {text}" for text, _ in EXPRESSIONS]
PIECES = [
    *"()[]{},:;=<>+-*/%@^.#'\"\\ \n\t\0",
    "**",
    "//",
    "==",
    "...",
    "..",
    ".T",
    "sum",
    "[k]",
    "and",
    "not",
    "x",
    "2",
]


def failure(parse: Callable[[str], syntax.Syntax], text: str) -> NotationError | None:
    """The error that ``text`` gives, if any; any other exception fails the test."""
    try:
        parse(text)
    except NotationError as error:
        return error
    return None


def survives(text: str) -> None:
    """Any text gives a tree or a `NotationError` whose span lies in it."""
    for parse in (parse_program, parse_expression, parse_shape):
        error = failure(parse, text)
        if error is not None:
            assert error.span is not None
            assert 0 <= error.span[0] <= error.span[1] <= len(text) + 1
            assert error.message
            assert error.render()


@settings(max_examples=400, deadline=2_000)
@given(st.text())
def test_any_text(text: str) -> None:
    survives(text)


@settings(max_examples=600, deadline=2_000)
@given(st.lists(st.sampled_from([*PIECES, "y", "a", "lambda", "Σ", "1e5", "float32", "×", "δ(", "]("]), max_size=30))
def test_any_tokens(pieces: list[str]) -> None:
    survives("".join(pieces))
    survives(" ".join(pieces))


@settings(max_examples=800, deadline=2_000)
@given(st.data())
def test_mutated_programs(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SEEDS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + cut :]
    survives(text)
