"""Baselines in the grid: trained once, tested and shown beside the variants, made again when they were edited."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from checkouts import Checkout, Planned
from running import write_config

pytestmark = pytest.mark.takes(seconds=80)

BASELINES = {
    "Nearest centroid": {"baseline": "centroid"},
    "TF-IDF + SVM": {"baseline": "tfidf_svm"},
    "TF-IDF + SVM, characters": {"baseline": "tfidf_svm", "tag": "chars", "characters": 3},
    "TF-IDF + logistic regression": {"baseline": "tfidf_logreg"},
    "Frozen + logistic regression": {"baseline": "frozen_logreg"},
}
CENTROID, SVM, CHARACTERS, LOGREG, FROZEN = (
    "baseline-centroid", "baseline-tfidf_svm", "baseline-tfidf_svm-chars", "baseline-tfidf_logreg",
    "baseline-frozen_logreg",
)  # fmt: skip
OF_RUNS: Planned = {
    (rule, "")
    for rule in ("results", "table3", "table4", "table6", "table7", "classes", "verdict", "pictures", "report")
}


def after(*recipes: str) -> Planned:
    return {(rule, f"{recipe} seed0") for recipe in recipes for rule in ("baseline", "evaluate")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Checkout:
    """A grid of plain fine-tuning with baselines, for two base models."""
    checkout = Checkout.fresh(tmp_path_factory.mktemp("project"))
    models = {"tiny": {"path": str(tiny_bert)}, "again": {"path": str(tiny_bert)}}
    grid = [{"seeds": [1, 2], "models": ["tiny"]}, {"seeds": [1], "models": ["again"]}]
    write_config(checkout.folder, source_csv, tiny_bert, models=models, variants={**BASELINES, "FT": ["ft"]}, grid=grid)
    (checkout.folder / "terminal.txt").write_text(checkout.snakemake())
    return checkout


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    shutil.copytree(finished.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__", "locks"))
    return Checkout(tmp_path / "copy")


def test_a_baseline_is_trained_once_for_all_seeds_and_one_of_texts_for_all_base_models(finished: Checkout) -> None:
    folder = finished.folder / "results/checkpoints/topics"
    made = {path.parent.relative_to(folder).as_posix() for path in folder.glob("*/*/*/selection.csv")}
    assert made == {
        *(f"{model}/seed0/{recipe}" for model in ("tiny", "again") for recipe in (CENTROID, FROZEN)),
        *(f"_any/seed0/{recipe}" for recipe in (SVM, CHARACTERS, LOGREG)),
    }
    settings = json.loads((folder / "tiny/seed0" / CENTROID / "settings.json").read_text())
    assert settings["asked"]["max_length"] == 16  # as FT has it
    said = (finished.folder / "terminal.txt").read_text()
    assert "✓ baseline · topics · _any · TF-IDF + SVM · seed 0 · baseline-tfidf_svm · validation accuracy" in said


def test_a_baseline_is_a_column_of_every_table_after_the_others_and_never_bold(finished: Checkout) -> None:
    tables = finished.folder / "results/tables"
    for name in ("table3_accuracy", "table4_ablation"):
        text = (tables / f"{name}.md").read_text()
        (head,) = [line for line in text.splitlines() if line.startswith("| Dataset")]
        columns = [cell.strip() for cell in head.strip("|").split("|")]
        assert columns[2:] == ["FT", *BASELINES]
        rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| topics")]
        assert rows
        assert all("**" in row[2] for row in rows)
        assert not any("**" in cell or "–" in cell for row in rows for cell in row[3:])
        assert all(re.search(r" \(1\)( [▲▼≈·])?$", cell.strip()) for row in rows for cell in row[3:])
        assert "Baselines, none of the paper's methods and never bold: Nearest centroid, TF-IDF + SVM" in text
    results = pd.read_csv(tables / "results.csv")
    baselines = results[results["baseline"]]
    assert set(baselines["variant"]) == set(BASELINES)
    assert (baselines["seed"] == 0).all()
    assert (baselines["seconds"] > 0).all()
    of_texts = baselines[baselines["variant"] == "TF-IDF + SVM"]
    assert of_texts["model"].tolist() == ["tiny", "again"]
    assert of_texts["accuracy"].nunique() == 1
    probes = pd.read_csv(tables / "probes.csv")
    assert set(probes["recipe"].dropna()) == {"ft"}


def test_a_finished_grid_reruns_nothing(checkout: Checkout) -> None:
    assert checkout.planned() == set()


def test_a_baseline_alone_is_a_target(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / "results/checkpoints")
    shutil.rmtree(checkout.folder / "results/evaluations")
    assert checkout.planned("--", "TF-IDF + SVM") == {*after(SVM), ("TF-IDF + SVM", "")}


def test_another_seed_trains_no_baseline_again(checkout: Checkout) -> None:
    checkout.edit("config.yaml", lambda text: text.replace("  - 2\n", "  - 2\n  - 3\n"))
    assert {rule for rule, _ in checkout.planned()} == {"ft", "evaluate", "probe", "probes", "claims"} | {
        rule for rule, _ in OF_RUNS
    }
    assert not any("baseline" in recipe for _, recipe in checkout.planned())


def test_an_edited_baseline_reruns_itself_and_what_reads_it(checkout: Checkout) -> None:
    checkout.edit(
        "src/threephase/baselines/tfidf.py", lambda text: text.replace("sublinear_tf=True", "sublinear_tf=False")
    )
    assert checkout.planned() == {*after(SVM, CHARACTERS, LOGREG), *OF_RUNS}


def test_what_baselines_share_is_no_part_of_testing_the_others(checkout: Checkout) -> None:
    checkout.edit(
        "src/threephase/baselines/linear.py", lambda text: text.replace("ITERATIONS = 1000", "ITERATIONS = 999")
    )
    planned = checkout.planned()
    assert after(SVM, CHARACTERS, LOGREG, CENTROID, FROZEN) < planned
    assert not {("ft", "ft"), ("evaluate", "ft")} & planned


def test_an_edited_setting_of_a_baseline_reruns_that_baseline(checkout: Checkout) -> None:
    checkout.edit("config.yaml", lambda text: text.replace("characters: 3", "characters: 4"))
    assert checkout.planned() == {*after(CHARACTERS), *OF_RUNS}


def test_a_new_default_of_one_baseline_reruns_no_other(checkout: Checkout) -> None:
    checkout.edit("src/threephase/settings/frozen.py", lambda text: text.replace("0.001, ", ""))
    planned = checkout.planned()
    assert {job for job in planned if job[0] == "baseline"} == {("baseline", f"{FROZEN} seed0")}
    assert ("ft", "ft") not in planned


def test_a_stale_baseline_is_in_no_table(checkout: Checkout) -> None:
    settings = checkout.folder / "results/checkpoints/topics/_any/seed0" / CHARACTERS / "settings.json"
    settings.write_text(settings.read_text().replace('"words": 2', '"words": 1'))
    shutil.rmtree(checkout.folder / ".snakemake")
    shutil.rmtree(checkout.folder / "results/tables")
    said = checkout.snakemake("--allowed-rules", "results", "--", "results", check=False)
    assert f"{CHARACTERS}/settings.json: altered since it was written" in said


SETTINGS = '''"""Settings of a toy baseline."""

from threephase.settings.baseline import BaselineSettings


class ToySettings(BaselineSettings):
    """Baseline `toy`: the largest class for every text."""
'''
TOY = '''"""A toy baseline: the largest class for every text."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from threephase.artifacts.folders import read_json, write_json
from threephase.baselines.baseline import Baseline, Fitted, Given
from threephase.settings.toy import ToySettings


@dataclass(frozen=True)
class Shares:
    shares: list[float]

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.tile(self.shares, (len(texts), 1))

    def save(self, folder: Path) -> None:
        write_json(folder / "shares.json", self.shares)


def load(folder: Path) -> Shares:
    return Shares(read_json(folder / "shares.json"))


def fit(given: Given, settings: ToySettings) -> Fitted:
    shares = np.bincount(given.train.classes, minlength=given.classes) / len(given.train.classes)
    right = float((given.validation.classes == shares.argmax()).mean())
    tried = pd.DataFrame([{"validation_accuracy": right, "validation_loss": 0.0, "chosen": True}])
    return Fitted(Shares(shares.tolist()), tried)


TOY = Baseline("toy", ToySettings, fit, load)
'''


def test_a_baseline_of_ones_own_stands_in_the_tables(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    """What CONTRIBUTING.md says."""
    checkout = Checkout.fresh(tmp_path / "project")
    package = checkout.folder / "src/threephase"
    (package / "settings/toy.py").write_text(SETTINGS)
    (package / "baselines/toy.py").write_text(TOY)
    checkout.edit(
        "src/threephase/settings/baselines.py",
        lambda text: text.replace('    "setfit"', '    "toy": ToySettings,\n    "setfit"').replace(
            "\n\n# A baseline", "\nfrom threephase.settings.toy import ToySettings\n\n# A baseline"
        ),
    )
    variants = {"FT": ["ft"], "Largest class": {"baseline": "toy"}}
    write_config(checkout.folder, source_csv, tiny_bert, variants=variants, grid=[{"seeds": [1]}])
    checkout.snakemake("--", "table3")
    table = pd.read_csv(checkout.folder / "results/tables/table3_accuracy.csv")
    metrics = json.loads(
        (checkout.folder / "results/evaluations/topics/_any/seed0/baseline-toy/metrics.json").read_text()
    )
    assert table["variant"].tolist() == ["FT", "Largest class"]
    assert table["mean"].iloc[1] == pytest.approx(100 * metrics["largest_class_share"], abs=1e-3)
