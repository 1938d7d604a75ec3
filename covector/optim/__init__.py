"""Optimisers, learning rate schedules and the clipping of gradients, with PyTorch's names and conventions."""

from __future__ import annotations

from covector.nn.utils import clip_grad_norm_, clip_grad_value_
from covector.optim import lr_scheduler
from covector.optim.adagrad import Adagrad
from covector.optim.adam import Adam, AdamW
from covector.optim.lbfgs import LBFGS
from covector.optim.newton import Newton
from covector.optim.optimizer import Optimizer
from covector.optim.rmsprop import RMSprop
from covector.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Newton",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]
