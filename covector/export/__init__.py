"""Programs as source that a person would write: one function in another library's words.

`numpy_source` gives NumPy. A program is translated statement by statement; what two places need is computed once and
named. The source uses nothing of covector.
"""

from covector.export.numpy import numpy_module, numpy_source

__all__ = ["numpy_module", "numpy_source"]
