"""What there is to say of a Jacobian before any array is given: element form, cases, structure, matrix form, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from covector.calculus.build import mul, total
from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.derivation.formulas import Formulas
from covector.derivation.record import Case
from covector.derivation.sample import samples, symbol_names
from covector.derivation.steps import cases_of
from covector.errors import CovectorError, UnknownNameError
from covector.frontend import read_program
from covector.ir import Affine, Compute, Expr, Index, Input, Program, Read, as_affine
from covector.ir.walk import unshadowed
from covector.jacobians.entry import derived, gradient_program, jacobian_of, wanted
from covector.jacobians.factorise import Sizes
from covector.jacobians.form import Extents, recipe
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.names import Given, one_or_several
from covector.jacobians.plan import bytes_text
from covector.jacobians.show import latex_text
from covector.jacobians.structure import Structure, structure
from covector.jacobians.terms import Groups, joined
from covector.matrix import matrix_form
from covector.notation.print import text

FORWARD, BACKWARD = "VDE", "GHU"
"""What the vectors may be called that a Jacobian is multiplied with from the right and from the left."""


@dataclass(frozen=True)
class Description:
    """A Jacobian of a program, as far as it is known without arrays.

    ``groups`` and ``expr`` are its element form ``∂y[outputs]/∂x[inputs]``; ``cases`` what that is where its deltas are
    1 or 0; ``stored`` the shapes of the factors that would be stored; ``extents`` the values of symbols as given.
    """

    program: Program
    wrt: Input
    groups: Groups
    expr: Expr
    cases: tuple[Case, ...]
    structure: Structure
    stored: tuple[tuple[Affine, ...], ...]
    extents: Extents

    @property
    def name(self) -> str:
        """``∂y[p]/∂x[i]`` for the terminal."""
        formulas, output = Formulas("unicode", "L"), self.program.output
        assert isinstance(output, Compute)
        return formulas.entry(output, self.groups.outputs, self.wrt, self.groups.inputs)

    @property
    def latex(self) -> str:
        """The element form and its cases as LaTeX."""
        return latex_text(self.groups, self.expr)

    def products(self) -> Iterator[tuple[str, str]]:
        """``J @ V`` and ``G @ J``, each in matrix form where there is one, else in element form."""
        forward, backward = _unused(FORWARD, self.program), _unused(BACKWARD, self.program)
        for left, vector, summed, kept in (
            (f"J @ {forward}", forward, self.groups.inputs, self.groups.outputs),
            (f"{backward} @ J", backward, self.groups.outputs, self.groups.inputs),
        ):
            given = Input(vector, tuple(i.extent for i in summed), self.wrt.dtype)
            read = Read(given, tuple(map(as_affine, summed)))
            body = factored(simplify(total(summed, mul(self.expr, read))))
            statement = Compute("product", kept, unshadowed(body, kept), self.wrt.dtype)
            form = matrix_form(statement)
            yield left, form.text if form is not None else _element(kept, body)

    def sizes(self) -> tuple[str, str]:
        """How much the dense array takes, and how much the stored factors."""
        dense = [tuple(index.extent for index in self.groups.all)]
        return self._size(dense), self._size(self.stored)

    def _size(self, shapes: Sequence[tuple[Affine, ...]]) -> str:
        elements = sum((prod(shape, start=as_affine(1)) for shape in shapes), start=as_affine(0))
        said = f"{text(elements, 'unicode')} elements"
        if self.extents or elements.is_constant:
            counts = (prod(_value(extent, self.extents) for extent in shape) for shape in shapes)
            said += f", {bytes_text(sum(counts) * np.dtype(self.wrt.dtype).itemsize)}"
        return said

    def example(self) -> Jacobian | None:
        """The Jacobian at small random arrays, to draw; None where none are found at which everything is finite."""
        for points in samples(self.program, None, 1):
            for point in points:
                arrays = {name: array[0] for name, array in point.arrays.items()}
                extents = tuple(sorted(point.extents.items()))
                return jacobian_of(self.program, self.wrt, arrays, extents)
        return None


def describe(
    source: str | Program,
    wrt: str | None = None,
    *,
    hessian: bool = False,
    shapes: Mapping[str, str] | None = None,
    extents: Mapping[str, int] | None = None,
) -> tuple[Description, ...]:
    """What there is to say of the Jacobians, or Hessians, of a program by one of its inputs, or by each float one.

    >>> (found,) = describe("y[i] = exp(x[i])")
    >>> print(found.name, "=", found.structure)
    ∂y[p]/∂x[i] = diagonal
    """
    program = read_program(source, shapes) if isinstance(source, str) else source
    names = [wrt] if wrt is not None else [t.name for t in program.inputs if t.dtype.startswith("float")]
    if not names:
        raise CovectorError("no input is of a floating dtype, so there is nothing to differentiate with respect to")
    given = tuple(sorted((extents or {}).items()))
    known = symbol_names(program)
    for name, _ in given:
        if name not in known:
            raise UnknownNameError(
                f"the program has no extent {name!r}", hint="it has: " + (", ".join(known) or "none")
            )
    known_inputs = {tensor.name: tensor for tensor in program.inputs}
    wanted(Given(program, {}, (), one_or_several), 0, names)
    inputs = [known_inputs[name] for name in names]
    return tuple(_described(gradient_program(program, t) if hessian else program, t, given) for t in inputs)


def _described(program: Program, wrt: Input, extents: Extents) -> Description:
    groups, terms = derived(program, wrt, extents)
    found = recipe(terms, groups, program.inputs, program.output.dtype, extents)
    expr = factored(joined(terms))
    return Description(
        program=program,
        wrt=wrt,
        groups=groups,
        expr=expr,
        cases=cases_of(expr),
        structure=structure(found.form, Sizes(extents)),
        stored=tuple(tensor.shape for tensor in found.form.tensors),
        extents=extents,
    )


def _element(indices: tuple[Index, ...], body: Expr) -> str:
    """An expression with the indices of the element that it is."""
    letters = ",".join(index.name for index in indices)
    return f"{text(body, 'unicode')}  at [{letters}]" if letters else text(body, "unicode")


def _unused(letters: str, program: Program) -> str:
    """The first of some letters that names no tensor."""
    taken = program.tensors()
    return next((letter for letter in letters if letter not in taken), f"{letters[0]}_")


def _value(extent: Affine, extents: Extents) -> int:
    return Sizes(extents).value(extent)
