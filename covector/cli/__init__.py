"""The command line: derive, ops, tour.

Each command reads its arguments, calls the library, and prints; nothing is worked out here. Errors go to
standard error, and the exit code says what happened.
"""

from covector.cli.app import main

__all__ = ["main"]
