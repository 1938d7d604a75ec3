"""The same layer in the notation of convolutions, with N for samples and C for channels.

A page of notes derives it by elements and leaves "matrix form" blank. covector fills it in.
"""

from __future__ import annotations

import covector as cv

FORWARD = "out[N_i, C_out_j] = bias[C_out_j] + sum[k](weight[C_out_j, k] * input[N_i, k])"


def main() -> None:
    """Print the gradients, then the lines that the page leaves blank."""
    derivation = cv.derive(FORWARD, bias="C_out", weight="C_out C_in", input="N C_in")
    print(derivation.text(less=True), end="\n\n")
    print("The matrix form that the page leaves blank:")
    for name in ("input", "weight"):
        print(f"  ∂L/∂{name} = {derivation[name].matrix}    {derivation[name].shape}")


if __name__ == "__main__":
    main()
