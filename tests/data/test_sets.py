"""The data sets are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from covector import data

datasets = pytest.importorskip("sklearn.datasets")


def test_digits() -> None:
    expected = datasets.load_digits()
    images, labels = data.digits()
    assert (images.dtype, labels.dtype) == ("float32", "int64")
    np.testing.assert_array_equal(images.numpy() * 16, expected.data)
    np.testing.assert_array_equal(labels.numpy(), expected.target)
    square = data.digits(flat=False).inputs
    assert square.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(square.numpy()[:, 0] * 16, expected.images)


def test_diabetes() -> None:
    raw, scaled = datasets.load_diabetes(scaled=False), datasets.load_diabetes()
    np.testing.assert_array_equal(data.diabetes(scaled=False).inputs.numpy(), raw.data)
    np.testing.assert_array_equal(data.diabetes().targets.numpy(), raw.target)
    np.testing.assert_allclose(data.diabetes().inputs.numpy(), scaled.data * np.sqrt(442), rtol=1e-12)
    assert list(data.DIABETES_FEATURES) == raw.feature_names
