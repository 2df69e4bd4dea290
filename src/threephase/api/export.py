"""A trained model as a folder for other people: what it computes, its card, and an example without this package."""

import shutil
from pathlib import Path

from threephase import data
from threephase.api.card import model_card
from threephase.api.estimator import ESTIMATOR
from threephase.api.exported import CARD, ONNX
from threephase.api.model import Model
from threephase.api.origin import origin_of
from threephase.artifacts.folders import COMPLETE, read_json, refuse_taken, write_json, writing
from threephase.errors import CheckpointError
from threephase.method.classifier import load_classifier

BESIDE = Path(__file__).with_name("example.py"), Path(data.__file__).with_name("cleaning.py")


def export(model: Path, out: Path, onnx: bool = False) -> None:
    """Write a model into a folder of its own, complete or not at all.

    It has the encoder, which plain `SentenceTransformer(out)` loads, the head and its labels in `classifier/`, the
    tokenizer, `settings.json` with the cleaning, `provenance.json`, a model card (`README.md`), `example.py`, which
    needs sentence-transformers and torch alone, and with `onnx` the encoder and the head as one graph in `onnx/`.
    All weights are safetensors. `ThreePhaseClassifier.load(out)` reads it too.

    Args:
        model: folder of a run, `results/checkpoints/…/dae.cl.ft`, or of a saved estimator.
        out: a new folder, or one that was exported before, which is replaced.
        onnx: write the graph too; needs the extra `onnx`.

    Raises CheckpointError for a folder that holds no classifier of phase 3, and where something else is at `out`.
    """
    found = Model(model)
    if "baseline" in found.trained:
        raise CheckpointError(f"{model}: a baseline, which has no encoder and head to export; copy its folder instead")
    if out.resolve() == model.resolve():
        raise CheckpointError(f"{out}: is the model itself; name another folder")
    refuse_taken(out)
    with writing(out) as folder:
        left = shutil.ignore_patterns(COMPLETE, CARD, ONNX)
        shutil.copytree(model, folder, dirs_exist_ok=True, ignore=left, copy_function=shutil.copyfile)
        for path in BESIDE:
            shutil.copyfile(path, folder / path.name)
        origin = origin_of(model)
        if (folder / ESTIMATOR).exists():  # who reads it elsewhere has no use for a place on this machine
            saved = read_json(folder / ESTIMATOR)
            saved["parameters"]["base_model"] = origin.base.hub or origin.base.name
            write_json(folder / ESTIMATOR, saved)
        if onnx:
            from threephase.api.graph import write_graph

            write_graph(load_classifier(model), folder / ONNX)
        card = model_card(found.trained, found.classes, origin, out.resolve().name, onnx)
        (folder / CARD).write_text(card, encoding="utf-8")
