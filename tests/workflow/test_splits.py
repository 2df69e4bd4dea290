"""Repeated splits through the real Snakemake: a tiny grid, its tables, and what one more repeat runs."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from running import snakemake, write_config

GRID = {
    "variants": {"DAE+FT": ["dae", "ft"], "FT": ["ft"], "Centroid": {"baseline": "centroid"}},
    "grid": [{"seeds": [1]}],
    "tables": {"effects": {"dae": {"title": "Phase 1", "against": {"FT": ["DAE+FT"]}}}},
}


def topics(source: Path, **splits: int) -> dict[str, object]:
    return {"topics": {"title": "Topics", "source": {"train": str(source)}, "splits": splits, "validation_size": 0.25}}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("splits")
    write_config(folder, source_csv, tiny_bert, datasets=topics(source_csv, folds=2), **GRID)
    snakemake(folder)
    return folder


def test_every_split_has_its_rows_and_its_runs(grid: Path, source_csv: Path) -> None:
    assert sorted(path.name for path in (grid / "results/data").iterdir()) == ["topics@r1f1", "topics@r1f2"]
    tested = [pd.read_parquet(grid / f"results/data/topics@r1f{fold}/test.parquet") for fold in (1, 2)]
    assert sorted(pd.concat(tested)["text"]) == sorted(pd.read_csv(source_csv)["text"])
    results = pd.read_csv(grid / "results/tables/results.csv")
    assert set(results["dataset"]) == {"topics"}
    assert sorted(results[["variant", "split", "seed"]].itertuples(index=False, name=None)) == [
        ("Centroid", "r1f1", 0), ("Centroid", "r1f2", 0), ("DAE+FT", "r1f1", 1), ("DAE+FT", "r1f2", 1),
        ("FT", "r1f1", 1), ("FT", "r1f2", 1),
    ]  # fmt: skip


def test_tables_show_the_dataset_once_over_its_splits(grid: Path) -> None:
    tables = grid / "results/tables"
    results = pd.read_csv(tables / "results.csv")
    cells = pd.read_csv(tables / "table3_accuracy.csv").set_index("variant")
    accuracies = results[results["variant"] == "FT"]["accuracy"]
    assert cells.loc["FT", "mean"] == pytest.approx(100 * accuracies.mean(), rel=1e-4)
    assert cells.loc["FT", "n"] == 2
    shown = (tables / "table3_accuracy.md").read_text()
    assert "Repeated splits: Topics (2 folds × 1 repeat × 1 seed)." in shown
    assert len([line for line in shown.splitlines() if line.startswith("| Topics")]) == 1
    (effect,) = pd.read_csv(tables / "effects_dae.csv").to_dict("records")
    by_split = results.pivot(index="split", columns="variant", values="accuracy")
    assert effect["difference"] == pytest.approx(100 * (by_split["DAE+FT"] - by_split["FT"]).mean(), abs=1e-3)
    table1 = (tables / "table1_splits.md").read_text()
    assert len([line for line in table1.splitlines() if line.startswith("| Topics")]) == 1
    assert re.search(r"\*\*Topics\*\*: repeated splits: each of 2 folds of \d+ labelled rows", table1)
    probes = pd.read_csv(tables / "probes.csv")
    assert set(zip(probes["dataset"], probes["n"], strict=True)) == {("topics", 2)}
    assert "@" not in (tables / "table5_hyperparameters.md").read_text()
    assert [path.name for path in (grid / "results/audits").glob("*.json")] == ["topics.json"]


def test_claims_verdict_and_worst_classes_tell_the_dataset_once(grid: Path) -> None:
    tables = grid / "results/tables"
    claims = pd.read_csv(tables / "claims.csv")
    assert set(claims["dataset"]) == {"topics"}
    assert not claims[["number", "dataset", "model"]].duplicated().any()
    vectors = claims[claims["first"].eq("dae") & claims["second"].eq("base model")]
    assert vectors["n"].tolist() == [2, 2, 2]  # by kNN, centroid and logistic regression
    assert "split" not in " ".join(vectors["why_not"].dropna())
    verdict = (tables / "verdict.md").read_text()
    assert verdict.count("**Topics, ") == verdict.count("- Topics: ") == 1
    assert re.search(r"`results/checkpoints/topics@r1f[12]/", verdict)
    assert "Repeated splits: Topics (2 folds × 1 repeat × 1 seed)." in verdict
    classes = pd.read_csv(tables / "worst_classes.csv")
    assert set(classes["dataset"]) == {"topics"}
    assert not classes["class"].duplicated().any()
    assert "Means over repeated splits, of rows too: Topics (2 splits)." in (tables / "worst_classes.md").read_text()


def test_one_more_repeat_runs_its_own_jobs_alone(grid: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = (grid / "config.yaml").read_text()
    write_config(grid, source_csv, tiny_bert, datasets=topics(source_csv, folds=2, repeats=2), **GRID)
    done = snakemake(grid, "--dry-run")
    (grid / "config.yaml").write_text(before)
    said = done.stdout + done.stderr
    jobs = re.findall(r"^Job \d+: (.*)$", said, re.MULTILINE)
    splits = {name for job in jobs for name in re.findall(r"topics@\w+", job)}
    assert splits == {"topics@r2f1", "topics@r2f2"}
    others = {job.split(" · ")[0] for job in jobs if "topics" not in job}
    assert others == {
        "results", "table 1", "table 2", "table 3", "table 4", "table 6", "table 7", "effects", "probes",
        "classes", "claims", "verdict", "report",
    }  # fmt: skip


def test_a_training_of_a_split_opens_its_own_rows_alone(grid: Path) -> None:
    for fold in (1, 2):
        made = json.loads((grid / f"results/data/topics@r1f{fold}/dataset.json").read_text())
        assert made["split"] == {"repeat": 1, "fold": fold}
        assert made["settings"]["splits"] == {"folds": 2}
