"""The `Derivation` that users hold, and `derive`, which makes it from text or a Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from covector.calculus.build import ZERO
from covector.calculus.reverse import element_indices
from covector.derivation.derive import derive_record
from covector.derivation.html import render_html
from covector.derivation.json import render_json
from covector.derivation.latex import render_latex
from covector.derivation.markdown import render_markdown
from covector.derivation.record import Gradient, Record, Step
from covector.derivation.text import render_text
from covector.errors import BudgetError, DtypeError, NotationError, ShapeError, UnknownNameError, nearest
from covector.export import numpy_module, numpy_source
from covector.frontend import read_program, trace
from covector.ir import Compute, Input, Program, is_integer
from covector.ir.tensor import program_of
from covector.notation.print import equation, shape_text, text
from covector.run.reference import Array, evaluate

Shape = str | int | Iterable[int | str]


def derive(
    forward: str | Callable[..., Any] | Program,
    *,
    wrt: str | Iterable[str] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    **shape_of: Shape,
) -> Derivation:
    """Derive the gradient of a forward with respect to its inputs, and check it.

    ``forward`` is a program in element form or matrix form, or a Python function of arrays. ``wrt`` names the
    tensors to differentiate with respect to (default: every float input; statements of the program may be named
    too). Shapes are given as keywords or in ``shapes``: ``input="M infs"``, ``ids="N int64"``, ``x=("M", 3)``.

    Raises `NotationError`, `UnknownNameError`, `ShapeError` and `DtypeError` for what cannot be read or derived, and
    `VerificationError` where a derived gradient does not pass its own check, in which case it is not shown.

    >>> d = derive("linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]")
    >>> print(d["weight"].element)
    dweight[i,j] = sum[p](G[p,i] * input[p,j])
    >>> d["weight"].matrix
    'G.T @ input'

    """
    names = _names(wrt)
    try:
        return Derivation(derive_record(_program(forward, {**_shapes(shapes), **shape_of}), names))
    except RecursionError:
        message = "this program is nested too deeply to be derived"
        raise BudgetError(message, hint="name a part of an expression in a statement of its own") from None
    except OverflowError:
        message = "a constant in this program is too large for float64"
        raise NotationError(message, hint="the largest float64 is about 1.8e308; write inf for infinity") from None


def _names(wrt: Any) -> list[str] | None:
    """The names to differentiate with respect to."""
    if wrt is None or isinstance(wrt, str):
        return None if wrt is None else [wrt]
    names = list(wrt) if isinstance(wrt, Iterable) else [wrt]
    for name in names:
        if not isinstance(name, str):
            message = f"wrt takes names of tensors, not {type(name).__name__} {name!r}"
            raise UnknownNameError(message, hint='wrt="x", or wrt=["x", "w"]')
    return names


def _shapes(shapes: Any) -> Mapping[str, Any]:
    """The shapes that are given as a mapping."""
    if shapes is None or (isinstance(shapes, Mapping) and all(isinstance(name, str) for name in shapes)):
        return shapes or {}
    message = f"shapes is a mapping from names to shapes, not {type(shapes).__name__} {shapes!r}"
    raise NotationError(message, hint='shapes={"x": "M N"}')


def _program(forward: str | Callable[..., Any] | Program, shapes: Mapping[str, Any]) -> Program:
    if isinstance(forward, Program):
        return forward
    if isinstance(forward, str):
        return read_program(forward, shapes)
    if callable(forward):
        return trace(forward, shapes)
    raise NotationError(
        f"derive takes a program as text or a Python function, not {type(forward).__name__}",
        hint='derive("y[i] = x[i]**2")',
    )


class Derivation:
    """A forward and the derivation of its gradients; calling it computes the forward.

    ``record`` holds everything as data. Mapping-like: ``d["weight"]`` is the gradient with respect to weight.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    def __getitem__(self, name: Any) -> Derived:
        """The gradient with respect to a tensor; raises `UnknownNameError`."""
        gradients = {**self.record.intermediate, **self.record.gradients}
        if not isinstance(name, str):
            message = f"a gradient is found by the name of its tensor, not by {type(name).__name__} {name!r}"
            raise UnknownNameError(message, hint="derived: " + ", ".join(gradients))
        if name not in gradients:
            close = nearest(name, gradients)
            hint = f"did you mean {close!r}?" if close else "derived: " + ", ".join(gradients)
            raise UnknownNameError(f"no gradient was derived for {name!r}", hint=hint)
        return Derived(gradients[name], self.record)

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.gradients)

    def __len__(self) -> int:
        return len(self.record.gradients)

    def keys(self) -> Iterable[str]:
        """The names of the tensors that were differentiated with respect to."""
        return self.record.gradients.keys()

    @property
    def program(self) -> Program:
        """The forward."""
        return self.record.program

    def __call__(self, *arrays: Any, extents: Mapping[str, int] | None = None, **named: Any) -> Array:
        """The value of the forward: arrays in the order of the inputs, or by name.

        >>> derive("y = sum[i](x[i]**2)")([1.0, 2.0]).item()
        5.0
        """
        program = self.record.program
        given = _arguments(program, arrays, named)
        return evaluate(program, given, extents)[program.output.name]

    def text(self, lang: str = "en", less: bool = False) -> str:
        """The derivation as text for the terminal; ``lang`` is en or zh, ``less`` leaves the steps out."""
        return render_text(self.record, lang, less)

    def latex(self, lang: str = "en", less: bool = False, parts: bool = False) -> str:
        """The derivation as LaTeX that KaTeX and MathJax take."""
        return render_latex(self.record, lang, less, parts)

    def markdown(self, lang: str = "en", less: bool = False) -> str:
        """The derivation as Markdown with formulas."""
        return render_markdown(self.record, lang, less)

    def html(self, lang: str = "en", less: bool = False) -> str:
        """The derivation as an HTML fragment."""
        return render_html(self.record, lang, less)

    def json(self) -> dict[str, Any]:
        """The derivation as plain data."""
        return render_json(self.record)

    def numpy(self) -> str:
        """Python source of the forward and of all gradients that runs with NumPy alone.

        ``gradients`` returns an array for each tensor of the derivation, in order: one array, or a tuple of several.
        """
        record = self.record
        outputs = tuple(gradient.statement or _zero(gradient) for gradient in record.gradients.values())
        statements = tuple(dict.fromkeys((*record.gradient_program.statements, *outputs)))
        return numpy_module({"forward": record.program, "gradients": Program(_inputs(record), statements, outputs)})

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Derivation of {self.record.program.output.name} with respect to {', '.join(self)}>"

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_markdown_(self) -> str:
        return self.markdown()


class Derived:
    """One gradient of a derivation; calling it computes the gradient."""

    def __init__(self, gradient: Gradient, record: Record) -> None:
        self.gradient, self._record = gradient, record

    @property
    def name(self) -> str:
        """The tensor that this is the gradient with respect to."""
        return self.gradient.tensor.name

    @property
    def statement(self) -> Compute | None:
        """The element form as a node of the IR; None where the gradient is zero."""
        return self.gradient.statement

    @property
    def element(self) -> str:
        """The element form, in the notation."""
        return equation(self.statement) if self.statement is not None else f"d{self.name} = 0"

    @property
    def whole(self) -> str:
        """The element form with the cotangents of statements written out, where that is short enough; otherwise
        `element`.
        """
        whole = self.gradient.whole
        return equation(whole) if whole is not None else self.element

    @property
    def matrix(self) -> str | None:
        """The matrix form, in the notation, or None where there is none."""
        return self.gradient.matrix.text if self.gradient.matrix else None

    @property
    def shape(self) -> str:
        """The shape, which is that of the tensor: ``outfs×infs``."""
        return shape_text(self.gradient.tensor.shape, "unicode")

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, of the entries of Jacobians and of the chain rule, in order."""
        return tuple(step for path in self.gradient.paths for step in (*path.entry, *path.chain))

    @property
    def error(self) -> float | None:
        """The largest relative error of the check, or None where no point to check at was found."""
        found = self.gradient.verification
        return max(found.error, found.dual_error) if found else None

    def latex(self) -> str:
        """The element form as LaTeX."""
        return text(self.statement, "latex") if self.statement is not None else "0"

    def numpy(self) -> str:
        """Python source of this gradient that runs with NumPy alone."""
        return numpy_source(self.program, f"gradient_{self.name}")

    def __call__(self, *arrays: Any, extents: Mapping[str, int] | None = None, **named: Any) -> Array:
        """The value of the gradient: arrays in the order of the inputs, then the cotangent G of the output, or by name.

        >>> derive("y[i] = x[i]**2")["x"]([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
        array([2., 4., 6.])
        """
        program = self.program
        given = _arguments(program, arrays, named)
        return evaluate(program, given, extents)[program.output.name]

    @property
    def program(self) -> Program:
        """The program that computes this gradient, and nothing that it does not need; derive it for second
        derivatives.
        """
        return program_of((self.statement or _zero(self.gradient),), _inputs(self._record))

    def __str__(self) -> str:
        return self.element

    def __repr__(self) -> str:
        return f"<∂{self._record.program.output.name}/∂{self.name}: {self.element}>"

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"


def _inputs(record: Record) -> tuple[Input, ...]:
    """What a gradient is computed from: the inputs, and the cotangent of the output where there is one."""
    return (*record.program.inputs, record.seed) if record.seed is not None else record.program.inputs


def _zero(gradient: Gradient) -> Compute:
    """The statement that a gradient is zero."""
    tensor = gradient.tensor
    return Compute(f"d{tensor.name}", element_indices(tensor), ZERO, tensor.dtype)


def _arguments(program: Program, arrays: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by the names of the inputs."""
    names = [given.name for given in program.inputs]
    if len(arrays) > len(names):
        raise UnknownNameError(f"{len(arrays)} arrays were given for {len(names)} inputs", hint=", ".join(names))
    given = dict(zip(names, arrays, strict=False))
    for name, array in named.items():
        if name in given or name not in names:
            what = "was given twice" if name in given else "is no input"
            raise UnknownNameError(f"{name!r} {what}", hint="inputs: " + ", ".join(names))
        given[name] = array
    return {tensor.name: _array(tensor, given[tensor.name]) for tensor in program.inputs if tensor.name in given}


_KINDS = {"c": "complex", "S": "text", "U": "text", "T": "text", "M": "dates", "m": "durations"}


def _array(tensor: Input, value: Any) -> Array:
    """What is given for an input as an array; raises `ShapeError` or `DtypeError` where it can be none."""
    name, wanted = tensor.name, f"{tensor.name} is {tensor.dtype}"
    try:
        found = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise DtypeError(f"{name} cannot be read as an array: {error}", hint=wanted) from None
        message = f"{name} is ragged: its rows differ in length"
        raise ShapeError(message, hint=f"its shape is {shape_text(tensor.shape, 'unicode') or '()'}") from None
    except (TypeError, RuntimeError, OverflowError) as error:
        raise DtypeError(f"{name} cannot be read as an array: {error}", hint=wanted) from None
    if found.dtype.kind in "cSUTMm":
        raise DtypeError(f"{name} is given {_KINDS[found.dtype.kind]} ({found.dtype}), not numbers", hint=wanted)
    if found.dtype.kind == "O" and any(element is None for element in found.flat):
        raise DtypeError(f"{name} is given None, not numbers", hint=wanted)
    if found.dtype.kind == "f" and is_integer(tensor.dtype) and found.size:
        hint = f"{wanted}: convert it on purpose, {name}.astype({tensor.dtype!r})"
        raise DtypeError(f"{name} is given floats ({found.dtype}), where integers are wanted", hint=hint)
    try:
        cast = found.astype(tensor.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise DtypeError(f"{name} is given values that are no {tensor.dtype}: {error}", hint=wanted) from None
    if is_integer(tensor.dtype) and not np.array_equal(cast, found):
        raise DtypeError(f"{name} is given values that are no {tensor.dtype}", hint=wanted)
    return cast
