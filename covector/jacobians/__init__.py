"""Jacobians and Hessians that keep their structure.

A Jacobian is an element form with indices in two groups, the output's and then the input's, in which δ stays δ: a sum
of terms, each a product of brackets and of stored factors. `accumulate` finds it for a program, statement by
statement; `factorise` decides what is stored; `support` and `structure` say what it is; `products` and `solve` compute
with it, and `jacobian` is the object that people hold.
"""
