"""What NumPy has no ufunc for.

The source of these functions is copied into exported NumPy code as it stands: they use `np` and `math` alone. They
give NaN and infinities as the standard says; whoever calls them silences the warnings of the functions beneath.
"""

from __future__ import annotations

import math

import numpy as np


def add(first: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """The sum of one or more arrays."""
    for term in rest:
        first = np.add(first, term)
    return first


def mul(first: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """The product of one or more arrays."""
    for factor in rest:
        first = np.multiply(first, factor)
    return first


def logical_and(first: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """Where every one of the arrays is true."""
    for condition in rest:
        first = np.logical_and(first, condition)
    return first


def logical_or(first: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """Where at least one of the arrays is true."""
    for condition in rest:
        first = np.logical_or(first, condition)
    return first


def pi() -> float:
    """The ratio of a circle's circumference to its diameter."""
    return math.pi


def stop(x: np.ndarray) -> np.ndarray:
    """The value of x."""
    return x


def power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a to the power b; whole numbers to negative powers are floats, as one over an extent is."""
    if np.result_type(a, b).kind in "biu" and np.any(np.less(b, 0)):
        a = np.asarray(a, dtype=np.float64)
    result: np.ndarray = np.power(a, b)
    return result


def rsqrt(x: np.ndarray) -> np.ndarray:
    """1 / sqrt(x)."""
    result: np.ndarray = np.divide(1, np.sqrt(x))
    return result


def relu(x: np.ndarray) -> np.ndarray:
    """The larger of x and 0."""
    result: np.ndarray = np.maximum(x, 0)
    return result


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow and to full relative precision on both sides."""
    decay = np.exp(-np.abs(x))
    result: np.ndarray = np.where(np.greater_equal(x, 0), 1 / (1 + decay), decay / (1 + decay))
    return result


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), without overflow."""
    result: np.ndarray = np.logaddexp(x, 0)
    return result


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, in float64."""
    result: np.ndarray = np.vectorize(math.erf, otypes=[np.float64])(x)
    return result


def erfc(x: np.ndarray) -> np.ndarray:
    """One minus the error function, in float64, precise where that is tiny."""
    result: np.ndarray = np.vectorize(math.erfc, otypes=[np.float64])(x)
    return result
