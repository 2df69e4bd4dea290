"""The model card: what a model is, how sure its scores are, how to load it, and where it ends."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from huggingface_hub import EvalResult, ModelCardData
from scipy.stats import binomtest
from tabulate import tabulate

from threephase.api.origin import PREDICTIONS, Origin
from threephase.artifacts.inert import in_markdown
from threephase.evaluation.statistics.bootstrap import Scoring, drawn_scores, rarest_third

LEVEL = 0.95
SCORES = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1"}
ONNX_EXAMPLE = """
With ONNX Runtime and the tokenizer alone (`pip install onnxruntime tokenizers`), here for texts that hold no tags:

```python
import numpy as np, onnxruntime, tokenizers

tokenizer = tokenizers.Tokenizer.from_file("onnx/tokenizer.json")
session = onnxruntime.InferenceSession("onnx/model.onnx")
batch = tokenizer.encode_batch(["Your text"])
given = {
    "input_ids": np.array([text.ids for text in batch]),
    "attention_mask": np.array([text.attention_mask for text in batch]),
}
probabilities, vectors, calibrated = session.run(None, given)
```

`calibrated` are the probabilities scaled by the temperature of `classifier/config.json`. The graph takes any number of
texts of any length that the encoder takes; the tokenizer cuts and pads them.
"""


def model_card(trained: dict[str, Any], labels: list[str], origin: Origin, name: str, onnx: bool) -> str:
    """The card as Markdown, with the block of metadata that a hub reads.

    Args:
        trained: what the model's `settings.json` says.
        labels: its classes.
        origin: where it comes from.
        name: what to call it.
        onnx: whether the graph lies beside it.
    """
    parts = [
        f"---\n{_metadata(origin, name).to_yaml()}\n---",
        f"# {in_markdown(name)}",
        _what_it_is(labels, origin),
        "## Use it",
        _use(onnx),
        "## Scores",
        *_scores(origin),
        "## How it was trained",
        *_training(trained, origin),
        "## Licence",
        _licence(origin),
        "## Limits",
        _limits(trained, origin),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _metadata(origin: Origin, name: str) -> ModelCardData:
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=origin.dataset,
            dataset_name=origin.dataset,
            dataset_split="test",
            metric_type=score,
            metric_value=round(origin.metrics[score], 4),
        )
        for score in SCORES
        if origin.metrics and origin.dataset
    ]
    return ModelCardData(
        base_model=origin.base.hub,
        eval_results=results or None,
        library_name="sentence-transformers",
        license=origin.base.licence,
        model_name=name if results else None,
        pipeline_tag="text-classification",
        tags=["sentence-transformers", "text-classification", "threephase"],
    )


def _what_it_is(labels: list[str], origin: Origin) -> str:
    started = f"the encoder {in_markdown(origin.base.name)}" if origin.base.name else "a pretrained encoder"
    data = f" on {in_markdown(origin.dataset)}" if origin.dataset else ""
    phases = f" in the phases {' → '.join(origin.recipe.split('.'))}" if origin.recipe else ""
    return (
        f"A text classifier: {started}, fine-tuned{data}{phases}, and a head of two layers. It tells {len(labels)} "
        f"classes: {', '.join(map(in_markdown, labels))}.\n\n"
        "The phases are those of López-Ávila and Suárez-Paniagua, Combining Denoising Autoencoders with Contrastive "
        "Learning to fine-tune Transformer Models (EMNLP 2023): a denoising autoencoder (dae), contrastive learning "
        "with balanced classes (cl), or both at once (joint), and the classifier (ft)."
    )


def _use(onnx: bool) -> str:
    return f"""\
With sentence-transformers and torch alone, in this folder:

```
python example.py "Your text"
```

With threephase:

```python
from threephase import ThreePhaseClassifier

model = ThreePhaseClassifier.load(".")
model.predict(["Your text"])
model.predict_proba(["Your text"])
model.predict_proba(["Your text"], calibrated=True)  # scaled by the temperature that validation rows gave
```

Its vectors alone: `SentenceTransformer(".").encode(["Your text"])`. Before training, texts went through `clean` of
`cleaning.py`; both ways above do the same, and whoever reads vectors directly should too.
{ONNX_EXAMPLE if onnx else ""}"""


def _scores(origin: Origin) -> Iterator[str]:
    if origin.metrics is None or origin.evaluation is None:
        yield "None lay beside the model that was exported: measure it on texts of yours before you rely on it."
        return
    metrics = origin.metrics
    intervals = _intervals(metrics, pd.read_parquet(origin.evaluation / PREDICTIONS))
    yield (
        f"On {metrics['n']:,} test rows, with {LEVEL:.0%} intervals over the test rows. They do not hold what another "
        "seed would change. Precision, recall and F1 are "
        f"{_averaged(metrics['averaging'])}. The largest class has {metrics['largest_class_share']:.1%} of the rows."
    )
    rows = [(title, _percent(metrics[score]), _span(intervals.get(score))) for score, title in SCORES.items()]
    yield tabulate(rows, headers=["score", "%", "interval"], tablefmt="github", disable_numparse=True)
    found = [
        (in_markdown(label), *(_percent(scores[score]) for score in ("precision", "recall", "f1")), f"{scores['n']:,}")
        for label, scores in metrics["per_class"].items()
    ]
    headers = ["class", "precision", "recall", "F1", "test rows"]
    yield tabulate(found, headers=headers, tablefmt="github", disable_numparse=True)


def _averaged(averaging: str) -> str:
    return "means over the classes" if averaging == "macro" else "those of the positive class"


def _intervals(metrics: dict[str, Any], predictions: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Of the accuracy by Wilson; of the other scores by drawing the test rows anew within their classes.

    A score that is the same in every draw, as where a model gives one class to all, has none.
    """
    names = metrics["confusion_matrix"]["labels"]
    truth, predicted = (predictions[column].map(names.index).to_numpy() for column in ("label", "predicted"))
    right = binomtest(int((truth == predicted).sum()), len(truth)).proportion_ci(LEVEL, method="wilson")
    there = np.bincount(truth, minlength=len(names))
    named = metrics.get("settings", {}).get("positive") if metrics["averaging"] == "binary" else None
    averaged = (names.index(named),) if named else tuple(map(int, np.flatnonzero(there)))
    drawn = drawn_scores(Scoring(len(names), averaged, rarest_third(there)), truth, predicted[None])
    tail = (1 - LEVEL) / 2
    ends = {score: np.quantile(drawn[score][0], [tail, 1 - tail]) for score in ("precision", "recall", "f1")}
    told = {score: (low, high) for score, (low, high) in ends.items() if low < high}
    return {"accuracy": (right.low, right.high)} | told


def _training(trained: dict[str, Any], origin: Origin) -> Iterator[str]:
    settings, report = trained["settings"], trained["report"]
    rows = [
        ("dataset", in_markdown(origin.dataset) if origin.dataset else "not known here"),
        ("rows", ", ".join(f"{split} {count:,}" for split, count in (origin.counts or {}).items()) or "see below"),
        ("labelled rows that phase 3 was trained on", f"{report['texts']:,}"),
        ("rows that selected its epoch", f"{report['validation_texts']:,} ({settings['stopping_split']})"),
        ("selected by", settings["criterion"].replace("_", " ")),
        ("cleaning", trained["cleaning"]),
        ("tokens of a text at the most", f"{settings['max_length']:,}"),
        ("learning rate, batch", f"{settings['lr']:g}, {settings['batch_size']}"),
        ("seed", str(trained["seed"])),
    ]
    yield tabulate(rows, headers=["", "of phase 3"], tablefmt="github", disable_numparse=True)
    yield "Every setting stands in `settings.json`; versions, machine, time and hashes in `provenance.json`."


def _licence(origin: Origin) -> str:
    if origin.base.licence:
        return (
            f"The base model's card names `{in_markdown(origin.base.licence)}`. Its terms, and those of the texts, "
            "hold for what was fine-tuned from it."
        )
    where = f" on the page of `{origin.base.hub}`" if origin.base.hub else ""
    return f"The base model's licence is not known here: look it up{where} before you pass this model on."


def _limits(trained: dict[str, Any], origin: Origin) -> str:
    limits = [
        f"It reads the first {trained['settings']['max_length']:,} tokens of a text and no more.",
        "It knows its classes and no other: a text of none of them gets one all the same.",
        "It learnt from texts of one source and language. Elsewhere its scores say little.",
        "A probability is what the softmax gives, and may be surer than the model is right.",
    ]
    calibration = (origin.metrics or {}).get("calibration", {})
    if "error" in calibration:
        limits[-1] += f" On the test rows the expected calibration error is {_percent(calibration['error'])} points."
    if "error_scaled" in calibration:
        limits[-1] += f" Scaled by the temperature it is {_percent(calibration['error_scaled'])}."
    if origin.saw_test:
        limits.append("LEAK: the test rows had a part in this training, so the scores say nothing of new texts.")
    if origin.metrics:
        limits.append("The scores are of one training. Another seed may differ by as much as another method does.")
    return "\n".join(f"- {limit}" for limit in limits)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _span(interval: tuple[float, float] | None) -> str:
    return f"[{_percent(interval[0])}, {_percent(interval[1])}]" if interval else ""
