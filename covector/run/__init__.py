"""Running programs: the reference interpreter, which defines what a program means.

Everything else that computes (exports, native code) is compared with `reference`; `dual` runs the same programs on dual
numbers, as a second opinion on every derivative.
"""
