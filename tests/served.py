"""What a server makes of an exported graph: ONNX Runtime and the tokenizer alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np


def served(folder: Path) -> Callable[[list[str]], list[np.ndarray]]:
    """Answers for texts by what `write_graph` wrote into a folder: the graph's outputs in their order."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))

    def answer(texts: list[str]) -> list[np.ndarray]:
        encoded = tokenizer.encode_batch(texts)
        given = {
            "input_ids": np.array([text.ids for text in encoded]),
            "attention_mask": np.array([text.attention_mask for text in encoded]),
        }
        return session.run(None, given)

    return answer
