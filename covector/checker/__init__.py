"""The checker: is this gradient right, and if it is not, which line is wrong and why?

A *claim* (a formula, a function, a line of notes) is compared with what the calculus derives; every answer is a
`Verdict`: proved, agrees, wrong (with the smallest counterexample, the cause and the right form) or not understood.
"""
