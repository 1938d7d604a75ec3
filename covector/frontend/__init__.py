"""The front end: what a person writes becomes a program of the IR.

Text comes in through `program` (declarations, statements in element form and in matrix form), Python functions of
arrays through `trace`. Both meet in `arrays`: symbolic arrays whose operations are inlined into statements in element
form.
"""
