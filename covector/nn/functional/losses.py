"""Losses with PyTorch's reductions: ``"mean"`` and ``"sum"`` give one number, ``"none"`` one for each element."""

from __future__ import annotations

from typing import Literal

from covector.errors import CovectorError, ShapeError
from covector.nn.functional.fused import cross_entropy_of_classes
from covector.nn.ops import ops
from covector.tensors.tensor import Tensor

Reduction = Literal["mean", "sum", "none"]

_LOWEST_LOG = -100.0  # below this the logarithms of `binary_cross_entropy` are cut off, as in PyTorch


def mse_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The squared differences; raises `ShapeError` where the shapes differ.

    >>> from covector import nn, tensor
    >>> nn.functional.mse_loss(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check_same("mse_loss", input, target)
    if reduction == "mean" and 1 <= input.ndim <= 4:
        return ops.mse(input, target)
    error = input - target
    return _reduced("mse_loss", error * error, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The absolute differences; raises `ShapeError` where the shapes differ."""
    _check_same("l1_loss", input, target)
    return _reduced("l1_loss", ops.abs(input - target), reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """The absolute differences less ``beta / 2``, and where they are below ``beta`` half their squares over it."""
    _check_same("smooth_l1_loss", input, target)
    if beta < 0:
        raise CovectorError(f"smooth_l1_loss with beta {beta}", hint="beta is not negative; 0 is the l1_loss")
    if beta == 0:
        return l1_loss(input, target, reduction)
    error = input - target
    size = ops.abs(error)
    small = size < beta
    square = ops.where(small, error, 0) ** 2
    return _reduced("smooth_l1_loss", ops.where(small, square / (2 * beta), size - beta / 2), reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """Half the squared differences, and where they are beyond ``delta`` the straight line that goes on from there."""
    _check_same("huber_loss", input, target)
    if delta <= 0:
        raise CovectorError(f"huber_loss with delta {delta}", hint="delta is positive")
    error = input - target
    size = ops.abs(error)
    small = size < delta
    square = ops.where(small, error, 0) ** 2
    return _reduced("huber_loss", ops.where(small, square / 2, delta * (size - delta / 2)), reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy of scores with the true classes, or with the classes' probabilities.

    ``input`` is ``(N, C)``, ``(N, C, d1, …)`` or ``(C,)``; ``target`` are integers of that shape without the C, or
    probabilities of the same shape. ``weight`` is one number for each class. Samples of the class ``ignore_index`` do
    not count; the mean is over the weights of those that do. Raises `ShapeError` where the shapes do not fit, and
    `BoundsError`, when the value is looked at, where a class is none of the C.

    >>> from covector import nn, tensor
    >>> nn.functional.cross_entropy(tensor([[0.0, 0.0]]), tensor([1]))
    tensor(0.6931)
    """
    if not 0 <= label_smoothing <= 1:
        raise CovectorError(f"cross_entropy with label_smoothing {label_smoothing}", hint="between 0 and 1")
    if target.dtype in ("float32", "float64"):
        return _soft_cross_entropy(_classes_last(input), target, weight, reduction, label_smoothing)
    _check_classes("cross_entropy", input, target)
    if weight is None and reduction == "mean" and not label_smoothing and input.ndim == 2:
        return cross_entropy_of_classes(input, target, ignore_index)
    scores = _classes_last(input)
    logp = ops.log_softmax(scores)
    if not label_smoothing:
        return _picked("cross_entropy", logp, target, weight, ignore_index, reduction)
    counts = target != ignore_index
    weighted = logp if weight is None else logp * weight
    smooth = ops.where(counts, -ops.sum(weighted, axis=-1), 0)
    losses, share = _rows(logp, target, weight, ignore_index)
    mixed = (1 - label_smoothing) * losses + label_smoothing / scores.shape[-1] * smooth
    return _weighted_mean(mixed, share) if reduction == "mean" else _reduced("cross_entropy", mixed, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """The negative logarithms of the probabilities of the true classes, as `cross_entropy` takes scores."""
    _check_classes("nll_loss", input, target)
    return _picked("nll_loss", _classes_last(input), target, weight, ignore_index, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """The cross entropy of probabilities with targets from 0 to 1; logarithms are at least -100.

    Where one is cut off the loss is level, and so the gradient 0.
    """
    _check_same("binary_cross_entropy", input, target)
    yes, no = _bounded_log(input), _bounded_log(1 - input)
    losses = -(target * yes + (1 - target) * no)
    return _reduced("binary_cross_entropy", losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of the sigmoids of scores with targets from 0 to 1, without overflow."""
    _check_same("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        losses = ops.softplus(input) - input * target
    else:
        share = 1 + (pos_weight - 1) * target
        losses = (1 - target) * input + share * ops.softplus(-input)
    return _reduced("binary_cross_entropy_with_logits", losses if weight is None else losses * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    reduction: Literal["mean", "sum", "none", "batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence of the target from the input, whose logarithms are given.

    ``"mean"`` is over every element, ``"batchmean"`` over the first axis, which is what the divergence is.
    """
    if log_target:
        losses = ops.exp(target) * (target - input)
    else:
        # A target of 0 contributes 0, whatever the input is.
        counts = target != 0
        log = ops.log(ops.where(counts, target, 1))
        losses = ops.where(counts, target * (log - input), 0 * target)
    if reduction == "batchmean":
        return ops.sum(losses) / input.shape[0]
    return _reduced("kl_div", losses, reduction)


def _reduced(name: str, losses: Tensor, reduction: str) -> Tensor:
    """The losses, their mean or their sum."""
    if reduction not in ("mean", "sum", "none"):
        raise CovectorError(f"{name} has no reduction {reduction!r}", hint="one of 'mean', 'sum', 'none'")
    if reduction == "none":
        return losses
    return ops.mean(losses) if reduction == "mean" else ops.sum(losses)


def _check_same(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        message = f"{name}: the input has the shape {tuple(input.shape)}, and the target {tuple(target.shape)}"
        hint = "squeeze or reshape one: broadcasting would compare every prediction with every target"
        raise ShapeError(message, hint=hint)


def _classes_last(input: Tensor) -> Tensor:
    """The scores with their classes, which are the second axis of a batch, as the last axis."""
    return ops.permute(input, (0, *range(2, input.ndim), 1)) if input.ndim > 2 else input


def _check_classes(name: str, input: Tensor, target: Tensor) -> None:
    shape = input.shape
    expected = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    if target.shape != expected:
        message = f"{name}: the input has the shape {tuple(input.shape)}, and the target {tuple(target.shape)}"
        raise ShapeError(message, hint=f"the target are classes, integers of the shape {expected}")


def _rows(logp: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor]:
    """The loss of each sample, weighted, and its weight; both 0 where the sample does not count."""
    counts = target != ignore_index
    classes = ops.where(counts, target, 0)
    picked = ops.squeeze(ops.take_along_axis(logp, ops.unsqueeze(classes, -1), axis=-1), -1)
    share = counts.to(logp.dtype) if weight is None else ops.where(counts, weight[classes], 0)
    return ops.where(counts, -picked * share, 0), share


def _picked(
    name: str, logp: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: Reduction
) -> Tensor:
    losses, share = _rows(logp, target, weight, ignore_index)
    return _weighted_mean(losses, share) if reduction == "mean" else _reduced(name, losses, reduction)


def _weighted_mean(losses: Tensor, share: Tensor) -> Tensor:
    return ops.sum(losses) / ops.sum(share)


def _soft_cross_entropy(
    scores: Tensor, target: Tensor, weight: Tensor | None, reduction: Reduction, label_smoothing: float
) -> Tensor:
    """The cross entropy with probabilities of classes; its mean is over the samples."""
    goal = _classes_last(target)
    _check_same("cross_entropy", scores, goal)
    if label_smoothing:
        goal = goal * (1 - label_smoothing) + label_smoothing / scores.shape[-1]
    logp = ops.log_softmax(scores)
    losses = -ops.sum(logp * goal if weight is None else logp * goal * weight, axis=-1)
    return _reduced("cross_entropy", losses, reduction)


def _bounded_log(x: Tensor) -> Tensor:
    is_tiny = ops.log(x) < _LOWEST_LOG
    return ops.where(is_tiny, _LOWEST_LOG, ops.log(ops.where(is_tiny, 1, x)))
