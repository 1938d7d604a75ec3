"""`covector.config`: what programs run on in this process."""

from __future__ import annotations

from covector.native import blas
from covector.native.pool import POOL


class Config:
    """The settings of this process; each is read and assigned like an attribute.

    >>> import covector as cv
    >>> before = cv.config.threads
    >>> cv.config.threads = 1
    >>> cv.config.threads
    1
    >>> cv.config.threads = before
    """

    __slots__ = ()

    @property
    def threads(self) -> int:
        """The threads that programs run on; assigning raises `CovectorError` for what is no positive number."""
        return POOL.threads

    @threads.setter
    def threads(self, count: int) -> None:
        POOL.set_threads(count)

    @property
    def blas(self) -> blas.Choice:
        """What matrix products are left to: ``"auto"``, ``"own"`` kernels, ``"openblas"`` or ``"mkl"``.

        A choice holds for what is compiled from then on; one that is not installed raises `CovectorError`.
        """
        return blas.SETTINGS.choice

    @blas.setter
    def blas(self, choice: blas.Choice) -> None:
        blas.choose(choice)

    def __repr__(self) -> str:
        return f"<covector.config: threads={self.threads}, blas={self.blas!r}>"


config = Config()
