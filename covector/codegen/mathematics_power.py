"""Powers whose exponent is not known while the code is written."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.library import call_library
from covector.codegen.mathematics import exact
from covector.codegen.mathematics_exponential import exponential, logarithm
from covector.codegen.module import Module
from covector.codegen.types import type_of

NAN = float("nan")


@exact
def float_power(build: Builder, base: Value, exponent: Value) -> Value:
    """``base`` to a power: in float32 to 1 ulp, through float64; in float64 as the C library has it."""
    base, exponent = build.matched(base, exponent)
    if base.dtype == "float64":
        return call_library("pow", build, base, exponent)
    wide = exponent.convert("float64")
    logarithmic = wide * logarithm(build, build.intrinsic("fabs", base).convert("float64"))
    # 1 to any power is 1, and so is anything to the power 0; -1 to an infinite power is 1 too.
    one = exponent.equals(0) | base.equals(1) | (base.equals(-1) & ~exponent.is_nan())
    size = exponential(build, one.where(0.0, logarithmic)).convert("float32")
    half = exponent * 0.5
    whole = build.intrinsic("trunc", exponent).equals(exponent)
    odd = whole & build.intrinsic("trunc", half).differs(half)
    negative = build.intrinsic("copysign", build.lift(1.0, base), base) < 0
    impossible = (base < 0) & ~whole & ~base.equals(float("-inf"))
    return impossible.where(NAN, (negative & odd).where(-size, size))


def integer_power(build: Builder, base: Value, exponent: Value) -> Value:
    """An integer to the power of an integer: 0 for a negative exponent, unless the base is 1 or -1."""
    base, exponent = build.matched(base, exponent)
    name = f"power_{base.dtype}_{base.width}"
    build.module.helper(name, lambda: _integer_power(build.module, name, base.dtype, base.width))
    return build.call_helper(name, base.dtype, [base, exponent], base.width)


def _integer_power(module: Module, name: str, dtype: str, width: int) -> str:
    """A function that squares and multiplies, bit by bit of the exponent."""
    kind = type_of(dtype, width)
    build = Builder(module, name, [("base", kind), ("exponent", kind)], kind)
    base, exponent = (Value(build, f"%{part}", dtype, width) for part in ("base", "exponent"))
    square, left, result = (build.variable(value) for value in (base, exponent, build.lift(1, base)))
    with build.loop(build.constant(0, "int64"), build.constant(63, "int64")):
        odd = (left.get() & 1).differs(0)
        result.set(odd.where(result.get() * square.get(), result.get()))
        square.set(square.get() * square.get())
        left.set(left.get() >> 1)
    unit = base.equals(1) | base.equals(-1)
    build.emit(f"ret {((exponent < 0) & ~unit).where(0, result.get())}")
    return build.text()
