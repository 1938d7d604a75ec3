"""What the operations of random tensor programs draw: values that fit, and parameters; and steps of several calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import covector as cv

F = torch.nn.functional

Draw = Callable[[Any], tuple[Any, ...]]


class Unfit(Exception):
    """What was drawn does not fit."""


# What is drawn


def one(dtypes: str = "f", low: int = 0, high: int = 5) -> Draw:
    """A value."""
    return lambda g: ((g.find(dtypes, low, high),),)


def two(g: Any) -> tuple[Any, ...]:
    """Two values that broadcast, in either order."""
    x = g.find()
    pair = [x, g.partner(x)]
    g.rng.shuffle(pair)
    return (tuple(pair),)


def integers(g: Any) -> tuple[Any, ...]:
    """Two integer values that broadcast."""
    x = g.find("i")
    return ((x, g.partner(x, "i")),)


def truths(g: Any) -> tuple[Any, ...]:
    """Two truth values that broadcast."""
    x = g.find("b")
    return ((x, g.partner(x, "b")),)


def with_axis(dtypes: str = "f", *more: Callable[[Any], Any], low: int = 1) -> Draw:
    """A value and one of its axes."""

    def draw(g: Any) -> tuple[Any, ...]:
        x = g.find(dtypes, low)
        return ((x,), g.axis(x), *(each(g) for each in more))

    return draw


def with_axes(g: Any) -> tuple[Any, ...]:
    """A value, some of its axes or all, and whether they stay."""
    x = g.find()
    rank = len(g.shape(x))
    axes = tuple(a - g.pick([0, 0, rank]) for a in range(rank) if g.rng.random() < 0.5)
    return ((x,), axes or None, flag(g))


def flag(g: Any) -> bool:
    return bool(g.rng.random() < 0.5)


def among(*options: Any) -> Callable[[Any], Any]:
    return lambda g: g.pick(options)


def drawn(draw: Draw, *more: Callable[[Any], Any]) -> Draw:
    """What is drawn, and further parameters."""
    return lambda g: (*draw(g), *(each(g) for each in more))


def reshaped(g: Any) -> tuple[Any, ...]:
    """A value and another shape for it, with -1 in it mostly."""
    x = g.find("fib")
    shape = list(g.shape(x))
    for _ in range(g.pick([1, 1, 2])):
        kind = g.rng.random()
        if kind < 0.4 and len(shape) > 1:
            at = g.rng.randrange(len(shape) - 1)
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        elif kind < 0.6:
            shape.insert(g.rng.randint(0, len(shape)), 1)
        elif shape:
            at = g.rng.randrange(len(shape))
            by = g.pick([k for k in (2, 3, 4, 5) if shape[at] and shape[at] % k == 0])
            shape[at : at + 1] = g.pick([[by, shape[at] // by], [shape[at] // by, by]])
    if g.rng.random() < 0.8 and shape and 0 not in shape:
        multiples = [a for a, extent in enumerate(shape) if extent % 3 == 0] or range(len(shape))
        shape[g.pick(multiples)] = -1
    return ((x,), tuple(shape))


def permuted(g: Any) -> tuple[Any, ...]:
    x = g.find("fib", 1)
    axes = list(range(len(g.shape(x))))
    g.rng.shuffle(axes)
    return ((x,), tuple(axes))


def expanded(g: Any) -> tuple[Any, ...]:
    """A value and a shape that it is repeated to."""
    x = g.find("fi")
    shape = [g.pick([2, 4, 3]) if e == 1 else -1 for e in g.shape(x)]
    return ((x,), tuple([g.pick([1, 2])] * g.pick([0, 0, 1]) + shape))


def joined(g: Any) -> tuple[Any, ...]:
    """Values that are alike but for one axis, and the axis."""
    x = g.find("f", 1)
    axis = g.axis(x)
    place, shape = axis % len(g.shape(x)), g.shape(x)

    def fits(number: Any) -> bool:
        other = g.shape(number)
        return len(other) == len(shape) and all(
            a == place or p == q for a, (p, q) in enumerate(zip(shape, other, strict=False))
        )

    known = [n for n, v in g.values.items() if v.is_floating_point() and fits(n)]
    others = [g.pick(known) for _ in range(g.pick([0, 1, 2])) if known]
    if not others or flag(g):
        others.append(
            g.new(g.given([*shape[:place], g.pick([0, 1, 2, 3] if g.empty else [1, 2, 3]), *shape[place + 1 :]]))
        )
    parts = [x, *others]
    g.rng.shuffle(parts)
    return (tuple(parts), axis)


def stacked(g: Any) -> tuple[Any, ...]:
    x = g.find()
    alike = [n for n, v in g.values.items() if v.is_floating_point() and tuple(v.shape) == g.shape(x)] or [x]
    parts = [x, *(g.pick(alike) for _ in range(g.pick([0, 1, 2])))]
    return (tuple(parts), g.rng.randint(-len(g.shape(x)) - 1, len(g.shape(x))))


def slices(g: Any, x: Any, forward: bool = False) -> tuple[Any, ...]:
    """A key of integers, slices, an ellipsis and new axes; PyTorch has no negative steps."""
    key: list[Any] = []
    shape = g.shape(x)
    for extent in shape[: g.rng.randint(0, len(shape))]:
        kind = g.rng.random()
        if kind < 0.25:
            if extent < 1:
                raise Unfit
            key.append(g.pick([0, -1, g.rng.randrange(extent)]))
        elif kind < 0.8:
            ends = [None, None, 0, 1, 2, -1, -2, 7, -9]
            key.append(
                (g.pick(ends), g.pick(ends), g.pick([None, None, 1, 2, 3] if forward else [None, 1, 2, 3, -1, -2, -1]))
            )
        else:
            key.append((None, None, None))
        if not forward and g.rng.random() < 0.1:
            key.append(None)
    if g.rng.random() < 0.2:
        key.insert(g.rng.randint(0, len(key)), "...")
        key = [k for k in key if k is not None]
    return tuple(key)


def key_of(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key as it is written between brackets."""
    forms = {tuple: lambda part: slice(*part), str: lambda _: ...}
    return tuple(forms.get(type(part), lambda part: part)(part) for part in key)


def sliced(library: Any, x: Any, key: tuple[Any, ...]) -> Any:
    """``x[key]``; in PyTorch by way of NumPy's positions, since it has no negative steps."""
    if library is not torch:
        return x[key_of(key)]
    places = torch.arange(x.numel()).reshape(x.shape).numpy()[key_of(key)]
    return x.reshape(-1)[torch.tensor(places.copy())]


def indexed(g: Any) -> tuple[Any, ...]:
    x = g.find("fib")
    return ((x,), slices(g, x))


def gathered(g: Any) -> tuple[Any, ...]:
    """A value, integer positions in neighbouring axes of it, and how many whole axes come before."""
    x = g.find("f", 1)
    shape = g.shape(x)
    first = g.rng.randrange(len(shape))
    count = g.pick([1, 1, 2]) if first + 2 <= len(shape) else 1
    if 0 in shape:
        raise Unfit
    target = g.pick([(), (4,), (3,), (2, 2), (2, 3), (1,)])
    tables = [
        g.new(g.integers(target if n == 0 else g.pick([target, target[1:]]), e))
        for n, e in enumerate(shape[first : first + count])
    ]
    return ((x, *tables), first)


def listed(g: Any) -> tuple[Any, ...]:
    """A value and a list of positions, which may count from the end."""
    x = g.find("fi", 1)
    extent = g.shape(x)[0]
    if not extent:
        raise Unfit
    return ((x,), tuple(g.rng.randrange(-extent, extent) for _ in range(g.pick([1, 2, 4]))))


def assigned(g: Any) -> tuple[Any, ...]:
    """A value, what is written to a part of it, and the key of the part."""
    x = g.find("f", 1)
    key = slices(g, x, forward=True)
    shape = tuple(g.value(x)[key_of(key)].shape)
    found = [n for n, v in g.values.items() if v.is_floating_point() and _fits(tuple(v.shape), shape)]
    value = g.pick(found) if found and flag(g) else g.new(g.given(shape[g.pick([0, 0, 1]) :]))
    return ((x, value), key)


def _fits(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    return len(small) <= len(large) and all(p in (1, q) for p, q in zip(reversed(small), reversed(large), strict=False))


def assign(library: Any, x: Any, value: Any, key: tuple[Any, ...]) -> Any:
    """A copy of x with a part written."""
    result = x.clone()
    result[key_of(key)] = value
    return result


def assign_listed(library: Any, x: Any, value: Any, places: tuple[int, ...]) -> Any:
    """A copy of x with some rows written."""
    result = x.clone()
    result[list(places)] = value
    return result


def assigned_listed(g: Any) -> tuple[Any, ...]:
    x = g.find("f", 1)
    extent = g.shape(x)[0]
    places = g.rng.sample(range(extent), g.rng.randint(1, extent)) if extent else []
    if not places:
        raise Unfit
    return ((x, g.new(g.given((*([len(places)] if len(places) != 3 else [1]), *g.shape(x)[1:])))), tuple(places))


def assign_masked(library: Any, x: Any, bound: float, value: float) -> Any:
    """A copy of x in which what is above a bound is a number."""
    result = x.clone()
    result[x > bound] = value
    return result


def updated(library: Any, x: Any, y: Any, other: Any) -> Any:
    """A copy of x that is updated twice, and read in between."""
    result = x.clone()
    result += y
    between = result * 2
    result *= other
    result[..., :1] = 0.5
    return result + between


def update(g: Any) -> tuple[Any, ...]:
    x = g.find("f", 1)
    return ((x, g.new(g.given(g.shape(x)[g.pick([0, 1]) :])), g.new(g.given(g.shape(x)))),)


def multiplied(g: Any) -> tuple[Any, ...]:
    """Two values that can be multiplied as matrices."""
    x = g.find("f", 1)
    shape = g.shape(x)
    inner = shape[-1]
    if g.rng.random() < 0.4:
        found = [
            n
            for n, v in g.values.items()
            if v.is_floating_point() and v.ndim and v.shape[-2 if v.ndim > 1 else 0] == inner
        ]
        return ((x, g.pick(found)),)
    batch = g.pick([(), (), shape[:-2], shape[1:-2]])
    return ((x, g.new(g.given(g.pick([(inner,), (*batch, inner, g.pick([1, 2, 4, 5, 3]))])))),)


def summed(g: Any) -> tuple[Any, ...]:
    """Two or three values and an equation of einsum."""
    extents = {letter: g.pick([1, 2, 4, 3, 3, 5]) for letter in "ijkl"}
    first = g.find("f", 1, 3)
    terms, tensors = [g.rng.sample("ijkl", len(g.shape(first)))], [first]
    extents.update(zip(terms[0], g.shape(first), strict=True))
    for _ in range(g.pick([0, 1, 1, 2])):
        terms.append([g.rng.choice("ijkl") for _ in range(g.pick([1, 2, 3]))])
        tensors.append(g.new(g.given([extents[letter] for letter in terms[-1]])))
    letters = sorted({letter for term in terms for letter in term})
    kept = g.rng.sample(letters, g.rng.randint(0, min(3, len(letters))))
    return (tuple(tensors), ",".join("".join(term) for term in terms) + "->" + "".join(kept))


def chosen(g: Any) -> tuple[Any, ...]:
    """A condition and two values that broadcast."""
    x = g.find()
    mask = [n for n, v in g.values.items() if v.dtype == torch.bool]
    try:
        condition = g.partner(x, "b") if mask else None
    except Unfit:
        condition = None
    condition = condition or g.new(type(g.drawn_input())(tuple(-1 if e == 3 else e for e in g.shape(x)), "bool"))
    return ((condition, x, g.partner(x)),)


def convolved(g: Any) -> tuple[Any, ...]:
    """An image or a signal, weights for it, stride, padding and dilation."""
    x = g.find("f", 3, 4)
    shape = g.shape(x)
    size = [g.pick([1, 2, 3]) for _ in shape[2:]] if len(shape) == 3 else [g.pick([1, 2, 3])] * 2
    weight = g.new(g.given((g.pick([1, 2, 4]), shape[1], *size)))
    return ((x, weight), g.pick([1, 1, 2]), g.pick([0, 1]), g.pick([1, 1, 2]))


def convolve(library: Any, x: Any, weight: Any, stride: int, padding: int, dilation: int) -> Any:
    space = F if library is torch else cv.nn.functional
    function = space.conv1d if x.ndim == 3 else space.conv2d
    return function(x, weight, stride=stride, padding=padding, dilation=dilation)


def looked_up(g: Any) -> tuple[Any, ...]:
    """Integer positions and a table."""
    table = g.find("f", 2, 2)
    rows = g.shape(table)[0]
    if not rows:
        raise Unfit
    return ((g.new(g.integers(g.pick([(3,), (2, 3), (4,), ()]), rows)), table),)


def rows_and_classes(g: Any) -> tuple[Any, ...]:
    x = g.find("f", 2, 2)
    rows, classes = g.shape(x)
    if not classes:
        raise Unfit
    return ((x, g.new(g.integers((rows,), classes))),)


def of_last_axis(*extra: Callable[[Any], Any]) -> Draw:
    """A value and two vectors as long as its last axis."""

    def draw(g: Any) -> tuple[Any, ...]:
        x = g.find("f", 1)
        last = g.shape(x)[-1:]
        return ((x, g.new(g.given(last)), g.new(g.given(last))), *(each(g) for each in extra))

    return draw


def padded(g: Any) -> tuple[Any, ...]:
    x = g.find("f", 1)
    return (
        (x,),
        tuple(g.pick([0, 0, 1, 2]) for _ in range(2 * g.rng.randint(1, len(g.shape(x))))),
        g.pick([0.0, 0.0, -1.5]),
    )


def rolled(g: Any) -> tuple[Any, ...]:
    x = g.find("fi", 1)
    return ((x,), g.pick([-4, -1, 1, 2, 6]), g.pick([g.axis(x), g.axis(x), None]))


def split_up(g: Any) -> tuple[Any, ...]:
    x = g.find("f", 1)
    return ((x,), g.pick([1, 2, 3]), g.axis(x), g.pick([0, 0, -1]))
