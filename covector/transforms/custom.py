"""Functions with derivatives of one's own: `custom_vjp` and `custom_jvp`, as in JAX, and `stop_gradient`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, update_wrapper
from typing import Any

from covector.errors import GradientError, ShapeError, TransformError
from covector.ir import Input, Program, is_float
from covector.ir.tensor import program_of
from covector.run.extents import evaluate_extent
from covector.tensors.call import record
from covector.tensors.creation import zeros_like
from covector.tensors.dtypes import kind_of
from covector.tensors.form import entry_at
from covector.tensors.node import ABSENT, STATE, Node
from covector.tensors.tensor import Tensor
from covector.tensors.tree import flatten
from covector.transforms.agreement import is_derivative
from covector.transforms.capture import Captured, capture
from covector.transforms.forms import unused
from covector.transforms.inside import Inside
from covector.transforms.rules import GivenForm, JvpForm, VjpForm
from covector.transforms.trees import Function, check_function, name_of, with_tensors


def stop_gradient(tree: Any) -> Any:
    """The same tensors, through which no derivative flows in any direction.

    >>> import covector as cv
    >>> cv.grad(lambda x: x * cv.stop_gradient(x))(cv.tensor(3.0))
    tensor(3.)
    """
    tensors, _, rebuild = flatten(tree)
    return rebuild([tensor.detach() for tensor in tensors])


def custom_vjp(function: Function, nondiff_argnums: Sequence[int] = ()) -> CustomVjp:
    """A function whose cotangents are computed by a rule, which ``defvjp(forward, backward)`` gives.

    ``forward`` takes the arguments and returns the value and what ``backward`` needs; that takes what is needed and the
    cotangent of the value, and returns a tuple of cotangents, one for each argument (None for zero). Arguments in
    ``nondiff_argnums`` are given to ``backward`` first instead. Forward derivatives are the transpose of the rule.
    Where the rule differs from the derivative of the function, a warning says where; ``defvjp(…, check=False)`` does
    not ask. Inside its own rule the function is plain: there it has the derivative that is derived.

    >>> import covector as cv
    >>> @cv.custom_vjp
    ... def clipped(x):
    ...     return x * 1.0
    >>> clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (cv.clip(g, -1, 1),), check=False)
    >>> cv.grad(lambda x: 5 * clipped(x))(cv.tensor(2.0))
    tensor(1.)
    """
    check_function("custom_vjp", function)
    return CustomVjp(function, nondiff_argnums)


def custom_jvp(function: Function, nondiff_argnums: Sequence[int] = ()) -> CustomJvp:
    """A function whose tangents are computed by a rule, which ``defjvp(rule)`` gives.

    The rule takes a tuple of the arguments and a tuple of their tangents, and returns the value and its tangent.
    Arguments in ``nondiff_argnums`` are given first instead. Gradients are the transpose of the rule. Where the rule
    differs from the derivative of the function, a warning says where; ``defjvp(…, check=False)`` does not ask. Inside
    its own rule the function is plain: there it has the derivative that is derived.

    >>> import covector as cv
    >>> @cv.custom_jvp
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return cube(x), 3 * x**2 * t
    >>> cv.grad(cube)(cv.tensor(2.0))
    tensor(12.)
    """
    check_function("custom_jvp", function)
    return CustomJvp(function, nondiff_argnums)


Given = tuple[GivenForm, tuple[Node, ...], int]
"""A form, its arguments, and of which of those that only its rule uses a gradient is wanted."""


class _Custom:
    """A function with a rule."""

    transform: str

    def __init__(self, function: Function, nondiff_argnums: Sequence[int]) -> None:
        self.function, self.fixed, self.check = function, tuple(nondiff_argnums), True
        self.checked: dict[GivenForm, bool] = {}  # whether the rule is the derivative, where that was asked
        self.name = name_of(function)
        self.within = False  # while the rule is called, the function in it is plain
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        tensors, *_ = flatten(arguments)
        needed = STATE.grad_enabled and any(tensor.requires_grad for tensor in tensors)
        if self.within or (STATE.trace is None and not needed):
            return self.function(*arguments)
        value = capture(self.transform, self.function, (arguments, {}))
        outside = value.mask >> value.count
        if outside:
            raise GradientError(
                f"{self.transform}: {self.name} uses a tensor that requires a gradient and is no argument of it",
                hint="give it as an argument, which the rule is then about",
            )
        self.within = True
        try:
            form, nodes, further = self.form(arguments, value)
        finally:
            self.within = False
        mask = sum(tensor.requires_grad << at for at, tensor in enumerate(tensors))
        mask |= further << len(value.nodes)
        results = record(entry_at(form, ()), nodes, mask)
        return value.rebuild([Tensor(node, node.mask > 0) for node in results])

    def form(self, arguments: tuple[Any, ...], value: Captured) -> Given:
        """The form of a call."""
        raise NotImplementedError

    def split(self, arguments: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The arguments that are given to the rule first, and the others."""
        count = len(arguments)
        fixed = [place % count for place in self.fixed]
        return [arguments[at] for at in fixed], [own for at, own in enumerate(arguments) if at not in fixed]

    def rule_missing(self, how: str) -> TransformError:
        """The error of a function that was given no rule."""
        return TransformError(f"{self.transform}: {self.name} has no rule", hint=f"{self.name}.{how}")


class CustomVjp(_Custom):
    """A function with a rule for its cotangents; made by `custom_vjp`."""

    transform = "custom_vjp"
    forward: Function | None = None
    backward: Function | None = None

    def defvjp(self, forward: Function, backward: Function, check: bool = True) -> None:
        """Give the rule."""
        self.forward, self.backward, self.check = forward, backward, check

    def form(self, arguments: tuple[Any, ...], value: Captured) -> Given:
        """The form of a call with its rule."""
        tensors, *_ = flatten(arguments)
        cotangents = value.rebuild([_stand_in(output) for output in value.program.outputs])
        rule = capture(self.transform, self._cotangents, ((arguments, cotangents), {}))
        wanted = tuple(at for at, tensor in enumerate(tensors) if tensor._node.kind.is_float)
        seeds = len(value.program.outputs)
        sources = [*range(value.count), *[-1 - n for n in range(seeds)]]
        return _form(VjpForm, self, value, rule, sources, wanted)

    def _cotangents(self, arguments: tuple[Any, ...], cotangents: Any) -> list[Tensor]:
        """What the rule gives for the tensors of floats among the arguments."""
        if self.forward is None or self.backward is None:
            raise self.rule_missing("defvjp(forward, backward)")
        given = self.forward(*arguments)
        if not isinstance(given, tuple) or len(given) != 2:
            raise TransformError(f"custom_vjp: the forward of {self.name} returns a pair: its value, and what is kept")
        fixed, others = self.split(arguments)
        found = self.backward(*fixed, given[1], cotangents)
        if not isinstance(found, tuple) or len(found) != len(others):
            what = f"{len(found)}" if isinstance(found, tuple) else type(found).__name__
            raise TransformError(
                f"custom_vjp: the backward of {self.name} returns a tuple of {len(others)} cotangents, one for each "
                f"argument, not {what}",
                hint="None for an argument whose cotangent is zero",
            )
        fitted = [c for tree, cotangent in zip(others, found, strict=True) for c in self._fitted(tree, cotangent)]
        for tree in fixed:
            if flatten(tree)[0]:
                raise TransformError(
                    f"custom_vjp: an argument in nondiff_argnums of {self.name} holds tensors",
                    hint="nondiff_argnums is for settings; for a tensor the backward can return None",
                )
        return fitted

    def _fitted(self, tree: Any, cotangent: Any) -> list[Tensor]:
        """The cotangents of the floats of an argument; raises where they do not fit it."""
        tensors, *_ = flatten(tree)
        found, *_ = flatten(with_tensors(cotangent))
        if not found:
            found = [zeros_like(tensor) for tensor in tensors]
        if len(found) != len(tensors):
            message = f"{len(found)} cotangents for an argument of {len(tensors)} tensors"
            raise TransformError(f"custom_vjp: the backward of {self.name} gives {message}")
        for tensor, own in zip(tensors, found, strict=True):
            if tensor._node.kind.is_float and tensor.shape != own.shape:
                raise ShapeError(
                    f"custom_vjp: the backward of {self.name} gives a cotangent of shape {list(own.shape)} for an "
                    f"argument of shape {list(tensor.shape)}"
                )
        pairs = zip(tensors, found, strict=True)
        return [own.astype(tensor.dtype) for tensor, own in pairs if tensor._node.kind.is_float]


class CustomJvp(_Custom):
    """A function with a rule for its tangents; made by `custom_jvp`."""

    transform = "custom_jvp"
    rule: Function | None = None

    def defjvp(self, rule: Function, check: bool = True) -> Function:
        """Give the rule, which is returned, so that this is a decorator too."""
        self.rule, self.check = rule, check
        return rule

    def form(self, arguments: tuple[Any, ...], value: Captured) -> Given:
        """The form of a call with its rule."""
        tensors, _, rebuild = flatten(arguments)
        tangents = rebuild([Inside.stand_in(tensor._node.kind, False) for tensor in tensors])
        rule = capture(self.transform, self._tangents, ((arguments, tangents), {}))
        outputs = value.program.outputs
        wanted = tuple(at for at, output in enumerate(outputs) if is_float(output.dtype))
        shapes, given = ([_shape(output) for output in program.outputs] for program in (value.program, rule.program))
        if shapes != given:
            message = f"tangents of shapes {given} for values of shapes {shapes}"
            raise ShapeError(f"custom_jvp: the rule of {self.name} gives {message}")
        sources = [*range(value.count), *[-1 - n for n in range(value.count)]]
        return _form(JvpForm, self, value, rule, sources, wanted)

    def _tangents(self, arguments: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        """What the rule gives for the values."""
        if self.rule is None:
            raise self.rule_missing("defjvp(rule)")
        fixed, primals = self.split(arguments)
        found = self.rule(*fixed, tuple(primals), tuple(self.split(tangents)[1]))
        if not isinstance(found, tuple) or len(found) != 2:
            raise TransformError(f"custom_jvp: the rule of {self.name} returns a pair: the value and its tangent")
        return found[1]


def is_known(node: Node) -> bool:
    """Whether a node holds its value."""
    return node.data is not None and node.data is not ABSENT


def _shape(output: Any) -> list[int]:
    return [evaluate_extent(extent, {}) for extent in output.shape]


def _stand_in(output: Any) -> Tensor:
    """A tensor without a value, of the kind of an output."""
    return Inside.stand_in(kind_of(_shape(output), output.dtype), False)


Make = Callable[..., GivenForm]


def _form(
    make: Make, own: _Custom, value: Captured, rule: Captured, sources: Sequence[int], wanted: tuple[int, ...]
) -> Given:
    """The form of a function and its rule, what only the rule uses as further arguments."""
    extra = rule.program.inputs[rule.count :]
    first = len(value.program.inputs)
    places = (*sources, *range(first, first + len(extra)))
    form = _made(make, own.name, value.program, rule.program, places, wanted, rule.count)
    nodes = (*value.nodes, *rule.nodes[rule.count :])
    if own.check and form not in own.checked:
        known = {at: node.data for at, node in enumerate(nodes) if at >= value.count and is_known(node)}
        own.checked[form] = is_derivative(form, known)
    if own.checked.get(form):
        form = _made(make, own.name, value.program, rule.program, places, wanted, rule.count, agrees=True)
    return form, nodes, rule.mask >> rule.count


@lru_cache(maxsize=1 << 10)
def _made(
    make: Make,
    name: str,
    program: Program,
    rule: Program,
    sources: tuple[int, ...],
    wanted: tuple[int, ...],
    count: int,
    agrees: bool = False,
) -> GivenForm:
    names = set(program.tensors())
    extra = [Input(unused("c", names), given.shape, given.dtype) for given in rule.inputs[count:]]
    whole = program_of(program.outputs, (*program.inputs, *extra))
    form = make(name, whole, rule, sources, wanted)
    form.agrees = agrees
    return form
