"""How a hand-written backward is called, and how its result is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from covector.errors import NotationError

COTANGENTS = frozenset(
    {"grad_output", "grad_outputs", "grad_out", "output_grad", "out_grad", "grad", "gout", "g_out", "grad_y", "g", "G"}
    | {"dout", "dy", "dY", "dz", "dZ", "dl_dy", "dL", "dloss", "upstream", "upstream_grad", "upstream_gradient"}
    | {"cotangent", "cotangents", "ct", "cot", "delta"}
)
"""Names by which the cotangent of the output is known among parameters."""

CACHES = frozenset(["cache", "ctx", "context", "saved", "residuals", "res", "memory", "saved_tensors"])
"""Names by which what the forward kept is known."""

VALUES = frozenset(["output", "out", "outputs", "y", "result", "value"])
"""Names by which the value of the forward is known."""

HINT = 'say how it is called: signature="x, weight, grad_output"; also *inputs, output and cache'


class Misreturn(Exception):
    """A result of a backward that cannot be its gradients; ``cause`` is a short name."""

    def __init__(self, cause: str, message: str, inputs: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cause, self.message, self.inputs = cause, message, inputs


class Context:
    """What a ``forward(ctx, …)`` keeps for its ``backward(ctx, …)``, as in PyTorch."""

    needs_input_grad: tuple[bool, ...] = (True,) * 64

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *arrays: Any) -> None:
        """Keep arrays."""
        self.saved_tensors = arrays


@dataclass(frozen=True)
class Signature:
    """The role of every positional argument of a backward: ``input x``, ``cotangent``, ``output``, ``cache``."""

    roles: tuple[str, ...]
    reading: str = ""

    @property
    def wants_cache(self) -> bool:
        """Whether the forward gives, beside its value, what it kept."""
        return "cache" in self.roles

    def call(
        self,
        backward: Callable[..., Any],
        arrays: Mapping[str, Any],
        cotangents: Sequence[Any],
        outputs: Sequence[Any],
        cache: Any,
    ) -> Any:
        """What the backward returns."""
        given: list[Any] = []
        for role in self.roles:
            if role == "cotangent":
                given += cotangents
            elif role == "output":
                given.append(outputs[0] if len(outputs) == 1 else tuple(outputs))
            else:
                given.append(cache if role == "cache" else arrays[role.removeprefix("input ")])
        return backward(*given)


def signature_of(backward: Callable[..., Any], names: Sequence[str], said: str | None, output: str = "") -> Signature:
    """How a backward is called, from what the user said or from the names of its parameters.

    Names that are inputs are those; names such as ``grad_output``, ``dout``, ``dy``, ``G`` or ``d<output>`` are the
    cotangent. Otherwise the inputs come in order and the cotangent last. Raises `NotationError` where neither fits.

    >>> signature_of(lambda G, x, w: None, ["x", "w"], None).roles
    ('cotangent', 'input x', 'input w')
    """
    if said is not None:
        return Signature(_said(said, names, output))
    parameters = _parameters(backward)
    if parameters is None:
        return _in_order(names, "it takes any arguments: the inputs in order, then the cotangent")
    roles = [_role(name, names, output) for name in parameters]
    if None not in roles and roles.count("cotangent") <= 1:
        return Signature(tuple(role for role in roles if role is not None))
    if roles.count(None) == 1 and "cotangent" not in roles:
        place = roles.index(None)
        named = tuple("cotangent" if role is None else role for role in roles)
        if len({*named}) == len(named):
            return Signature(named, f"{parameters[place]} is taken for the cotangent")
    return _by_count(parameters, roles, names)


def _by_count(parameters: Sequence[str], roles: Sequence[str | None], names: Sequence[str]) -> Signature:
    inputs = tuple(f"input {name}" for name in names)
    if len(parameters) == len(names) + 1:
        if roles[0] == "cotangent":
            return Signature(("cotangent", *inputs), "the cotangent comes first, then the inputs in order")
        return _in_order(names, "the inputs come in order, then the cotangent")
    if len(parameters) == len(names):
        return Signature(inputs, "it takes the inputs in order and no cotangent")
    shown = ", ".join(parameters)
    raise NotationError(
        f"how the backward ({shown}) is called is not clear for the inputs {', '.join(names)}", hint=HINT
    )


def _in_order(names: Sequence[str], reading: str) -> Signature:
    return Signature((*(f"input {name}" for name in names), "cotangent"), reading)


def _parameters(backward: Callable[..., Any]) -> list[str] | None:
    """The names of the positional parameters without defaults, or None where any number may be given."""
    try:
        parameters = inspect.signature(backward).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for p in positional if p.default is p.empty]


def _role(name: str, names: Sequence[str], output: str) -> str | None:
    if name in names:
        return f"input {name}"
    if name in COTANGENTS or (output and name in (f"d{output}", f"grad_{output}", f"d_{output}", f"g{output}")):
        return "cotangent"
    if name in CACHES:
        return "cache"
    return "output" if name in VALUES or name == output else None


def _said(said: str, names: Sequence[str], output: str) -> tuple[str, ...]:
    roles: list[str] = []
    for word in (part.strip() for part in said.split(",")):
        if word in ("*inputs", "inputs") and word not in names:
            roles += [f"input {name}" for name in names]
            continue
        role = _role(word, names, output)
        if role is None:
            raise NotationError(f"{word!r} in the signature is no input and no known word", hint=HINT)
        roles.append(role)
    return tuple(roles)


def gradients_in(result: Any, names: Sequence[str], floats: Sequence[str], wanted: Sequence[str]) -> dict[str, Any]:
    """The gradient of every wanted input in what a backward returned: a mapping, a sequence in order, or one array.

    Raises `Misreturn` where there are too many or too few, or where it is nothing of the kind.
    """
    if isinstance(result, Mapping):
        return {name: _under(result, name) for name in wanted}
    if isinstance(result, (tuple, list)):
        for order in (names, floats, wanted):
            if len(order) == len(result):
                given = dict(zip(order, result, strict=True))
                return {name: given.get(name) for name in wanted}
        shown = ", ".join(wanted)
        raise Misreturn("wrong number of gradients", f"it returns {len(result)} gradients, and the inputs are {shown}")
    if result is None or isinstance(result, (str, bytes)):
        what = "nothing" if result is None else f"a {type(result).__name__}"
        raise Misreturn("no gradient", f"it returns {what} instead of gradients", tuple(wanted))
    if len(wanted) != 1:
        shown = ", ".join(wanted)
        raise Misreturn(
            "wrong number of gradients", f"it returns one array, and there are {len(wanted)} inputs: {shown}"
        )
    return {wanted[0]: result}


def _under(result: Mapping[Any, Any], name: str) -> Any:
    for key in (name, f"d{name}", f"grad_{name}", f"d_{name}", f"g{name}", f"{name}_grad"):
        if key in result:
            return result[key]
    return None
