"""Layers, losses and their initialisation, with PyTorch's names, shapes and conventions."""
