"""What a claim says about a forward: each side as a statement of the IR, with names given their meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from covector.calculus.build import ZERO
from covector.checker.claims import Case, Claim, rebuilt
from covector.checker.names import free_in, free_names, quotient
from covector.checker.truth import Forward, inlined, scaled
from covector.errors import CovectorError, NotationError, ShapeError, UnknownNameError
from covector.frontend.matrix import define_matrix
from covector.ir import Compute, Expr, Index, Input, Read, Select, Tensor, as_affine
from covector.ir.tensor import read_tensors
from covector.notation import syntax
from covector.notation.element import Scope, declare, define
from covector.notation.print import shape_text, text
from covector.notation.scope import syntax_walk
from covector.notation.syntax import IndexBinding, Span, Syntax

Kind = Literal["gradient", "jacobian", "value", "equality"]

MOST_NODES = 2_000
"""Names, numbers and operators that a claim may have."""

_ELEMENT = (syntax.Subscript, syntax.Reduction, syntax.Iverson)


@dataclass(frozen=True)
class Reading:
    """A claim understood.

    ``claimed`` and ``true`` are the sides as statements, already restricted to where ``condition`` holds; where the
    shapes within the right side cannot be, ``claimed`` is None and ``misfit`` says why. ``tensor`` is what a
    gradient, a Jacobian or a value is of; ``right`` and ``left`` are the trees with names of tensors in place of
    derivatives, ``scope`` what the names in them mean, and ``seed_named`` what the claim calls the cotangent of the
    output. ``filled`` says that a number on the right stands for an array.
    """

    kind: Kind
    element: bool
    claimed: Compute | None
    true: Compute
    misfit: ShapeError | None
    tensor: Tensor | None
    left: Syntax
    right: Syntax
    condition: Syntax | None
    scope: Scope
    source: str
    seed_named: str | None
    reader: Reader
    filled: bool = False

    def again(self, right: Syntax) -> Compute | None:
        """The statement that another right side would be; None where its shapes cannot be, or it means nothing."""
        try:
            if self.element:
                return _jointly(self.reader, self.left, right, self.condition, [i.name for i in self.true.indices])[0]
            return _matrix(self.reader, right)
        except CovectorError:
            return None


class Reader:
    """The names of one claim, as they are met."""

    def __init__(self, forward: Forward | None, scope: Scope, source: str) -> None:
        self.forward, self.scope, self.source = forward, scope, source
        self.seed_named: str | None = None
        self.scalar_seed = False

    def fault(self, message: str, node: Syntax, hint: str | None = None) -> NotationError:
        """An error at a place of the claim."""
        return NotationError(message, source=self.source, span=(node.span.start, node.span.end), hint=hint)

    def resolved(self, tree: Syntax) -> Syntax:
        """The tree with derivatives replaced by reads of tensors that hold them."""
        return rebuilt(tree, self._resolve)  # type: ignore[no-any-return]

    def _resolve(self, node: Syntax) -> Syntax:
        found = quotient(node, self.forward) if self.forward else None
        if found is not None:
            *factors, derivative = found
            read = self.derivative(derivative)
            return syntax.Operator(node.span, "*", (*factors, read)) if factors else read
        return self.derivative(node) if isinstance(node, syntax.Derivative) else node

    def derivative(self, node: Syntax) -> Syntax:
        """``∂L/∂x[i]`` as a read of the cotangent of x, ``∂y[p]/∂x[i]`` as a read of a Jacobian."""
        assert isinstance(node, syntax.Derivative)
        if self.forward is None:
            raise self.fault("a derivative needs a forward", node, 'say of what: of="y = x @ w.T"')
        by = self.forward.tensor(_name(node.by))
        if by is None:
            known = ", ".join(self.forward.tensors)
            raise self.fault(
                f"the forward has no tensor '{_name(node.by)}' to differentiate by", node.by, f"known: {known}"
            )
        of = node.of
        if of is None or (isinstance(of, syntax.Name) and self.forward.is_loss(of.name)):
            return self._read(node, self.forward.gradient(by), f"∂L/∂{by.name}", _positions(node.by))
        if not isinstance(of, (syntax.Name, syntax.Subscript)):
            return self._expression(node, of, by)
        tensor = self.forward.tensor(of.name)
        if not isinstance(tensor, Compute):
            hint = "a loss is called L, loss or J"
            raise self.fault(f"the forward computes no '{of.name}' to differentiate", of, hint)
        if not tensor.shape and tensor is self.forward.program.output:
            return self._read(node, self.forward.gradient(by), f"∂{of.name}/∂{by.name}", _positions(node.by))
        both = tuple(_positions(one) or (() if not t.shape else None) for one, t in ((of, tensor), (node.by, by)))
        if None in both and any(both):
            raise self.fault("one side of the derivative has indices and the other has none", node, "write ∂y[p]/∂x[i]")
        positions = None if None in both or not any(both) else (*both[0], *both[1])  # type: ignore[misc]
        return self._read(node, self.forward.jacobian(tensor, by), f"∂{of.name}/∂{by.name}", positions)

    def _expression(self, node: syntax.Derivative, of: Syntax, by: Tensor) -> Syntax:
        """``∂(expression)/∂x[i]``: the derivative of an expression in free indices."""
        assert self.forward is not None
        positions = _positions(node.by)
        if positions is None:
            raise self.fault("the derivative of an expression is read element by element", node, "write ∂(…)/∂x[i,j]")
        letters = [n for n in free_names(of, self.scope, self.forward) if n]
        bindings = tuple(IndexBinding(node.span, name, None) for name in letters)
        body, _ = define(syntax.Definition(of.span, self.own(), bindings, False, of), self.closed(of), self.source)
        at = tuple(Index(f"{'abcdefgh'[n]}'", extent) for n, extent in enumerate(by.shape))
        entry = self.forward.derivative(body.body, by, at)
        statement = Compute(f"∂/∂{by.name}", (*body.indices, *at), entry)
        names = tuple(syntax.Name(node.span, name) for name in letters)
        return self._read(node, statement, f"∂({of.span.start})/∂{by.name}", (*names, *positions))

    def _read(self, node: Syntax, tensor: Tensor, name: str, positions: tuple[Syntax, ...] | None) -> Syntax:
        if self.forward is not None and tensor is self.forward.seed:
            self.seed_named = self.source[node.span.start : node.span.end].partition("[")[0]
        self.scope = self.scope.with_tensor(tensor, name)
        return syntax.Name(node.span, name) if not positions else syntax.Subscript(node.span, name, positions)

    def named(self, trees: list[Syntax]) -> None:
        """Put what the names in the trees mean into the scope."""
        if self.forward is None:
            return
        output = self.forward.program.output
        names = {n.name for tree in trees for n in syntax_walk(tree) if isinstance(n, (syntax.Name, syntax.Subscript))}
        for name in sorted(names - set(self.scope.tensors)):
            tensor = self.forward.named(name)
            if tensor is not None:
                self.scope = self.scope.with_tensor(tensor, name)
            if tensor is self.forward.seed and tensor is not None:
                self.seed_named = name
        self.scalar_seed = not output.shape and self.seed_named is not None

    def own(self) -> str:
        """A name for the claim that nothing else has."""
        name = "claim"
        while name in self.scope.tensors or name in self.scope.extents:
            name += "_"
        return name

    def closed(self, *trees: Syntax) -> Scope:
        """The scope, in which no new inputs may come up where there is a forward."""
        self.named(list(trees))
        return replace(self.scope, closed=self.forward is not None)


def scope_of(forward: Forward | None, scope: Scope | None = None) -> Scope:
    """What the names of a claim may mean from the start: the tensors of the forward, and declared inputs."""
    scope = scope or Scope()
    for tensor in (*forward.program.inputs, *forward.program.statements) if forward else ():
        scope = scope.with_tensor(tensor)
    return scope


def read_claim(claim: Claim, case: Case, forward: Forward | None, scope: Scope | None = None) -> Reading:
    """What a claim says in one of its cases; raises the errors of the notation where it cannot be understood."""
    reader = Reader(forward, scope_of(forward, scope), claim.source)
    if sum(1 for side in (claim.left, case.right) for _ in syntax_walk(side)) > MOST_NODES:
        raise reader.fault(f"the claim has more than {MOST_NODES:,} parts", claim.left, "claim it in several steps")
    left, right = reader.resolved(claim.left), reader.resolved(case.right)
    condition = None if case.condition is None else reader.resolved(case.condition)
    trees = [left, right, *([condition] if condition is not None else [])]
    reader.named(trees)
    element = any(isinstance(node, _ELEMENT) for tree in trees for node in syntax_walk(tree))
    kind, tensor = _kind(claim.left, left, reader)
    if reader.scalar_seed:
        _scale_all(reader)
    if tensor is not None and kind in ("gradient", "value"):
        _check_axes(claim, left, tensor)
    read = _element_sides if element or condition is not None else _matrix_sides
    claimed, true, misfit = read(reader, kind, left, right, condition)
    _check_extents(claim, true, reader)
    scope, named = reader.closed(left, right), reader.seed_named
    element = element or condition is not None
    filled = claimed is not None and _is_number(claimed, true)
    if filled and claimed is not None:
        claimed = Compute(claimed.name, true.indices, claimed.body, claimed.cast)
    source = claim.source
    return Reading(
        kind, element, claimed, true, misfit, tensor, left, right, condition, scope, source, named, reader, filled
    )


class AxesError(ShapeError):
    """A left side with fewer or more positions than what it is about has axes: understood, and wrong."""


def _check_axes(claim: Claim, left: Syntax, tensor: Tensor) -> None:
    """Raise where a gradient or a value is claimed with another number of indices than it has axes."""
    written = len(left.positions) if isinstance(left, syntax.Subscript) else None
    if written is None or written == len(tensor.shape):
        return
    span = (claim.left.span.start, claim.left.span.end)
    count = "1 index" if written == 1 else f"{written} indices"
    axes = "1 axis" if len(tensor.shape) == 1 else f"{len(tensor.shape)} axes"
    shape = shape_text(tensor.shape, "unicode") or "a number"
    message = f"the left side has {count}, and {tensor.name} has {axes} ({shape})"
    raise AxesError(message, source=claim.source, span=span)


def _check_extents(claim: Claim, true: Compute, reader: Reader) -> None:
    """Raise where an index of the left side is written with another extent than it has."""
    indices = {index.name: index for index in true.indices}
    for name, node in claim.extents:
        given, _ = declare(syntax.Declaration(node.span, reader.own(), (node,), None), reader.scope, claim.source)
        if name in indices and given.shape[0] is not indices[name].extent:
            wanted = text(indices[name].extent)
            raise reader.fault(f"the index {name} runs over {wanted} here, not {text(given.shape[0])}", node)


def _is_number(claimed: Compute, true: Compute) -> bool:
    """Whether the right side is a mere number where an array is wanted, as in ``dx = 0``."""
    return bool(true.shape) and not claimed.shape and not read_tensors(claimed)


def _kind(written: Syntax, left: Syntax, reader: Reader) -> tuple[Kind, Tensor | None]:
    forward = reader.forward
    if forward is None or not isinstance(left, (syntax.Name, syntax.Subscript)):
        return "equality", None
    name = left.name
    if name in forward.tensors:
        tensor = forward.tensors[name]
        return ("equality" if isinstance(tensor, Input) else "value"), tensor
    if name.startswith("∂"):
        by = forward.tensor(name.rpartition("∂")[2])
        of = name.partition("/")[0].removeprefix("∂")
        whole = forward.is_loss(of) or (
            forward.tensor(of) is forward.program.output and not forward.program.output.shape
        )
        return ("gradient" if whole else "jacobian"), by
    found = forward.gradient_of(name)
    if found is None and name not in reader.scope.extents:
        one, every = next(iter(forward.tensors)), ", ".join(forward.tensors)
        hint = f"a gradient is called d{one} or ∂L/∂{one}; the forward has {every}"
        raise UnknownNameError(
            f"'{name}' is no tensor of the forward, nor the gradient of one",
            source=reader.source,
            span=(written.span.start, written.span.end),
            hint=hint,
        )
    return ("gradient" if found is not None else "equality"), found


def _scale_all(reader: Reader) -> None:
    """For a scalar output whose cotangent is named: every other cotangent is a multiple of it."""
    forward = reader.forward
    assert forward is not None
    cotangents = {c for c in forward.found.cotangents.values() if c is not None}
    tensors = {
        name: scaled(tensor, forward.seed) if isinstance(tensor, Compute) and tensor in cotangents else tensor
        for name, tensor in reader.scope.tensors.items()
    }
    reader.scope = replace(reader.scope, tensors=tensors)


Sides = tuple[Compute | None, Compute, ShapeError | None]


def _element_sides(reader: Reader, kind: Kind, left: Syntax, right: Syntax, condition: Syntax | None) -> Sides:
    """Both sides in one statement, so that they share their indices and extents; where those clash, each on its own."""
    scope, forward = reader.closed(left, right), reader.forward
    letters = _letters(left, scope)
    if kind == "equality":
        letters = list(dict.fromkeys([*letters, *free_names(right, scope, forward)]))
    try:
        return *_jointly(reader, left, right, condition, letters), None
    except ShapeError as error:
        true = _alone(reader, left, letters)
        if true is None or error.message.startswith("nothing says"):
            raise
        claimed = None if condition is not None else _alone(reader, right, letters)
        return claimed, true, None if claimed is not None else error


def _jointly(
    reader: Reader, left: Syntax, right: Syntax, condition: Syntax | None, letters: list[str]
) -> tuple[Compute, Compute]:
    """The right and the left side over the same indices."""
    bindings = tuple(IndexBinding(left.span, name, None) for name in letters)
    body: Syntax = syntax.Operator(Span(left.span.start, right.span.end), "-", (left, right))
    if condition is not None:
        body = syntax.Call(body.span, "select", (condition, body, syntax.Number(condition.span, "0")), ())
    own = reader.own()
    both, scope = define(
        syntax.Definition(body.span, own, bindings, False, body), reader.closed(left, right), reader.source
    )
    guard, difference = None, both.body
    if condition is not None:
        assert isinstance(difference, Select)
        guard, difference = difference.condition, difference.then
    true, claimed = difference.arguments  # type: ignore[union-attr]
    added = {name: tensor for name, tensor in scope.tensors.items() if name != own}
    reader.scope = replace(scope, tensors=added, closed=reader.scope.closed)
    return (
        Compute(own, both.indices, _guarded(guard, claimed)),
        Compute("true", both.indices, _guarded(guard, _opened(true))),
    )


def _guarded(guard: Expr | None, body: Expr) -> Expr:
    return body if guard is None else Select(guard, body, ZERO)


def _alone(reader: Reader, side: Syntax, letters: list[str]) -> Compute | None:
    """One side as a statement of its own, with the extents that it gives its indices; None where it has none."""
    bindings = tuple(IndexBinding(side.span, name, None) for name in letters)
    try:
        definition = syntax.Definition(side.span, reader.own(), bindings, False, side)
        found, _ = define(definition, reader.closed(side), reader.source)
    except CovectorError:
        return None
    return Compute(found.name, found.indices, _opened(found.body))


def _opened(body: Expr) -> Expr:
    """A side that only reads a derived tensor, as what that tensor is."""
    if isinstance(body, Read) and isinstance(body.tensor, Compute):
        found = inlined(body, (body.tensor,), 100_000)
        return body if found is None else found
    return body


def _matrix_sides(reader: Reader, kind: Kind, left: Syntax, right: Syntax, _: Syntax | None) -> Sides:
    scope = reader.closed(left, right)
    target = scope.tensors.get(left.name) if isinstance(left, syntax.Name) else None
    if kind == "equality" or not isinstance(target, (Compute, Input)):
        true = _matrix(reader, left)
    elif isinstance(target, Compute):
        true = Compute("true", target.indices, target.body)
    else:
        indices = tuple(Index("ijklmn"[n], extent) for n, extent in enumerate(target.shape))
        true = Compute("true", indices, Read(target, tuple(as_affine(index) for index in indices)))
    try:
        return _matrix(reader, right), true, None
    except ShapeError as error:
        return None, true, error


def _matrix(reader: Reader, side: Syntax) -> Compute:
    definition = syntax.Definition(side.span, reader.own(), None, False, side)
    last = define_matrix(definition, reader.closed(side), reader.source)[-1]
    if not isinstance(last, Compute):
        raise reader.fault(f"{last.function} has no element form, so it cannot be checked yet", side)
    return last


def _letters(left: Syntax, scope: Scope) -> list[str]:
    """The indices of the left side: a plain name in its brackets is one, also where a tensor is called so."""
    positions = left.positions if isinstance(left, syntax.Subscript) else ()
    plain = {position.name for position in positions if isinstance(position, syntax.Name)} - set(scope.extents)
    known = frozenset({*scope.extents, *scope.tensors} - plain)
    return list(dict.fromkeys(free_in(left, known)))


def _name(node: Syntax) -> str:
    assert isinstance(node, (syntax.Name, syntax.Subscript))
    return node.name


def _positions(node: Syntax) -> tuple[Syntax, ...] | None:
    return node.positions if isinstance(node, syntax.Subscript) else None
