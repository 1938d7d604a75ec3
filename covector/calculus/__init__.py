"""The calculus: differentiation of element forms, the elimination of Kronecker deltas, and the rewrite rules that
do it.

`derivative` differentiates one expression; `rules` is the one list of rewrite rules and `rewrite` applies them;
`reverse` accumulates cotangents over a program; `recognise` and `factor` bring the result to the form that a
person would write.
"""
