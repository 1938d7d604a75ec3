"""The table of operations: scalar functions with their derivatives, and tensor operations by element form; data only.

Adding an operation is adding one record in one file here: the array namespace, the notation, the tests, the
documentation and the exports find it in `SCALARS` and `OPERATIONS`.
"""
