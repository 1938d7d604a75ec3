"""Tensors: lazy, broadcasting, with ``.backward()``; an operation is a call of an element form, computed when looked at.

Nothing here has derivative rules of its own: the calculus derives the adjoint of each form.
"""
