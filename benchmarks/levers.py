"""Each lever alone: how long a piece of work takes with it and without it, one thread, in turn. Prints JSON.

Usage: python -m benchmarks.levers
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.paths import model_folder
from benchmarks.texts import pieces

Work = Callable[[], object]
ROUNDS = 5
LENGTHS = np.linspace(64, 192, 32).astype(int)  # tokens of a batch's texts, 128 on average
WIDTH, HEADS, WORDS = 384, 12, 30522  # of MiniLM-L6
P = 0.1


def backward(values: Tensor) -> None:
    """The backward pass of a sum."""
    values.float().sum().backward()


def dropout_bits() -> tuple[Work, Work]:
    """Dropout and its backward pass on 4096 tokens in bf16."""
    from threephase.encoders.packed.kernels import Draws, dropout

    values = torch.randn(4096, WIDTH, dtype=torch.bfloat16, requires_grad=True)
    draws = Draws()
    return lambda: backward(functional.dropout(values, P)), lambda: backward(dropout(values, P, draws))


def dropout_add_norm() -> tuple[Work, Work]:
    """Dropout, residual and layer norm, forward and backward, on 4096 tokens in bf16."""
    from threephase.encoders.packed import kernels

    values, residual = (torch.randn(4096, WIDTH, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    norm, draws = nn.LayerNorm(WIDTH), kernels.Draws()

    def apart() -> None:
        total = residual + kernels.dropout(values, P, draws)
        backward(torch.native_layer_norm(total, [WIDTH], norm.weight, norm.bias, norm.eps)[0])

    return apart, lambda: backward(kernels.dropout_add_norm(values, residual, norm, P, draws))


def attention() -> tuple[Work, Work]:
    """Attention with dropout, forward and backward, 32 texts of 64 to 192 tokens in bf16: torch's, padded, and ours."""
    from threephase.encoders.packed.batch import PackedBatch
    from threephase.encoders.packed.kernels import Draws
    from threephase.encoders.packed.kernels import attention as packed

    batch = PackedBatch.of([np.zeros(length, dtype=np.int32) for length in LENGTHS])
    rows = torch.randn(int(LENGTHS.sum()), 3 * WIDTH, dtype=torch.bfloat16, requires_grad=True)
    longest = int(LENGTHS.max())
    padded = torch.randn(3, 32, HEADS, longest, WIDTH // HEADS, dtype=torch.bfloat16, requires_grad=True)
    mask = (torch.arange(longest)[None] < torch.from_numpy(LENGTHS)[:, None])[:, None, None, :]
    draws = Draws()

    def theirs() -> None:
        query, key, value = padded
        backward(functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=P))

    return theirs, lambda: backward(packed(rows, batch.groups, HEADS, False, P, draws))


def vocabulary() -> tuple[Work, Work]:
    """Scores over the vocabulary and their loss, forward and backward, for the 4096 tokens of 32 texts in bf16."""
    from threephase.encoders.packed.kernels import token_cross_entropy

    longest, tokens = int(LENGTHS.max()), int(LENGTHS.sum())
    master = torch.randn(WORDS, WIDTH, requires_grad=True)
    bias = torch.zeros(WORDS, requires_grad=True)
    wanted = torch.randint(0, WORDS, (32, longest))
    wanted[torch.arange(longest)[None] >= torch.from_numpy(LENGTHS)[:, None]] = -100
    padded = torch.randn(32, longest, WIDTH, dtype=torch.bfloat16, requires_grad=True)
    rows = torch.randn(tokens, WIDTH, dtype=torch.bfloat16, requires_grad=True)

    def theirs() -> None:
        scores = functional.linear(padded, master.to(torch.bfloat16), bias.to(torch.bfloat16))
        functional.cross_entropy(scores.view(-1, WORDS).float(), wanted.view(-1)).backward()

    def ours() -> None:
        token_cross_entropy(rows, master, master.detach().to(torch.bfloat16), bias, wanted[wanted >= 0]).backward()

    return theirs, ours


def bf16() -> tuple[Work, Work]:
    """A matrix product of 4096 tokens, 384 x 1536: fp32 and bf16."""
    states, weight = torch.randn(4096, WIDTH), torch.randn(4 * WIDTH, WIDTH)
    half_states, half_weight = states.bfloat16(), weight.bfloat16()
    return lambda: functional.linear(states, weight), lambda: functional.linear(half_states, half_weight)


def fused_optimiser() -> tuple[Work, Work]:
    """A step of AdamW over 10.6 million weights: torch's loop over tensors, and fused (stock has it too)."""
    return tuple(_adamw(rows=27_600, fused=fused) for fused in (False, True))  # type: ignore[return-value]


def compact_vocabulary() -> tuple[Work, Work]:
    """A fused step of AdamW over all 30,522 word embeddings, and over the 2,000 that a small dataset has."""
    return _adamw(WORDS, True), _adamw(2000, True)


def _adamw(rows: int, fused: bool) -> Work:
    weight = nn.Parameter(torch.randn(rows, WIDTH))
    weight.grad = torch.randn(rows, WIDTH)
    optimiser = torch.optim.AdamW([weight], fused=fused)
    return optimiser.step


def noise_on_tokens() -> tuple[Work, Work]:
    """Noise on 256 news texts of 128 words: deleting words and tokenising anew, and picking among cached tokens."""
    from threephase.encoders.encoder import load_encoder
    from threephase.encoders.tokens import tokenise
    from threephase.method.noise import delete_words
    from threephase.method.noised_tokens import WordTokens
    from threephase.seeding import generator

    encoder = load_encoder(model_folder())
    texts, _ = pieces(128, 256)
    words = WordTokens(encoder, texts)
    rng = generator(1, "benchmark")
    return (
        lambda: tokenise(encoder, [delete_words(text, 0.6, rng) for text in texts]),
        lambda: [words.noised(row, 0.6, rng) for row in range(len(texts))],
    )


def compiled_graph() -> tuple[Work, Work]:
    """A training step of the libraries' encoder in bf16, 32 texts padded to 128 tokens: as it is, and compiled."""
    from transformers import AutoModel

    ids = torch.randint(1000, 30000, (32, 128))
    works = []
    for compiled in (False, True):
        model = AutoModel.from_pretrained(model_folder()).train()
        call = torch.compile(model) if compiled else model

        def step(model: Any = model, call: Any = call) -> None:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                backward(call(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state)
            model.zero_grad()

        works.append(step)
    return works[0], works[1]


KEPT = "import threephase.jobs.frame; threephase.jobs.frame.keep_freed_memory()\n"
FRESH_MEMORY = """
import time, torch
torch.set_num_threads(1)
values = torch.randn(4096, 1536)
def work():
    for _ in range(20): (values + 1).mul_(2)
work(); started = time.perf_counter(); work(); print(time.perf_counter() - started)
"""


def kept_memory() -> tuple[float, float]:
    """Twenty passes over 6.3 million numbers, each into fresh memory, and into memory that the C library kept."""
    found = [
        [
            float(subprocess.run([sys.executable, "-c", begin + FRESH_MEMORY], capture_output=True, text=True).stdout)
            for _ in range(3)
        ]
        for begin in ("", KEPT)
    ]
    return statistics.median(found[0]), statistics.median(found[1])


def timed(works: tuple[Work, Work]) -> tuple[float, float]:
    """Median seconds of both, in turn, after one try of each."""
    found: list[list[float]] = [[], []]
    for number in range(ROUNDS + 1):
        for place, work in enumerate(works):
            started = time.perf_counter()
            work()
            if number:
                found[place].append(time.perf_counter() - started)
    return statistics.median(found[0]), statistics.median(found[1])


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    for lever in (
        bf16, dropout_bits, dropout_add_norm, attention, vocabulary, fused_optimiser, compact_vocabulary,
        noise_on_tokens, compiled_graph,
    ):  # fmt: skip
        began = time.perf_counter()
        without, with_it = timed(lever())
        rows.append({"lever": lever.__name__, "work": lever.__doc__, "without": without, "with": with_it})
        print(
            lever.__name__, f"{without:.4f} {with_it:.4f}, in all {time.perf_counter() - began:.0f} s", file=sys.stderr
        )
    without, with_it = kept_memory()
    rows.append({"lever": "kept_memory", "work": kept_memory.__doc__, "without": without, "with": with_it})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
