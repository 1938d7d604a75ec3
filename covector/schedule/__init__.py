"""How a program is computed: its statements as loops and products, fused where they share rows, each tensor in a place.

The result, a `Plan`, is data only; `covector.codegen` makes code of it.
"""
