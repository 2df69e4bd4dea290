"""A classifier of threephase without threephase: sentence-transformers and torch are all that it needs.

python example.py "a text" "another text"
"""

import json
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

FOLDER = Path(__file__).parent
clean = run_path(str(FOLDER / "cleaning.py"))["clean"]  # an import would leave its bytecode in this folder


class TextClassifier:
    """The encoder and the head of this folder.

    The head is dropout, Linear(d, hidden), activation, dropout, Linear(hidden, K). Dropout does nothing here, and the
    two layers are called 1 and 4 after their places.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        self.shape: dict[str, Any] = json.loads((folder / "classifier/config.json").read_text(encoding="utf-8"))
        self.labels: list[str] = self.shape["label_names"]
        self.cleaning: str = settings["cleaning"]
        self.encoder = SentenceTransformer(str(folder), model_kwargs={"dtype": torch.float32})
        self.head = load_file(folder / "classifier/model.safetensors", device=str(self.encoder.device))

    @torch.inference_mode()
    def probabilities(self, texts: list[str], calibrated: bool = False) -> torch.Tensor:
        """Probabilities (n, K) of the classes, in the order of `labels`.

        `calibrated` divides the scores by the temperature that validation rows gave: nearer to the share that is right.
        """
        cleaned = [clean(text, self.cleaning) for text in texts]
        vectors = self.encoder.encode(cleaned, convert_to_tensor=True, show_progress_bar=False)
        hidden = torch.nn.functional.linear(vectors, self.head["1.weight"], self.head["1.bias"])
        if self.shape["activation"] == "relu":
            hidden = hidden.relu()
        scores = torch.nn.functional.linear(hidden, self.head["4.weight"], self.head["4.bias"])
        return (scores / self.shape["temperature"] if calibrated else scores).softmax(dim=1)


if __name__ == "__main__":
    classifier = TextClassifier()
    given = sys.argv[1:] or ["Write your own texts behind the name of this file."]
    for text, found in zip(given, classifier.probabilities(given), strict=True):
        print(f"{classifier.labels[int(found.argmax())]}\t{float(found.max()):.3f}\t{text}")
