"""The notation: index notation as text, read and written.

`parse` turns text into a syntax tree, `element` elaborates element form, and the templates of the table of operations,
into the IR, and `print` writes IR as text and as LaTeX. The grammar and its meaning are in ``docs/notation.md``.
"""
