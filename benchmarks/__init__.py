"""How long covector takes: to be imported, to parse, and to derive.

``python -m benchmarks`` measures and prints a table. Nothing here passes or fails.
"""
