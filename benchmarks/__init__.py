"""How fast covector is, and how far that is from its peers and from the machine's limits.

``python -m benchmarks`` measures rows: one piece of work each, done by covector and by its peers in turns, in one
process and on the same number of threads. Every contender's result is compared before it is timed. Nothing here
passes or fails by its speed; a wrong result is an error.
"""
