"""A character-level transformer that learns to write like a text file: `python examples/transformer.py FILE`.

Blocks of attention and of a small network, each behind a layer norm and added to what it is given; tokens are the
characters of the text. At the end it writes some text of its own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import covector as cv
from covector import nn

CONTEXT, WIDTH, HEADS, BLOCKS, BATCH = 64, 64, 4, 2, 16


class Block(nn.Module):
    """Attention to what came before, then a network for each character by itself."""

    def __init__(self) -> None:
        self.before_attention = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.before_network = nn.LayerNorm(WIDTH)
        self.network = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: cv.Tensor, mask: cv.Tensor) -> cv.Tensor:
        """(batch, length, width) → the same."""
        normed = self.before_attention(x)
        x = x + self.attention(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
        return x + self.network(self.before_network(x))


class Writer(nn.Module):
    """Characters → scores of the character that follows each."""

    def __init__(self, characters: int) -> None:
        self.characters = nn.Embedding(characters, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters)

    def forward(self, tokens: cv.Tensor) -> cv.Tensor:
        """(batch, length) int64 → (batch, length, characters)."""
        length = tokens.shape[1]
        mask = cv.triu(cv.ones(length, length), 1) > 0
        x = self.characters(tokens) + self.places(cv.arange(length))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


def main() -> None:
    """Train on the file, then write."""
    parser = argparse.ArgumentParser(description="A transformer that learns to write like a text file.")
    parser.add_argument("file", type=Path, help="a text of some thousand characters or more")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--write", type=int, default=300, help="how many characters to write at the end")
    options = parser.parse_args()

    text = options.file.read_text(encoding="utf-8")
    if len(text) <= CONTEXT + 1:
        parser.error(f"{options.file} has {len(text)} characters, and {CONTEXT + 2} are the least")
    alphabet = sorted(set(text))
    tokens = np.array([alphabet.index(character) for character in text])
    print(f"{len(text)} characters, {len(alphabet)} different ones")

    cv.random.manual_seed(0)
    model = Writer(len(alphabet))
    train(model, tokens, options.steps)
    print(f"\n{write(model, tokens[:CONTEXT], options.write, alphabet)}")


def train(model: Writer, tokens: np.ndarray, steps: int) -> None:
    """Steps on pieces of the text from random places; prints the loss, in nats for a character."""
    generator = np.random.default_rng(0)
    optimizer = cv.optim.AdamW(model.parameters(), lr=2e-3)

    @cv.jit
    def step(inputs: cv.Tensor, targets: cv.Tensor) -> cv.Tensor:
        optimizer.zero_grad()
        scores = model(inputs)
        loss = nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    started, losses = time.perf_counter(), []
    for number in range(1, steps + 1):
        starts = generator.integers(0, len(tokens) - CONTEXT, size=BATCH)
        pieces = tokens[starts[:, None] + np.arange(CONTEXT + 1)]
        losses.append(step(cv.tensor(pieces[:, :-1]), cv.tensor(pieces[:, 1:])).item())
        if number == 1 or number % 100 == 0 or number == steps:
            mean = sum(losses[-100:]) / len(losses[-100:])
            print(f"step {number:4}  loss {mean:.3f}  {time.perf_counter() - started:.1f} s")


def write(model: Writer, start: np.ndarray, count: int, alphabet: list[str]) -> str:
    """Characters drawn one after another, each from the scores that those before it give."""
    generator, tokens = np.random.default_rng(1), list(start)
    with cv.no_grad():
        for _ in range(count):
            scores = model(cv.tensor(np.array([tokens[-CONTEXT:]])))[0, -1]
            chances = cv.softmax(scores / 0.8, axis=0).numpy().astype(np.float64)
            tokens.append(int(generator.choice(len(alphabet), p=chances / chances.sum())))
    return "".join(alphabet[token] for token in tokens[len(start) :])


if __name__ == "__main__":
    main()
