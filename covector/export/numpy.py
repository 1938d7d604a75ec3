"""NumPy source of a program: one function, as a person would write it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from covector.errors import BudgetError, CovectorError
from covector.export.code import ATOM, RESERVED, Code, Names
from covector.export.emit import Emitter
from covector.export.values import Value, natural, numpy_dtype
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Index,
    Literal,
    Opaque,
    Program,
    Read,
    Reduce,
    Select,
    Symbol,
    Tensor,
    walk,
)
from covector.ir.node import Node
from covector.ir.tensor import program_of
from covector.notation.print import equation

_INDENT = "    "
_RISKY = {"div", "log", "log1p", "sqrt", "rsqrt", "exp", "expm1", "acosh", "asin", "acos", "atanh", "tan"}


def numpy_source(program: Program, name: str = "forward", doc: str = "") -> str:
    """The source of a function that computes the outputs of a program with NumPy alone.

    Its arguments are the inputs, then, by keyword, the extents that no input determines; it gives the output, or a
    tuple of several. Raises `CovectorError` where a statement has no element form.

    >>> from covector.frontend.program import read_program
    >>> print(numpy_source(read_program("y[i] = sum[k](A[i,k] * x[k])"), "product"))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def product(A, x):
        I, K = A.shape
        assert x.shape == (K,)
        # y[i] = sum[k](A[i,k] * x[k])
        return A @ x
    <BLANKLINE>
    """
    return _module([_Function(program, name, doc)])


def numpy_module(functions: Mapping[str, Program]) -> str:
    """The source of a module with a function for each program, by name; imports and helpers stand once, at the top."""
    return _module([_Function(program, name, "") for name, program in functions.items()])


def _module(functions: Sequence[_Function]) -> str:
    sources = [function.source() for function in functions]
    helpers = dict.fromkeys(helper for function in functions for helper in function.emitter.helpers.values())
    imports = "import numpy as np"
    if any(re.search(r"\bmath\.", helper) for helper in helpers):
        imports = f"import math\n\n{imports}"
    return "\n\n\n".join([imports, *helpers, *sources]) + "\n"


class _Function:
    """One function as it is written."""

    def __init__(self, program: Program, name: str, doc: str) -> None:
        self.whole, self.doc = program, doc
        self.program = program_of(program.outputs, program.inputs)
        names = Names((*RESERVED, *_helper_names(self.program)))
        self.name = names.new(name)
        self.inputs: dict[Tensor, str] = {tensor: names.new(tensor.name) for tensor in self.program.inputs}
        self.symbols = {symbol: names.new(symbol) for symbol in _symbols(self.program)}
        self.outputs: dict[Tensor, str] = {
            statement: names.new(statement.name) for statement in self.program.statements
        }
        self.code = Code(names)
        tensors = self.inputs | self.outputs
        self.trusted = _trusted(program)
        self.emitter = Emitter(self.code, self.symbols, tensors, self.trusted)

    def source(self) -> str:
        """The text of the function, without imports and helpers."""
        body = self.body()
        header, keywords = self.header()
        signature = ", ".join([*self.inputs.values(), *(["*", *keywords] if keywords else [])])
        lines = [f"def {self.name}({signature}):"]
        if len(lines[0]) > 110:
            lines = [f"def {self.name}(", *(f"{_INDENT}{part}," for part in signature.split(", "))]
            lines.append("):")
        if _risks(self.program):
            lines.insert(0, '@np.errstate(divide="ignore", over="ignore", invalid="ignore")')
        lines += [_INDENT + line for line in (*self.docstring(), *header, *body)]
        return "\n".join(lines)

    def docstring(self) -> list[str]:
        """The documentation of the function."""
        if not self.doc:
            return []
        text = self.doc.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        lines = text.split("\n")
        return [f'"""{text}"""'] if len(lines) == 1 else [f'"""{lines[0]}', *lines[1:], '"""']

    def body(self) -> list[str]:
        """The statements, and what is returned."""
        values = {statement: self.value(statement) for statement in self.program.statements}
        roots = {statement: value.term for statement, value in values.items()}
        self.code.count(roots.values())
        single = self.program.outputs[0] if len(self.program.outputs) == 1 else None
        for statement in self.program.statements:
            self.code.lines += _comment(statement)
            term = roots[statement]
            if statement is single and statement is self.program.statements[-1] and not term.block:
                self.code.lines.append(f"return {self.code.fitted(term, 11)}")
                return self.code.lines
            self.code.assign(self.outputs[statement], term)
        names = [self.outputs[output] for output in self.program.outputs]
        self.code.lines.append(f"return {', '.join(names) or None}")
        return self.code.lines

    def value(self, statement: Compute | Opaque) -> Value:
        """The value of a statement, with its axes in order and its dtype."""
        if isinstance(statement, Opaque):
            raise CovectorError(f"{statement.name}: there is no NumPy source for {statement.function!r}")
        self.emitter.layout.scope_is(_indices(statement))
        layout = self.emitter.layout
        value = self.emitter.value(statement.body)
        if statement.dtype != "bool":
            value = layout.countable(value)
        value = layout.broadcast(value, statement.indices, statement.dtype)
        kind = "bool" if value.kind == "mask" else natural(value.kind)
        if kind == statement.dtype:
            return value
        dtype = numpy_dtype(statement.dtype)
        if value.is_weak:
            term = self.code.term(ATOM, f"{dtype}(", (value.term, 0), ")")
        else:
            term = self.code.term(ATOM, (value.term, ATOM), f".astype({dtype})")
        return Value(term, value.axes, statement.dtype)

    def header(self) -> tuple[list[str], list[str]]:
        """The lines that bind extents and check shapes and positions, and the extents to be given by keyword."""
        bound: set[str] = set()
        lines: list[str] = []
        checks: list[str] = []
        shape = self.emitter.layout.shape
        for tensor, name in self.inputs.items():
            fresh = [_symbol(extent) for extent in tensor.shape]
            new = [symbol for symbol in fresh if symbol is not None and symbol not in bound]
            if new:
                lines.append(self._unpacked(name, fresh, new))
            if tensor.shape and (len(new) < len(fresh) or len(set(new)) < len(new)):
                checks.append(f"assert {name}.shape == {shape(tensor.shape)}")
            bound |= {symbol for symbol in fresh if symbol is not None}
        lines += self.solved(bound)
        # NumPy refuses positions beyond the end by itself, but counts negative ones from there.
        positions = {tensor for tensor, _ in self.trusted}
        checks += [f"assert np.all({name} >= 0)" for tensor, name in self.inputs.items() if tensor in positions]
        return [*lines, *checks], [self.symbols[symbol] for symbol in self.symbols if symbol not in bound]

    def _unpacked(self, name: str, extents: list[str | None], new: list[str]) -> str:
        """The line that gives names to the new extents of a shape."""
        if len(set(new)) == 1 and len(extents) > 1:
            return f"{self.symbols[new[0]]} = {name}.shape[{extents.index(new[0])}]"
        targets, seen = list[str](), set[str]()
        for symbol in extents:
            known = symbol is None or symbol not in new or symbol in seen
            targets.append("_" if symbol is None or known else self.symbols[symbol])
            seen |= {symbol} if symbol is not None else set()
        return f"({targets[0]},) = {name}.shape" if len(targets) == 1 else f"{', '.join(targets)} = {name}.shape"

    def solved(self, bound: set[str]) -> list[str]:
        """Extents that follow from a composite one, as M does from 2·M."""
        lines: list[str] = []
        while True:
            found = next((s for s in self._solutions(bound) if s[0] not in bound), None)
            if found is None:
                return lines
            bound.add(found[0])
            lines.append(f"{self.symbols[found[0]]} = {found[1]}")

    def _solutions(self, bound: set[str]) -> Iterable[tuple[str, str]]:
        for tensor, name in self.inputs.items():
            for axis, extent in enumerate(tensor.shape):
                unknown = [n for n in walk(extent) if isinstance(n, Symbol) and n.name not in bound]
                coefficient = extent.coefficient(unknown[0]) if len(unknown) == 1 else None
                if coefficient is None or not coefficient.is_constant or coefficient.constant <= 0:
                    continue
                rest = extent - coefficient * unknown[0]
                text = (self.emitter.layout.extent(-rest) or ("", 0))[0]
                size, whole = f"{name}.shape[{axis}]", coefficient.constant
                if not (rest.is_constant and rest.constant == 0):
                    size = f"{size} {'- ' + text[1:] if text.startswith('-') else '+ ' + text}"
                    size = size if whole == 1 else f"({size})"
                yield unknown[0].name, size if whole == 1 else f"{size} // {whole}"


def _comment(statement: Compute | Opaque) -> list[str]:
    """The element form of a statement, over several lines where it is long."""
    try:
        text = equation(statement)
    except BudgetError:
        text = f"{statement.name} = …"
    if len(text) > 600:
        text = text[:600] + " …"
    return textwrap.wrap(text, 108, initial_indent="# ", subsequent_indent="#     ", break_on_hyphens=False)


def _indices(statement: Compute) -> list[Index]:
    """The indices of a statement, those of the output first."""
    inner = [i for node in walk(statement.body) if isinstance(node, Reduce) for i in node.indices]
    return list(dict.fromkeys([*statement.indices, *inner]))


def _symbols(program: Program) -> list[str]:
    """The names of the extents, in the order in which they first occur."""
    forms: list[Node] = [extent for tensor in program.inputs for extent in tensor.shape]
    for statement in program.statements:
        if isinstance(statement, Compute):
            forms += [*statement.shape, *(i.extent for i in _indices(statement)), statement.body]
    return list(dict.fromkeys(node.name for form in forms for node in walk(form) if isinstance(node, Symbol)))


def _symbol(extent: Affine) -> str | None:
    atom = extent.atom
    return atom.name if isinstance(atom, Symbol) else None


def _helper_names(program: Program) -> set[str]:
    """The names that helpers may take."""
    names = {"take", "gather", "scatter_sum", "power"}
    for statement in program.statements:
        if isinstance(statement, Compute):
            functions = [node.function for node in walk(statement.body) if isinstance(node, Apply)]
            names |= {function.numeric.__name__ for function in functions if function.name in _COPIED}
    return names


_COPIED = ("sigmoid", "erf", "erfc")


def _trusted(program: Program) -> set[tuple[Tensor, Affine]]:
    """Integer tensors that are positions on an axis of some extent outside any guard: they must be inside it."""
    found: set[tuple[Tensor, Affine]] = set()

    def visit(node: Node) -> None:
        if isinstance(node, Read):
            for position, extent in zip(node.positions, node.tensor.shape, strict=True):
                atom = position.atom
                if isinstance(atom, Read):
                    found.add((atom.tensor, extent))
        elif isinstance(node, Apply):
            if not any(isinstance(argument, Bracket) for argument in node.arguments):
                for argument in node.arguments:
                    visit(argument)
        elif isinstance(node, Reduce):
            visit(node.body)

    for statement in program.statements:
        if isinstance(statement, Compute):
            visit(statement.body)
    return found


def _risks(program: Program) -> bool:
    """Whether a value that does not count may be invalid where it is computed all the same."""
    for statement in program.statements:
        if not isinstance(statement, Compute):
            continue
        for node in walk(statement.body):
            guards = isinstance(node, Select) or (
                isinstance(node, Apply) and any(isinstance(argument, Bracket) for argument in node.arguments)
            )
            if guards and any(_is_risky(part) for part in walk(node)):
                return True
    return False


def _is_risky(node: Node) -> bool:
    """Whether a function may be infinite or undefined."""
    if not isinstance(node, Apply):
        return False
    if node.function.name != "pow":
        return node.function.name in _RISKY
    exponent = node.arguments[1]
    return not (isinstance(exponent, Literal) and exponent.value >= 0 and Fraction(exponent.value).denominator == 1)
