"""A plan as LLVM IR: loops, vectorised mathematics and contraction kernels, as text.

Nothing here knows where a plan comes from or how code is run; `covector.native` makes machine code of the text.
"""
