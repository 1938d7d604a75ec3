"""Derivations: every gradient of a program with its steps, cases, chain rule, matrix form and check.

`derive` makes the `record`, which is data; `steps` finds the steps of one path, `verify` checks what was
derived, and each format prints the same `layout`.
"""
