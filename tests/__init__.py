"""The tests: one file a room of the package, and the architecture in `test_layers.py`."""
