"""The rows, one file for each kind of work."""
