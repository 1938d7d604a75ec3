"""Batches from arrays, small data sets, training loops and weights on disk."""

from __future__ import annotations

from covector.data.batches import Batches, batches, split
from covector.data.callbacks import Callback, Checkpoint, EarlyStopping, Training
from covector.data.fit import accuracy, fit
from covector.data.history import History
from covector.data.sets import DIABETES_FEATURES, diabetes, digits
from covector.data.weights import load, save

__all__ = [
    "DIABETES_FEATURES",
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Training",
    "accuracy",
    "batches",
    "diabetes",
    "digits",
    "fit",
    "load",
    "save",
    "split",
]
