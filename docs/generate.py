"""Write what the documentation shows of the library: pages of operations, the rules, the outputs of code blocks.

``python docs/generate.py`` writes what has changed. With ``--check`` it writes nothing, names what is stale, and exits
with 1. Names of pages or operations limit it to these.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import unified_diff
from functools import partial
from pathlib import Path

from blocks import BlockError, refreshed, same, write_where_changed

import covector as cv
from covector.calculus.arithmetic import ARITHMETIC
from covector.calculus.conditions import CONDITIONS
from covector.calculus.expand import EXPANDING
from covector.calculus.identities import IDENTITIES
from covector.calculus.rewrite import Rule
from covector.calculus.sums import SUMS
from covector.cli.ops import example_source
from covector.frontend import read_program
from covector.ir import ScalarFunction, is_float
from covector.ops import OPERATIONS, SCALARS, Operation

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
OPERATION_PAGES = DOCS / "operations"
LONGEST = 120  # characters of a line, as everywhere in the repository
EXECUTED = (
    ROOT / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in ("index", "notation", "delta-elimination", "jacobians", "transforms", "training", "engine")
    ),
)
"""Pages written by hand whose code blocks are run."""

_MARK = "<!-- Written by docs/generate.py from {source}. -->"


def pages() -> Mapping[Path, Callable[[], str]]:
    """Every page, with the function that gives its text."""
    found: dict[Path, Callable[[], str]] = {path: partial(_executed, path) for path in EXECUTED}
    found[DOCS / "rules.md"] = rules_page
    found[OPERATION_PAGES / "index.md"] = index_page
    found[OPERATION_PAGES / "scalar-functions.md"] = scalars_page
    for operation in OPERATIONS.values():
        found[OPERATION_PAGES / f"{operation.name}.md"] = partial(operation_page, operation)
    return found


def left_over() -> list[Path]:
    """Pages of operations that the table does not have any more."""
    return sorted(set(OPERATION_PAGES.glob("*.md")) - set(pages()))


def difference(path: Path) -> str:
    """The lines in which a page differs from what would be written now; none where that is in measured errors alone."""
    old, new = path.read_text(encoding="utf-8") if path.exists() else "", pages()[path]()
    return "" if same(old, new) else "\n".join(unified_diff(old.splitlines(), new.splitlines(), lineterm=""))


def main() -> int:
    """Write or check the pages that the command line names; the exit code."""
    parser = argparse.ArgumentParser(description="Write what the documentation shows of the library.")
    parser.add_argument("names", nargs="*", help="pages or operations, such as README or softmax (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where a page is stale")
    options = parser.parse_args()
    wanted = {path: page for path, page in pages().items() if not options.names or path.stem in options.names}
    unknown = set(options.names) - {path.stem for path in wanted}
    if unknown:
        parser.error(f"there is no page {', '.join(sorted(unknown))}")
    stale = 0
    for path, page in wanted.items():
        try:
            text = page()
        except (BlockError, cv.CovectorError) as error:
            stale += 1
            print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
            continue
        if options.check and not (path.exists() and same(path.read_text(encoding="utf-8"), text)):
            stale += 1
            print(f"{path.relative_to(ROOT)} is stale: run python docs/generate.py", file=sys.stderr)
        elif not options.check and write_where_changed(path, text):
            print(path.relative_to(ROOT))
    for path in left_over() if not options.names else []:
        stale += options.check
        print(f"{path.relative_to(ROOT)} is left over", file=sys.stderr)
        if not options.check:
            path.unlink()
    return 1 if stale else 0


def _executed(path: Path) -> str:
    return refreshed(path.read_text(encoding="utf-8"), path.name)


def operation_page(operation: Operation) -> str:
    """The page of one operation."""
    parts = [
        _MARK.format(source="the table in covector/ops"),
        f"# {operation.name}",
        operation.doc,
        _fenced("python", call(operation)),
        *_parameters(operation),
        "## Element form",
        *_forms(operation),
        *_gradients(operation),
    ]
    return _joined(parts)


def call(operation: Operation) -> str:
    """How an operation is called, with the defaults of its parameters."""
    parameters = [f"{name}={value}" for name, value in operation.parameters.items()]
    parameters += ["axis=-1"] if operation.axis else []
    given = ", ".join([*operation.arguments, *parameters])
    line = f"{operation.name}({given})"
    return line if len(line) <= LONGEST else f"{operation.name}(\n    {given}\n)"


def _parameters(operation: Operation) -> Iterator[str]:
    if operation.axis:
        yield "It runs along the last axis, or along the one that `axis` names."
    if len(operation.forms) > 1:
        yield "Of the forms below, the first is taken that reads the arguments given and fits their numbers of axes."


def _forms(operation: Operation) -> Iterator[str]:
    for form in operation.forms:
        yield _fenced("text", _dedented(form))
    if any("..." in form for form in operation.forms):
        yield "`...` stands for any leading axes, which broadcast."


def _gradients(operation: Operation) -> Iterator[str]:
    """An example of the operation, its gradients as formulas, and their derivation."""
    source = example_source(operation)
    program = read_program(source)
    yield "## Example"
    if not any(is_float(given.dtype) for given in program.inputs):
        yield _fenced("text", source)
        yield "Its arguments are integers, so there is no gradient."
        return
    yield _fenced("covector", source)
    derivation = cv.derive(source)
    data = derivation.json()
    yield _display(statement["latex"] for statement in data["forward"])
    if any(_pads(statement["element"]) for statement in data["forward"]):
        yield "A read outside the bounds is 0."
    yield from _matrix_forms((statement["name"], statement["matrix"]) for statement in data["forward"])
    yield "## Gradients"
    seed = f"`{data['seed']}` is ∂L/∂`{data['output']}`, for any scalar L" if data["seed"] else "The output is a scalar"
    yield f"{seed}; `d` before a name stands for the gradient with respect to it."
    gradients = {**data["intermediate"], **data["gradients"]}
    if all(gradient["whole"] or gradient["zero"] for gradient in data["gradients"].values()):
        gradients = data["gradients"]
    shown = [gradient["whole"] or gradient["statement"] for gradient in gradients.values() if not gradient["zero"]]
    yield _display(_without_prime(statement["latex"]) for statement in shown)
    yield from _matrix_forms((f"d{name}", gradient["matrix"]) for name, gradient in gradients.items())
    for name, gradient in gradients.items():
        if gradient["zero"]:
            yield f"The gradient with respect to `{name}` is zero."
    yield from _details("Every step", "text", derivation.text())
    # Not as `python`: that is formatted with the repository, and would differ from what covector writes.
    yield from _details("As NumPy", "numpy", derivation.numpy())


def _pads(equation: str) -> bool:
    """Whether an equation reads 0 outside the bounds, which its formula does not show."""
    return "pad(" in equation


def _without_prime(equation: str) -> str:
    """An equation whose left side has the name of the gradient, without the prime of a form that is written out."""
    left, equals, right = equation.partition(" = ")
    return left.replace("'", "") + equals + right


def _matrix_forms(forms: Iterable[tuple[str, Mapping[str, str] | None]]) -> Iterator[str]:
    found = [f"{name} = {form['text']}" for name, form in forms if form]
    if found:
        yield "In matrix form:"
        yield _fenced("text", "\n".join(found))


def index_page() -> str:
    """The table of operations, by family."""
    parts = [
        _MARK.format(source="the table in covector/ops"),
        "# Operations",
        f"{len(OPERATIONS)} operations, each one record in `covector/ops/`: its element form, from which value,"
        " gradients and this documentation are computed. None has a derivative written by hand. They are functions of"
        " the matrix form: `y = softmax(x, axis=0)`. [Scalar functions](scalar-functions.md) have a page of their own.",
    ]
    families: dict[str, list[Operation]] = {}
    for operation in OPERATIONS.values():
        families.setdefault(operation.family, []).append(operation)
    for family, members in families.items():
        rows = [(f"[`{call(member)}`]({member.name}.md)", member.doc) for member in members]
        parts += [f"## {family.capitalize()}", _table(("operation", "what it is"), rows)]
    return _joined(parts)


def scalars_page() -> str:
    """The table of scalar functions with their derivatives."""
    rows = [
        (
            f"`{_scalar_call(function)}`",
            function.doc,
            "<br>".join(_derivatives(function)),
            f"`{function.domain}`" if function.domain else "",
            function.kinks,
        )
        for function in SCALARS.values()
    ]
    parts = [
        _MARK.format(source="the table in covector/ops/scalar.py"),
        "# Scalar functions",
        f"{len(SCALARS)} scalar functions. Each declares its derivatives in the notation, one line for each argument;"
        " everything else follows from these lines. Outside of the domain the value is not a number. The calculus knows"
        " sums and products, of any number of arguments, itself. Comparisons have no derivative.",
        _table(("function", "what it is", "derivatives", "defined where", "at kinks and edges"), rows),
        "The notation writes some of them as signs: `a + b`, `a - b`, `-a`, `a * b`, `a / b`, `a ** b`, `a < b`,"
        " `a == b`, `a and b`.",
    ]
    return _joined(parts)


def _scalar_call(function: ScalarFunction) -> str:
    return f"{function.name}({', '.join(function.parameters)}{', …' if function.variadic else ''})"


def _derivatives(function: ScalarFunction) -> list[str]:
    pairs = zip(function.parameters, function.derivatives, strict=False)
    return [f"∂/∂{name} = `{derivative}`" for name, derivative in pairs if derivative is not None]


RULES: Mapping[str, tuple[str, tuple[Rule, ...]]] = {
    "Conditions": ("Brackets, comparisons, positions and selects.", CONDITIONS),
    "Arithmetic": ("Sums of products of powers, with exact coefficients.", ARITHMETIC),
    "Identities": ("Identities of scalar functions: each is its own statement.", IDENTITIES),
    "Sums": ("The elimination of δ, and the arrangement of sums.", SUMS),
    "Multiplying out": ("Only for proofs that two expressions are equal; no derivation shows them.", EXPANDING),
}


def rules_page() -> str:
    """The list of rewrite rules."""
    count = sum(len(rules) for _, rules in RULES.values())
    parts = [
        _MARK.format(source="the rules in covector/calculus"),
        "# Rewrite rules",
        f"{count} rules bring derived expressions to one normal form. Each is a named record: a pattern, what takes its"
        " place, and where that holds. The functions that carry the rules out work for any number of terms, factors and"
        " indices; the two sides here are one instance, which a test evaluates at random points. A rule with a title is"
        " cited in derivations; the others are bookkeeping that no reader needs to see.",
    ]
    for title, (says, rules) in RULES.items():
        rows = [
            (
                f"`{rule.name}`",
                f"`{rule.left}`",
                f"`{rule.right}`",
                f"`{rule.where}`" if rule.where else "",
                " · ".join(part for part in (rule.title, rule.title_zh) if part),
            )
            for rule in rules
        ]
        parts += [f"## {title}", says, _table(("rule", "pattern", "becomes", "where", "cited as"), rows)]
    return _joined(parts)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


def _display(equations: Iterable[str]) -> str:
    """Equations below each other, their signs of equality aligned."""
    rows = [equation.replace(" = ", " &= ", 1) for equation in equations]
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$"


def _details(title: str, language: str, text: str) -> Iterator[str]:
    yield f'<details markdown="1">\n<summary>{title}</summary>'
    yield _fenced(language, text)
    yield "</details>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _dedented(form: str) -> str:
    """A form with the indentation of the table taken off."""
    return textwrap.dedent(form.strip("\n")).strip()


if __name__ == "__main__":
    raise SystemExit(main())
