"""What a function is tried on: shapes with symbols, domains, examples, generators, and arrays drawn from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from covector.errors import NotationError, ShapeError, nearest
from covector.ir import DTYPES

Array = NDArray[Any]
Sizes = Mapping[str, int]

ANY = "..."
"""The word for any number of axes in a shape."""

DOMAINS = ("positive", "nonnegative", "unit", "nonzero", "probabilities", "symmetric", "distinct", "mask")
"""The words that a shape may end with: where its numbers are drawn from."""

BATCH = ("B1", "B2", "B3")
"""What the axes that ``...`` stands for are called."""

DESCRIBED = 'an input is described as "M N", "M (2*F) positive", "N int<V"'

_WORD = re.compile(r"int\s*<\s*(?:\w+|\([^()]*\))|\([^()]*\)|\.\.\.|[^\s,]+")
_RANGES = (None, (0.2, 0.9), (1.1, 2.5))


@dataclass(frozen=True)
class Spec:
    """One input: its extents as written (``...`` for any number of axes), and what its numbers are.

    ``limit`` bounds the integers of an index; ``example`` is an array to try first and to stay near, ``generator``
    draws one from a generator of random numbers.
    """

    name: str
    extents: tuple[str, ...]
    domain: str = ""
    limit: str = ""
    dtype: str = "float64"
    example: Array | None = None
    generator: Callable[[Generator], Any] | None = None

    @property
    def is_float(self) -> bool:
        """Whether it has a gradient."""
        return self.dtype.startswith("float")

    def axes(self, rank: int) -> tuple[str, ...]:
        """Its extents where ``...`` stands for so many axes."""
        return tuple(word for extent in self.extents for word in (BATCH[:rank] if extent == ANY else (extent,)))

    def shape(self, sizes: Sizes, rank: int) -> tuple[int, ...]:
        """Its shape; raises `ShapeError` where an extent is negative or not known."""
        return tuple(extent_value(extent, sizes) for extent in self.axes(rank))

    def declaration(self, rank: int) -> str:
        """The shape in the notation, for a forward that is a program."""
        dtype = "" if self.dtype == "float64" else f" {self.dtype}"
        return (" ".join(self.axes(rank)) or "()") + dtype


@dataclass(frozen=True)
class Inputs:
    """All inputs of a function; ``whole`` draws them together, where they come from one generator."""

    specs: tuple[Spec, ...]
    whole: Callable[[Generator], Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(spec.name for spec in self.specs)

    @property
    def floats(self) -> tuple[str, ...]:
        """Those that have a gradient."""
        return tuple(spec.name for spec in self.specs if spec.is_float)

    @property
    def generic(self) -> bool:
        """Whether some shape holds ``...``."""
        return any(ANY in spec.extents for spec in self.specs)

    @property
    def sized(self) -> bool:
        """Whether shapes say how large the inputs are, so that smaller ones can be drawn."""
        return self.whole is None and any(s.example is None and s.generator is None for s in self.specs)

    def symbols(self, rank: int) -> tuple[str, ...]:
        """The symbols of the shapes, in order."""
        found: dict[str, None] = {}
        for spec in self.specs:
            for extent in spec.axes(rank):
                found.update(dict.fromkeys(_names_in(extent)))
            found.update(dict.fromkeys(_names_in(spec.limit) if spec.limit else ()))
        return tuple(found)

    def draw(self, sizes: Sizes, rank: int, rng: Generator, attempt: int = 0, moved: bool = False) -> dict[str, Array]:
        """Arrays for all inputs, in float64 or integers.

        Later attempts keep to narrower ranges; ``moved`` asks for points near the examples instead of the examples.
        """
        if self.whole is not None:
            return _named(self.whole(rng), self.names)
        drawn = {spec.name: _draw(spec, sizes, rank, rng, attempt) for spec in self.specs}
        return {
            s.name: _near(drawn[s.name], rng) if moved and s.example is not None else drawn[s.name] for s in self.specs
        }

    def draw_whole_numbers(self, sizes: Sizes, rank: int, rng: Generator) -> dict[str, Array]:
        """Small whole numbers where the domain allows them, for a counterexample that can be followed by hand."""
        return {spec.name: _whole(spec, spec.shape(sizes, rank), sizes, rank, rng) for spec in self.specs}


def read_inputs(given: Any, names: Sequence[str], rng: Generator) -> Inputs:
    """The inputs that a user describes; ``names`` are those of the forward, where they are known.

    Raises `NotationError` for what is no shape, and where the names are not those of the forward.

    >>> inputs = read_inputs({"x": "M 3", "ids": "M int<V"}, ("x", "ids"), np.random.default_rng(0))
    >>> inputs.symbols(0), inputs.floats
    (('M', 'V'), ('x',))
    """
    if callable(given):
        drawn = given(rng)
        named = _named(drawn, tuple(drawn) if isinstance(drawn, Mapping) else tuple(names))
        return Inputs(tuple(_example(name, array, keep=False) for name, array in named.items()), whole=given)
    if isinstance(given, Mapping):
        if not any(name in names for name in given):
            names = ()  # a forward is called by position, so that other names than its own will do
        _refuse_other_names(given, names)
        order = [name for name in names if name in given] or list(given)
        return Inputs(tuple(_spec(name, given[name], rng) for name in order))
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        given = [given]
    if names and len(given) > len(names):
        raise NotationError(f"{len(given)} inputs are described, and the forward has {len(names)}: {', '.join(names)}")
    order = list(names) or [f"x{place}" for place in range(1, len(given) + 1)]
    return Inputs(tuple(_spec(name, one, rng) for name, one in zip(order, given, strict=False)))


def _refuse_other_names(given: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in given if names else ():
        if name not in names:
            close = nearest(name, names)
            hint = f"did you mean {close!r}?" if close else f"its inputs: {', '.join(names)}"
            raise NotationError(f"the forward has no input {name!r}", hint=hint)


def _spec(name: str, given: Any, rng: Generator) -> Spec:
    if isinstance(given, str):
        return _from_text(name, given)
    if isinstance(given, tuple) and all(isinstance(part, (int, str)) or part is Ellipsis for part in given):
        return _from_text(name, " ".join(ANY if part is Ellipsis else str(part) for part in given) or "()")
    if callable(given):
        return _example(name, _array(name, given(rng)), generator=given)
    return _example(name, _array(name, given))


def _from_text(name: str, text: str) -> Spec:
    """An input from words: extents, then a dtype or a domain.

    >>> _from_text("x", "... D positive")
    Spec(name='x', extents=('...', 'D'), domain='positive', limit='', dtype='float64', example=None, generator=None)
    """
    extents: list[str] = []
    domain, limit, dtype = "", "", "float64"
    for word in _WORD.findall(text):
        if word.startswith("int") and "<" in word:
            dtype, limit = "int64", word.partition("<")[2].strip()
        elif word in DOMAINS:
            domain = word
        elif word in DTYPES:
            dtype = word
        elif word != "()":
            _names_in(word)
            extents.append(word)
    return Spec(name, tuple(extents), domain, limit, dtype)


def _example(name: str, array: Array, generator: Callable[[Generator], Any] | None = None, keep: bool = True) -> Spec:
    dtype = "bool" if array.dtype == bool else "int64" if array.dtype.kind in "iu" else "float64"
    held = array.astype(dtype) if keep and generator is None else None
    return Spec(name, tuple(map(str, array.shape)), dtype=dtype, example=held, generator=generator)


def _array(name: str, value: Any) -> Array:
    """An example as an array, whatever library it is of."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        hint = 'a shape such as "M N", a tuple of sizes, an array, or a function of a random generator'
        raise NotationError(f"{name}: {type(value).__name__} is no description of an input", hint=hint)
    return array


def _named(drawn: Any, names: Sequence[str]) -> dict[str, Array]:
    if isinstance(drawn, Mapping):
        return {name: _array(name, value) for name, value in drawn.items()}
    parts = list(drawn) if isinstance(drawn, (tuple, list)) else [drawn]
    order = list(names) or [f"x{place}" for place in range(1, len(parts) + 1)]
    if len(order) != len(parts):
        raise NotationError(f"the generator gives {len(parts)} arrays for {len(order)} inputs: {', '.join(order)}")
    return {name: _array(name, part) for name, part in zip(order, parts, strict=True)}


def _draw(spec: Spec, sizes: Sizes, rank: int, rng: Generator, attempt: int) -> Array:
    if spec.generator is not None:
        return _array(spec.name, spec.generator(rng)).astype(spec.dtype)
    if spec.example is not None:
        return spec.example.copy()
    shape = spec.shape(sizes, rank)
    if spec.dtype == "bool":
        return rng.random(shape) < 0.6
    if not spec.is_float:
        return _integers(spec, shape, sizes, rng)
    if spec.domain:
        return _IN_DOMAIN[spec.domain](rng, shape)
    limits = _RANGES[attempt % len(_RANGES)]
    return np.asarray(rng.standard_normal(shape) if limits is None else rng.uniform(*limits, shape))


def _near(example: Array, rng: Generator) -> Array:
    """A point close to an example; integers stay as they are."""
    return example if example.dtype.kind != "f" else example * (1 + 0.05 * rng.uniform(-1, 1, example.shape))


def _integers(spec: Spec, shape: tuple[int, ...], sizes: Sizes, rng: Generator) -> Array:
    if spec.domain == "mask":
        return rng.integers(0, 2, shape)
    limit = extent_value(spec.limit, sizes) if spec.limit else 4
    if limit < 1 and 0 not in shape:
        raise ShapeError(f"{spec.name} holds integers below {spec.limit} = {limit}, and there are none")
    return rng.integers(0, max(limit, 1), shape)


def _whole(spec: Spec, shape: tuple[int, ...], sizes: Sizes, rank: int, rng: Generator) -> Array:
    if spec.example is not None or spec.generator is not None:
        return _draw(spec, sizes, rank, rng, 0)
    if not spec.is_float or spec.domain in ("unit", "probabilities", "mask"):
        return _draw(spec, sizes, rank, rng, 0)
    if spec.domain in ("positive", "nonnegative"):
        return rng.integers(1, 4, shape).astype(float)
    whole = np.asarray(rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape))
    return whole + np.swapaxes(whole, -1, -2) if spec.domain == "symmetric" else whole


def _probabilities(rng: Generator, shape: tuple[int, ...]) -> Array:
    weights = rng.uniform(0.2, 1.0, shape)
    return np.asarray(weights / weights.sum(-1, keepdims=True)) if shape else np.ones(())


def _symmetric(rng: Generator, shape: tuple[int, ...]) -> Array:
    drawn = rng.standard_normal(shape)
    return np.asarray(drawn + np.swapaxes(drawn, -1, -2)) / 2


def _distinct(rng: Generator, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape))
    return rng.permutation(np.linspace(-1.0, 1.0, count) * max(1.0, 0.1 * count)).reshape(shape)


_IN_DOMAIN: Mapping[str, Callable[[Generator, tuple[int, ...]], Array]] = {
    "positive": lambda rng, shape: rng.uniform(0.3, 2.5, shape),
    "nonnegative": lambda rng, shape: rng.uniform(0.1, 2.0, shape),
    "unit": lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    "nonzero": lambda rng, shape: np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2.0, shape)),
    "probabilities": _probabilities,
    "symmetric": _symmetric,
    "distinct": _distinct,
    "mask": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
}


def extent_value(text: str, sizes: Sizes) -> int:
    """An extent for given sizes of its symbols; raises `ShapeError` where it is negative or a symbol has no size.

    >>> extent_value("(2*F+1)", {"F": 3})
    7
    """
    try:
        value = _value(_tree(text), sizes)
    except KeyError as error:
        raise ShapeError(f"the extent {error.args[0]} is not known", hint="known: " + ", ".join(sizes)) from None
    if value < 0:
        raise ShapeError(f"the extent {text} would be {value}")
    return value


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise NotationError(
            f"{text!r} is no extent", hint='an input is described as "M N", "M (2*F) positive"'
        ) from None


def _value(node: ast.expr, sizes: Sizes) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, sizes) + _value(right, sizes)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left, sizes) - _value(right, sizes)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, sizes) * _value(right, sizes)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
            return _value(left, sizes) // max(1, _value(right, sizes))
    raise NotationError(f"{ast.unparse(node)!r} is no extent", hint="a number, a name, or a sum or product of those")


def _names_in(extent: str) -> Iterator[str]:
    if extent == ANY:
        return iter(())
    nodes = ast.walk(_tree(extent))
    found = [node for node in nodes if isinstance(node, (ast.Name, ast.Constant, ast.BinOp))]
    if not found:
        raise NotationError(f"{extent!r} is no extent", hint=DESCRIBED)
    return iter([node.id for node in found if isinstance(node, ast.Name)])
