"""Tests neither read nor write the user's cache of object code, and check what becomes machine code."""

from tests.support.objects import own_cache, verified

__all__ = ["own_cache", "verified"]
