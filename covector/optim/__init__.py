"""Optimisers, learning rate schedules and the clipping of gradients, with PyTorch's names and conventions."""
