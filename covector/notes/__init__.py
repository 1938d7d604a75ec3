"""Pages of notes: Markdown with LaTeX, read into blocks, formulas and declarations.

`read_markdown` finds the blocks and the formulas with their places; `read_formula` makes the syntax tree of one
formula, with alternatives where it is ambiguous; `read_page` does both and gathers names and declarations. Nothing
is judged here.
"""
