"""Small data sets that ship with covector, so that an example trains without a network."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np

from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor

DIABETES_FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


class Samples(NamedTuple):
    """The inputs and the targets of a data set, one row for each sample."""

    inputs: Tensor
    targets: Tensor


def digits(flat: bool = True) -> Samples:
    """1797 images of handwritten digits, 8 × 8 pixels from 0 to 1 (float32), and the digits 0 to 9 (int64).

    The images are rows of 64 pixels, or with ``flat=False`` of shape ``(1, 8, 8)``: channel, height, width.

    Source: the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, 1998, UCI Machine
    Learning Repository (https://archive.ics.uci.edu/dataset/80), licence CC BY 4.0, in the copy of scikit-learn
    (BSD 3-Clause); the 17 levels of grey are divided by 16 here.

    >>> from covector import data
    >>> images, labels = data.digits()
    >>> images.shape, labels.shape
    ((1797, 64), (1797,))
    """
    file = _read("digits")
    images = file["images"].astype(np.float32) / np.float32(16)
    shape = (len(images), 64) if flat else (len(images), 1, 8, 8)
    return Samples(asarray(images.reshape(shape)), asarray(file["labels"].astype(np.int64)))


def diabetes(scaled: bool = True) -> Samples:
    """Ten measurements of each of 442 patients and how far their diabetes progressed in a year, as float64.

    The columns are those of `DIABETES_FEATURES`: age, sex, body mass index, blood pressure and six blood values; with
    ``scaled`` each has mean 0 and variance 1, and without it the units in which it was measured.

    Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of Statistics 32
    (2004), published with the paper for free use (https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html), in the
    copy of scikit-learn (BSD 3-Clause).

    >>> from covector import data
    >>> measurements, progression = data.diabetes()
    >>> measurements.shape, progression.shape
    ((442, 10), (442,))
    """
    file = _read("diabetes")
    features = file["features"]
    if scaled:
        features = (features - features.mean(axis=0)) / features.std(axis=0)
    return Samples(asarray(features), asarray(file["progression"]))


def _read(name: str) -> dict[str, np.ndarray]:
    """The arrays of a file that ships with covector."""
    file = resources.files("covector.data").joinpath("files", f"{name}.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
