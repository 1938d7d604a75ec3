"""线性层的推导，以中文 Markdown 输出：A derivation as a page of Markdown in Chinese, written to standard output."""

from __future__ import annotations

import sys

import covector as cv


def main() -> None:
    """Write the page."""
    forward = "linear = input @ weight.T + bias"
    derivation = cv.derive(forward, input="M infs", weight="outfs infs", bias="outfs")
    sys.stdout.write(derivation.markdown(lang="zh"))


if __name__ == "__main__":
    main()
