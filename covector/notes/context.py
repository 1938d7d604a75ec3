"""What a page has said so far: shapes, definitions, the loss, conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from covector.ir import Affine, Compute, Symbol, as_affine
from covector.notes import math as m
from covector.notes.declarations import Declaration
from covector.notes.read import Notes
from covector.notes.show import show
from covector.notes.translate_values import Extents

LOSSES = ("L", "Loss", "loss", "f", "J", "Cost", "cost", "ℓ", "l", "mathcal{L}", "\\ell", "ell", "E")
CONCRETE = ("L", "Loss", "loss", "J", "Cost", "cost", "ℓ")
COTANGENTS = ("df", "G", "g", "dout", "grad", "gradient", "grad_output", "upstream")


@dataclass(frozen=True)
class Defined:
    """``name[indices] = body`` as one line of the page says; ``section`` are the headings above it.

    ``of`` is the argument of what is defined as a function: ``f(x) = …``.
    """

    name: str
    indices: tuple[m.Math, ...] | None
    body: m.Math
    line: int
    section: tuple[int, ...]
    of: m.Math | None = None


@dataclass
class Context:
    """The state of a walk over a page; ``normalised`` are tensors with the sum 1 along an axis."""

    extents: Extents = field(default_factory=Extents)
    shapes: dict[str, tuple[Affine, ...]] = field(default_factory=dict)
    defined: dict[str, list[Defined]] = field(default_factory=dict)
    abstract: dict[str, tuple[str, tuple[m.Math, ...]]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    loss_of: m.Math | None = None
    ranks: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    lettered: set[str] = field(default_factory=set)
    by_section: dict[int, Context] = field(default_factory=dict)
    declared_extents: set[str] = field(default_factory=set)
    used: Counter[str] = field(default_factory=Counter)
    declared: set[str] = field(default_factory=set)
    future: dict[str, m.Math] = field(default_factory=dict)
    exact: dict[str, list[int]] = field(default_factory=dict)
    top: tuple[int, ...] = ()
    met: set[str] = field(default_factory=set)
    values: dict[str, int] = field(default_factory=dict)
    base: int = 1
    aliases: dict[str, str] = field(default_factory=dict)
    unequal: list[tuple[str, str]] = field(default_factory=list)
    symmetric: set[str] = field(default_factory=set)
    normalised: dict[str, int] = field(default_factory=dict)
    given: dict[str, Compute] = field(default_factory=dict)
    cotangents: tuple[str, ...] = COTANGENTS

    def define(self, found: Defined, fresh: bool) -> None:
        """Add a definition: a further one, or instead of those before."""
        before = [] if fresh else self.defined.get(found.name, [])
        self.defined[found.name] = [*before, found]
        self.order = [*(name for name in self.order if name != found.name), found.name]

    def reads(self, name: str) -> set[str]:
        """A name, and all that it is made of."""
        found: set[str] = set()
        stack = [name]
        while stack:
            top = stack.pop()
            if top not in found:
                found.add(top)
                bodies = [one.body for one in self.defined.get(top, ())]
                stack += [n.name for body in bodies for n in m.walk(body) if isinstance(n, m.Name)]
        return found

    def shape(self, name: str) -> tuple[Affine, ...] | None:
        """The declared shape of a name, or that of what it is used like."""
        if name in self.shapes:
            return tuple(map(self.extents.resolve, self.shapes[name]))
        if name in self.ranks:
            sizes = self.sizes.get(name, [0] * self.ranks[name])
            sizes = sizes if len(sizes) == self.ranks[name] else [0] * self.ranks[name]
            fresh = [as_affine(s) if s else self.extents.fresh(f"{name}_{n}") for n, s in enumerate(sizes)]
            self.shapes[name] = tuple(fresh)
            return self.shapes[name]
        return None

    def is_loss(self, name: str) -> bool:
        """Whether a name means the loss: it is called one, and is no tensor with axes."""
        axes = bool(self.shapes.get(name))
        return name in LOSSES and not axes and (name not in self.defined or name in CONCRETE)

    def extent(self, node: m.Math) -> Affine:
        """An extent as a declaration writes it."""
        if isinstance(node, m.Number) and node.text.isdigit():
            return as_affine(int(node.text))
        if isinstance(node, m.Placeholder):
            return self.extents.fresh("samples")
        name = show(node)
        if name in self.values:
            return as_affine(self.values[name])
        self.declared_extents.add(name)
        return as_affine(Symbol(name))

    def declare(self, item: Declaration) -> None:
        """Take a declared shape."""
        if not item.open:
            self.declared.add(item.name)
            self.shapes[item.name] = tuple(map(self.extent, item.extents))

    def enter(self, top: int) -> None:
        """Begin a part of the page: names that it only uses with numbers have the axes that these show."""
        local = self.by_section.get(top, Context())
        for name, counted in local.sizes.items():
            sizes = local.exact.get(name, counted)
            if not sizes or name in local.lettered or len(sizes) != local.ranks[name]:
                continue
            self.shapes[name] = tuple(map(as_affine, sizes))
            self.abstract.pop(name, None)
            if name in self.defined:
                self.defined = {own: found for own, found in self.defined.items() if own != name}
                self.order = [own for own in self.order if own != name]

    def forget(self, name: str, top: tuple[int, ...]) -> None:
        """A name that another part of the page declares is no longer what was defined before."""
        if name in self.defined and self.defined[name][0].section[:1] != top:
            self.defined = {own: found for own, found in self.defined.items() if own != name}
            self.order = [own for own in self.order if own != name]

    def soft(self, name: str) -> Affine:
        """The extent that a bound names: declared, or whatever it has to be."""
        if name in self.values:
            return as_affine(self.values[name])
        if name not in self.declared_extents:
            self.extents.loose.add(Symbol(name))
        return as_affine(Symbol(name))


def survey(notes: Notes) -> Context:
    """The context at the start of a page: how its names are used, whether it counts from 0 or from 1."""
    context = Context()
    zero = False
    for reading in notes.formulas:
        if reading.formula is None:
            continue
        top = reading.section[0].line if reading.section else 0
        local = context.by_section.setdefault(top, Context())
        formula = next(reading.formula.readings(1))
        for node in nodes(formula.statements):
            if isinstance(node, m.Name):
                context.used[node.name] += 1
            zero = zero or _from_zero(node)
            _rank(node, context)
            _rank(node, local)
    context.base = 0 if zero else 1
    for definition in reversed(notes.declarations.definitions):
        if definition.indices is None:
            context.future[definition.name] = definition.body
    for value in notes.declarations.values:
        if value.value.isdigit():
            context.values[value.name] = int(value.value)
    for item in notes.declarations.shapes:
        context.ranks.pop(item.name, None)
        if not item.open:
            context.declared_extents |= {show(e) for e in item.extents if not isinstance(e, (m.Number, m.Placeholder))}
    return context


def nodes(statements: tuple[object, ...]) -> Iterator[m.Math]:
    """Every node of some statements."""
    for statement in statements:
        for term in statement.terms:  # type: ignore[attr-defined]
            yield from m.walk(term)


def _from_zero(node: m.Math) -> bool:
    if isinstance(node, m.Binding) and isinstance(node.lower, m.Number):
        return node.lower.text == "0"
    return isinstance(node, m.Indexed) and any(isinstance(p, m.Number) and p.text == "0" for p in node.positions)


def _rank(node: m.Math, context: Context) -> None:
    """How many axes a name shows to have where it is used."""
    if isinstance(node, m.Indexed) and isinstance(node.base, m.Name):
        context.ranks[node.base.name] = max(len(node.positions), context.ranks.get(node.base.name, 0))
        _count(node, node.base.name, context)
    elif isinstance(node, (m.Tuple, m.Matrix)):
        _exact(node, context)
    elif isinstance(node, m.Product):
        for n, sign in enumerate(node.signs):
            if sign == "@":
                for factor in node.factors[n : n + 2]:
                    _matrix(factor, context)
    elif isinstance(node, m.Transpose):
        _matrix(node, context)
    elif isinstance(node, m.Apply) and isinstance(node.function, m.Name):
        name = node.function.name
        elements = len(node.arguments) > 1 or isinstance(node.arguments[0], m.Indexed)
        if elements and name not in LOSSES and all(isinstance(a, (m.Name, m.Indexed)) for a in node.arguments):
            context.ranks.setdefault(name, len(node.arguments))


def _exact(node: m.Tuple | m.Matrix, context: Context) -> None:
    """The axes of what is listed entry by entry: ``(x_{1,1}, x_{1,2})``."""
    items = node.items if isinstance(node, m.Tuple) else [entry for row in node.rows for entry in row.entries]
    entries = [item for item in items if isinstance(item, m.Indexed) and isinstance(item.base, m.Name)]
    names = {show(entry.base) for entry in entries}
    places = [[int(show(p)) for p in entry.positions if show(p).isdigit()] for entry in entries]
    if len(entries) == len(items) and len(names) == 1 and len({len(p) for p in places}) == 1 and places[0]:
        name, found = names.pop(), [max(column) for column in zip(*places, strict=True)]
        before = context.exact.get(name, found)
        context.exact[name] = [max(pair) for pair in zip(before, found, strict=False)]


def _count(node: m.Indexed, name: str, context: Context) -> None:
    """The largest positions that are written as numbers, where all are."""
    numbers = [int(p.text) for p in node.positions if isinstance(p, m.Number) and p.text.isdigit()]
    if len(numbers) < len(node.positions):
        context.lettered.add(name)
    before = context.sizes.get(name, [0] * len(numbers))
    if name in context.lettered or len(before) != len(numbers):
        context.sizes[name] = []
    else:
        context.sizes[name] = [max(pair) for pair in zip(before, numbers, strict=True)]


def _matrix(node: m.Math, context: Context) -> None:
    while isinstance(node, m.Transpose):
        node = node.operand
    if isinstance(node, m.Name):
        context.ranks[node.name] = max(2, context.ranks.get(node.name, 0))
