"""Forms: an operation as a program of the IR, for one pattern of extents, and its adjoint as another form.

A form is made once for each operation, rank, dtype and equality pattern of extents: 1 stays a number, every other
extent is a symbol, the same for the same size. `Entry` is a form at given sizes: what a call of the graph refers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from covector.calculus.build import factors_of, mul
from covector.calculus.reverse import gradients
from covector.errors import CovectorError
from covector.frontend.arrays import array_of
from covector.frontend.lazy import Trace
from covector.ir import Affine, Compute, Input, Program, Read, Symbol, Tensor, as_affine, is_float, walk
from covector.ir.tensor import program_of
from covector.run.extents import evaluate_extent
from covector.tensors.dtypes import Kind, kind_of
from covector.tensors.instantiate import Instantiation
from covector.tensors.picking import Pick, picking
from covector.tensors.rounding import as_type, recast
from covector.tensors.table import Recipe, recipe_of

OUTPUT, SEED = -1, -2
"""What an argument of an adjoint is where it is no argument of the call: the output, or the cotangent of that."""

Params = tuple[tuple[str, Any], ...]

_numbers = count()


class Form:
    """An operation as a program: ``program.inputs`` are its arguments, ``program.outputs`` its results."""

    __slots__ = ("_adjoints", "name", "number", "program", "symbols")

    def __init__(self, name: str, program: Program, symbols: tuple[Symbol, ...]) -> None:
        self.name, self.program, self.symbols = name, program, symbols
        self.number = next(_numbers)
        self._adjoints: dict[tuple[int, int, bool], AdjointForm] = {}

    def adjoint(self, output: int, mask: int, seeded: bool) -> AdjointForm:
        """The form that gives the cotangents of the arguments in ``mask`` from the cotangent of an output.

        Without a seed that cotangent is 1. Derived when it is first asked for.
        """
        key = (output, mask, seeded)
        if key not in self._adjoints:
            self._adjoints[key] = _adjoint(self, output, mask, seeded)
        return self._adjoints[key]

    def may_refuse(self) -> bool:
        """Whether it reads at positions that are data, which may be outside the bounds."""
        return any(
            isinstance(inner, Read)
            for statement in self.program.statements
            if isinstance(statement, Compute) and not statement.is_derived
            for node in walk(statement.body)
            if isinstance(node, Read)
            for position in node.positions
            for inner in walk(position)
        )


@dataclass(frozen=True, slots=True)
class AdjointForm:
    """The adjoint of a form: its arguments, as positions among those of the form or `OUTPUT` or `SEED`, and which
    output of it is the cotangent of which argument; ``zero`` are the arguments that nothing depends on.
    """

    form: Form
    arguments: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]
    zero: tuple[int, ...]


def _adjoint(form: Form, number: int, mask: int, seeded: bool) -> AdjointForm:
    output = form.program.outputs[number]
    assert isinstance(output, Compute)
    wanted = [place for place in range(len(form.program.inputs)) if mask >> place & 1]
    derived = gradients(
        program_of([output], form.program.inputs), [form.program.inputs[place] for place in wanted], "G"
    )
    seed = derived.seed
    found = {place: derived.cotangents[form.program.inputs[place]] for place in wanted}
    known = Input(_free_name("y", derived.program), output.shape, output.dtype)
    rebuilt = Instantiation({output: known}, {})
    names: dict[Tensor, Tensor] = {output: known}
    for statement in (*derived.program.statements, *(c for c in derived.cotangents.values() if c is not None)):
        if statement is not output and isinstance(statement, Compute):
            rebuilt = Instantiation(names, {})
            names[statement] = rebuilt.statement(statement, statement.name)
    results = {place: names[cotangent] for place, cotangent in found.items() if cotangent is not None}
    if seed is None and seeded:
        seed = Input(_free_name("G", derived.program), (), output.dtype)
        results = {place: _scaled(result, seed) for place, result in results.items()}
    program = program_of([result for result in results.values() if isinstance(result, Compute)])
    places: dict[Tensor, int] = {tensor: place for place, tensor in enumerate(form.program.inputs)}
    places[known] = OUTPUT
    if seed is not None:
        places[seed] = SEED
    return AdjointForm(
        Form(f"{form.name}'", program, form.symbols),
        tuple(places[tensor] for tensor in program.inputs),
        tuple((place, at) for at, place in enumerate(results)),
        tuple(place for place in wanted if place not in results),
    )


def _free_name(name: str, program: Program) -> str:
    taken = program.tensors()
    while name in taken:
        name += "_"
    return name


def _scaled(result: Tensor, seed: Input) -> Compute:
    """The cotangent for a seed other than 1."""
    assert isinstance(result, Compute)
    return Compute(result.name, result.indices, mul(Read(seed, ()), *factors_of(result.body)), result.cast)


class Entry:
    """A form at given sizes of its symbols: the kinds of its outputs, and its adjoints at the same sizes."""

    __slots__ = ("_adjoints", "form", "kind", "kinds", "number", "sizes")

    def __init__(self, form: Form, sizes: tuple[int, ...]) -> None:
        self.form, self.sizes, self.number = form, sizes, next(_numbers)
        bound = {symbol.name: size for symbol, size in zip(form.symbols, sizes, strict=True)}
        self.kinds = tuple(
            kind_of([evaluate_extent(extent, bound) for extent in output.shape], output.dtype)
            for output in form.program.outputs
        )
        self.kind = self.kinds[0]
        self._adjoints: dict[tuple[int, int, bool], Adjoint] = {}

    def adjoint(self, output: int, mask: int, seeded: bool) -> Adjoint:
        """The adjoint of the form at these sizes."""
        key = (output, mask, seeded)
        found = self._adjoints.get(key)
        if found is None:
            form = self.form.adjoint(output, mask, seeded)
            entry = entry_at(form.form, self.sizes) if form.targets else None
            inputs = len(self.form.program.inputs)
            others = {OUTPUT: inputs, SEED: inputs + 1}
            pick = picking([others.get(place, place) for place in form.arguments])
            found = self._adjoints[key] = Adjoint(entry, form.arguments, form.targets, form.zero, pick)
        return found


@dataclass(frozen=True, slots=True)
class Adjoint:
    """An `AdjointForm` at given sizes; ``pick`` picks its arguments from those of the call, the output and the seed."""

    entry: Entry | None
    arguments: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]
    zero: tuple[int, ...]
    pick: Pick


_FORMS: dict[Any, tuple[Form, bool]] = {}
_AT_SIZES: dict[tuple[int, tuple[int, ...]], Entry] = {}
_MOST = 1 << 14


def entry_at(form: Form, sizes: tuple[int, ...]) -> Entry:
    """The entry of a form at given sizes."""
    found = _AT_SIZES.get((form.number, sizes))
    if found is None:
        if len(_AT_SIZES) >= _MOST:
            _AT_SIZES.clear()
        found = _AT_SIZES[form.number, sizes] = Entry(form, sizes)
    return found


def resolve(name: str, kinds: Sequence[Kind], params: Params = (), extents: Sequence[int] = ()) -> Entry:
    """The entry of an operation on operands of these kinds; made, and the operands checked, where it is new.

    ``params`` are fixed in the form, ``extents`` are sizes beside those of the operands. Raises what the operation
    raises where the operands do not fit it.
    """
    sizes = list(dict.fromkeys(e for kind in kinds for e in kind.shape if e != 1))
    sizes += [e for e in dict.fromkeys(extents) if e != 1 and e not in sizes]
    place = {size: at for at, size in enumerate(sizes)}
    pattern = tuple((tuple(place.get(e, -1) for e in kind.shape), kind.dtype) for kind in kinds)
    key = (name, pattern, params, tuple(place.get(e, -1) for e in extents))
    found = _FORMS.get(key)
    if found is None or not found[1]:
        symbols = {size: Symbol(f"N{at}") for size, at in place.items()}
        try:
            if found is not None:
                raise CovectorError("not for every size")
            made = _form(name, kinds, params, extents, {size: as_affine(s) for size, s in symbols.items()})
            found = _FORMS[key] = (Form(name, made, tuple(symbols.values())), True)
        except CovectorError:
            literal = (name, tuple(kinds), params, tuple(extents))
            if literal not in _FORMS:
                made = _form(name, kinds, params, extents, {})
                _FORMS[literal] = (Form(name, made, ()), True)
                _FORMS[key] = (_FORMS[literal][0], False)
            return entry_at(_FORMS[literal][0], ())
        if len(_FORMS) >= _MOST:
            _FORMS.clear()
    return entry_at(found[0], tuple(sizes))


def _form(
    name: str, kinds: Sequence[Kind], params: Params, extents: Sequence[int], symbols: dict[int, Affine]
) -> Program:
    recipe = recipe_of(name)
    names = recipe.names(len(kinds))
    inputs = [
        Input(given, tuple(symbols.get(e, as_affine(e)) for e in kind.shape), str(kind.dtype))
        for given, kind in zip(names, kinds, strict=True)
    ]
    wide = [symbols.get(e, as_affine(e)) for e in extents]
    program = _traced(recipe, name, inputs, params, wide)
    floats = any(is_float(given.dtype) for given in inputs)
    if inputs and not floats and any(output.dtype == "float64" for output in program.outputs):
        # Of integers alone the IR makes float64; tensors make the default dtype.
        return _traced(recipe, name, inputs, params, wide, "float32")
    if recipe.widens and any(given.dtype == "int32" for given in inputs):
        return _traced(recipe, name, inputs, params, wide, "int64")
    return program


def _traced(
    recipe: Recipe, name: str, inputs: Sequence[Input], params: Params, extents: list[Affine], cast: str = ""
) -> Program:
    trace = Trace([given.name for given in inputs])
    arrays = [array_of(trace, given) for given in inputs]
    if cast:
        arrays = [as_type(array, cast) if not is_float(array.dtype) else array for array in arrays]
    made = recipe.build(trace, arrays, extents, dict(params))
    results = made if isinstance(made, tuple) else (made,)
    outputs = [trace.state(trace.unique(name.strip("_")), result.indices, result.body) for result in results]
    if recipe.cast:
        outputs = [recast(trace, output, dict(params)["dtype"]) for output in outputs]
    return program_of(outputs, inputs)
