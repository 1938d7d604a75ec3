"""Everything that tensors can do, by name: what `covector` offers as functions and `Tensor` has as methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.ops import OPERATIONS, SCALARS
from covector.tensors import (
    arranging,
    backward,
    creation,
    explain,
    functional,
    functions,
    indexing,
    jit,
    operators,
    shapes,
    show,
    sorting,
    update,
)
from covector.tensors.tensor import Tensor

Function = Callable[..., Any]

_HIDDEN = ("add", "and", "or", "not", "pi", "stop")
_OWN = ("matmul", "transpose", "norm", "logsumexp", "cumsum", "add", "sub", "mul", "div")

_REDUCTIONS = {
    "sum": "The sum over some axes, or all.",
    "prod": "The product over some axes, or all.",
    "max": "The largest element along some axes, or of all; equal ones share the gradient.",
    "min": "The smallest element along some axes, or of all; equal ones share the gradient.",
    "any": "Whether an element is true, or not 0, along some axes, or of all.",
    "all": "Whether every element is true, or not 0, along some axes, or of all.",
}

FUNCTIONS: dict[str, Function] = {
    **{name: functions.table_function(name) for name in OPERATIONS if name not in _OWN},
    **{name: functions.scalar_function(name) for name in SCALARS if name not in _HIDDEN},
    **{name: functions.reduction(name, doc) for name, doc in _REDUCTIONS.items()},
    "add": functions.scalar_function("add"),
    "logical_and": functions.scalar_function("and", "logical_and"),
    "logical_or": functions.scalar_function("or", "logical_or"),
    "logical_not": functions.scalar_function("not", "logical_not"),
    "mean": functions.float_reduction("mean", "The mean over some axes, or all."),
    "argmax": functions.arg_reduction("argmax", "The position of the first largest element along an axis, or of all."),
    "argmin": functions.arg_reduction("argmin", "The position of the first smallest element along an axis, or of all."),
    "cumsum": functions.cumulative("cumsum", "The running sum along an axis."),
    "cumprod": functions.cumulative("cumprod", "The running product along an axis."),
    "isnan": functions.plain("isnan", "Whether elements are NaN."),
    "isinf": functions.plain("isinf", "Whether elements are infinite."),
    "isfinite": functions.plain("isfinite", "Whether elements are neither NaN nor infinite."),
    "floor": functions.plain("floor", "The largest whole number that is not above each element."),
    "ceil": functions.plain("ceil", "The smallest whole number that is not below each element."),
    "round": functions.plain("round", "The nearest whole number to each element; half way, the even one."),
    "floor_divide": functions.two("floor_divide", "The quotients of a and b rounded down."),
    "remainder": functions.two("remainder", "What is left of a after whole multiples of b, with the sign of b."),
    "square": functions.plain("square", "The square of each element."),
    **{
        function.__name__: function
        for function in (
            *(
                functions.var,
                functions.std,
                functions.norm,
                functions.logsumexp,
                functions.matmul,
                functions.einsum,
                functions.where,
            ),
            *(functions.clip, functions.tensordot, functions.astype, functions.to, functions.gt, functions.ge),
            *(shapes.reshape, shapes.permute, shapes.transpose, shapes.flatten, shapes.unsqueeze, shapes.squeeze),
            *(shapes.broadcast_to, shapes.concat, shapes.stack, shapes.split, shapes.chunk, shapes.pad, shapes.flip),
            *(shapes.roll, shapes.tril, shapes.triu, arranging.moveaxis, arranging.tile),
            *(arranging.take, arranging.index_select, arranging.unbind, arranging.repeat_interleave),
            *(arranging.masked_fill, arranging.masked_select, arranging.logical_xor),
            *(sorting.sort, sorting.argsort, sorting.topk, sorting.take_along, sorting.nonzero),
        )
    },
    "pow": operators.power,
}

_ALIASES = {
    "absolute": "abs",
    "acos": "acos",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "arccosh": "acosh",
    "arcsinh": "asinh",
    "arctanh": "atanh",
    "amax": "max",
    "amin": "min",
    "bmm": "matmul",
    "mm": "matmul",
    "cat": "concat",
    "clamp": "clip",
    "divide": "div",
    "equal": "eq",
    "expand": "broadcast_to",
    "expand_dims": "unsqueeze",
    "gather": "take_along",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "multiply": "mul",
    "movedim": "moveaxis",
    "negative": "neg",
    "not_equal": "ne",
    "permute_dims": "permute",
    "power": "pow",
    "special_logsumexp": "logsumexp",
    "subtract": "sub",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "take_along_axis": "take_along",
    "take_along_dim": "take_along",
    "true_divide": "div",
    "view": "reshape",
}
for _alias, _name in _ALIASES.items():
    FUNCTIONS[_alias] = FUNCTIONS[_name]

CREATORS: dict[str, Function] = {
    function.__name__: function
    for function in (
        *(creation.tensor, creation.asarray, creation.full, creation.zeros, creation.ones, creation.empty),
        *(creation.full_like, creation.zeros_like, creation.ones_like, creation.empty_like),
        *(
            creation.arange,
            creation.linspace,
            creation.eye,
            backward.no_grad,
            backward.enable_grad,
            jit.jit,
            explain.explain,
            arranging.meshgrid,
            functional.grad,
            functional.value_and_grad,
        ),
    )
}

_METHODS: dict[str, Any] = {
    **FUNCTIONS,
    "T": property(lambda self: shapes.transpose(self) if self.ndim > 1 else self, doc="The last two axes exchanged."),
    "mT": property(shapes.transpose, doc="The last two axes exchanged."),
    "float": lambda self: functions.astype(self, "float32"),
    "double": lambda self: functions.astype(self, "float64"),
    "long": lambda self: functions.astype(self, "int64"),
    "int": lambda self: functions.astype(self, "int32"),
    "bool": lambda self: functions.astype(self, "bool"),
    "dim": lambda self: self.ndim,
    "numel": lambda self: self.size,
    "t": shapes.transpose,
    "repeat": arranging.tile,
    "contiguous": lambda self: self,
    "cpu": lambda self: self,
    "grad_fn": property(show.origin, doc="The name of the operation that a gradient goes back through, or None."),
    "backward": backward.backward,
    "assign": update.assign,
    "copy_": update.copy_,
    "fill_": update.fill_,
    "zero_": update.zero_,
    "clone": update.clone,
    "data": property(lambda self: self.detach(), update.set_data, doc="The values without a gradient; assignable."),
    "device": property(lambda self: "cpu", doc="Where the tensor is: always the processor."),
    **{f"{name}_": update.in_place(FUNCTIONS[name]) for name in ("add", "sub", "mul", "div", "pow")},
    **{f"__i{name}__": update.in_place(getattr(Tensor, f"__{name}__")) for name in operators.IN_PLACE},
    "__getitem__": indexing.get,
    "__setitem__": indexing.put,
    "__repr__": show.text,
    "__str__": show.text,
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)

PUBLIC: dict[str, Function] = {**FUNCTIONS, **CREATORS}
"""What `covector` offers of tensors, by name."""
