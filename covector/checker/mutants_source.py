"""Mutants of a Python function: its source with one mistake each, made in the syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from covector.errors import CovectorError, UnknownNameError, nearest

Function = ast.FunctionDef | ast.AsyncFunctionDef
Change = tuple[str, str, ast.expr]

REDUCTIONS = {"sum": "mean", "mean": "sum", "max": "min", "min": "max"}
OPPOSITE: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Div: ast.Mult}


@dataclass(frozen=True)
class SourceMutant:
    """One mutant: its kind, what was changed in which line, and the whole source of the file."""

    name: str
    description: str
    line: int
    source: str


def source_mutants(source: str, function: str) -> list[SourceMutant]:
    """The mutants of one function (``name`` or ``Class.name``) of a file.

    Raises `UnknownNameError` where the file has no such function, and `CovectorError` where it is no Python.

    >>> found = source_mutants("def backward(x, g):\\n    return g.T @ x\\n", "backward")
    >>> [(mutant.name, mutant.description) for mutant in found][:2]
    [('sign', 'g.T @ x becomes -(g.T @ x)'), ('factor 2', 'g.T @ x becomes 2 * (g.T @ x)')]
    """
    tree = _parsed(source)
    target = _function(tree, function)
    found: list[SourceMutant] = []
    seen = {ast.unparse(target)}
    for node in ast.walk(target):
        for name, description, new in _changes(node, target):
            body = _replaced(target, node, new)
            shown = ast.unparse(body)
            if shown not in seen:
                seen.add(shown)
                found.append(
                    SourceMutant(name, description, getattr(node, "lineno", 0), _spliced(source, target, shown))
                )
    return found


def broken(source: str, function: str) -> str:
    """The source with a function that raises at once: any test of it must fail."""
    target = _function(_parsed(source), function)
    body = copy.deepcopy(target)
    body.body = [ast.Raise(ast.Call(ast.Name("AssertionError"), [ast.Constant("a mutant of covector")], []))]
    return _spliced(source, target, ast.unparse(ast.fix_missing_locations(body)))


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CovectorError(f"the file is no Python: {error.msg} in line {error.lineno}") from None


def _function(tree: ast.Module, name: str) -> Function:
    """The definition of a function, or of a method of a class."""
    found = dict(_functions(tree, ""))
    if name in found:
        return found[name]
    close = nearest(name, found)
    hint = f"did you mean {close!r}?" if close else "it has " + (", ".join(found) or "none")
    raise UnknownNameError(f"the file has no function {name!r}", hint=hint)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _spliced(source: str, target: Function, text: str) -> str:
    """The source with the lines of a function replaced."""
    lines = source.splitlines(keepends=True)
    first = min([target.lineno, *(decorator.lineno for decorator in target.decorator_list)])
    indent = " " * target.col_offset
    new = "".join(f"{indent}{line}\n" if line else "\n" for line in text.splitlines())
    return "".join(lines[: first - 1]) + new + "".join(lines[target.end_lineno :])


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.expr) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A copy with changed children, so that the original stays."""
        return super().generic_visit(copy.copy(_with_own_lists(node)))


def _with_own_lists(node: ast.AST) -> ast.AST:
    made = copy.copy(node)
    for name, value in ast.iter_fields(made):
        if isinstance(value, list):
            setattr(made, name, list(value))
    return made


def _replaced(target: Function, node: ast.AST, new: ast.expr) -> ast.AST:
    return ast.fix_missing_locations(_Replace(node, new).visit(target))


def _changes(node: ast.AST, target: Function) -> Iterator[Change]:
    """What may become of a node: kind, description, expression."""
    for make in (_returned, _attribute, _call, _operator, _product, _number, _name):
        for name, new in make(node, target):
            yield name, f"{_short(node)} becomes {_short(new)}", new


Made = Iterator[tuple[str, ast.expr]]


def _returned(node: ast.AST, target: Function) -> Made:
    """A returned gradient with another sign or factor, or zero."""
    values = [s.value for s in ast.walk(target) if isinstance(s, ast.Return) and s.value is not None]
    parts = [part for value in values for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
    if not isinstance(node, ast.expr) or not any(node is part for part in parts):
        return
    if isinstance(node, ast.Constant) and node.value is None:
        return
    yield "sign", ast.UnaryOp(ast.USub(), node)
    yield "factor 2", ast.BinOp(ast.Constant(2), ast.Mult(), node)
    yield "factor 1/2", ast.BinOp(ast.Constant(0.5), ast.Mult(), node)
    yield "zero", ast.BinOp(ast.Constant(0), ast.Mult(), node)


def _attribute(node: ast.AST, target: Function) -> Made:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT") and isinstance(node.ctx, ast.Load):
        yield "transposed", node.value


def _call(node: ast.AST, target: Function) -> Made:
    """A sum that is dropped, a mean for it, another axis; a transposition that is left out."""
    if not isinstance(node, ast.Call):
        return
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    own = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    subject = node.func.value if own and isinstance(node.func, ast.Attribute) else next(iter(node.args), None)
    if subject is None:
        return
    if called in ("transpose", "swapaxes", "permute", "moveaxis"):
        yield "transposed", subject
    if called in REDUCTIONS:
        yield f"dropped {called}", subject
        yield f"{REDUCTIONS[called]} for {called}", _renamed(node, REDUCTIONS[called])
        yield from _other_axes(node)
    elif called in ("exp", "log", "sqrt", "tanh", "abs", "square", "maximum", "minimum", "where") and called != "where":
        yield "missing function", subject


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "torch", "jnp", "jax", "cv", "F", "math")


def _renamed(node: ast.Call, name: str) -> ast.Call:
    made = copy.copy(node)
    func = node.func
    made.func = ast.Attribute(func.value, name, ast.Load()) if isinstance(func, ast.Attribute) else ast.Name(name)
    return made


def _other_axes(node: ast.Call) -> Made:
    for place, keyword in enumerate(node.keywords):
        if keyword.arg not in ("axis", "dim"):
            continue
        for other in _axes_beside(keyword.value):
            made = copy.copy(node)
            made.keywords = list(node.keywords)
            made.keywords[place] = ast.keyword(keyword.arg, other)
            yield "wrong axis", made
    last = node.args[-1] if node.args else None
    if isinstance(last, ast.Constant) and isinstance(last.value, int):
        for other in _axes_beside(last):
            made = copy.copy(node)
            made.args = [*node.args[:-1], other]
            yield "wrong axis", made


def _axes_beside(value: ast.expr) -> list[ast.expr]:
    written = ast.unparse(value)
    swapped = {"0": "1", "1": "0", "-1": "0", "-2": "-1", "2": "1"}
    return [ast.parse(swapped[written], mode="eval").body] if written in swapped else []


def _operator(node: ast.AST, target: Function) -> Made:
    """A term or a factor dropped, the sign of a term, a quotient the other way round."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", node.operand
    if not isinstance(node, ast.BinOp):
        return
    kind = type(node.op)
    if kind in (ast.Add, ast.Sub):
        yield "sign of a term", ast.BinOp(node.left, OPPOSITE[kind](), node.right)
        yield "dropped term", node.left
        yield "dropped term", node.right
        yield "doubled term", ast.BinOp(node, node.op, node.right)
    if kind is ast.Sub:
        yield "swapped operands", ast.BinOp(node.right, ast.Sub(), node.left)
    if kind is ast.Div:
        yield "missing division", node.left
        yield "product for quotient", ast.BinOp(node.left, ast.Mult(), node.right)
    if kind is ast.Mult:
        yield "dropped factor", node.left
        yield "dropped factor", node.right


def _product(node: ast.AST, target: Function) -> Made:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield "swapped operands", ast.BinOp(node.right, ast.MatMult(), node.left)
        yield "elementwise product", ast.BinOp(node.left, ast.Mult(), node.right)


def _number(node: ast.AST, target: Function) -> Made:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
        value = node.right.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield "wrong exponent", ast.BinOp(node.left, ast.Pow(), ast.Constant(value - 1))
            yield "wrong exponent", ast.BinOp(node.left, ast.Pow(), ast.Constant(value + 1))


def _name(node: ast.AST, target: Function) -> Made:
    """Another argument or local of the function in the place of one; only where both are read alike."""
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    arguments = [a.arg for a in (*target.args.posonlyargs, *target.args.args) if a.arg not in ("self", "ctx")]
    stored = [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    known = list(dict.fromkeys([*arguments, *stored]))
    if node.id in known:
        place = known.index(node.id)
        for other in {known[place - 1], known[(place + 1) % len(known)]} - {node.id}:
            yield "another value", ast.Name(other, ast.Load())


def _short(node: ast.AST) -> str:
    shown = " ".join(ast.unparse(node).split())
    return shown if len(shown) <= 50 else f"{shown[:47]}…"


_Make = Callable[[ast.AST, Function], Made]
