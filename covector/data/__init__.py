"""Batches from arrays, small data sets, training loops and weights on disk."""
