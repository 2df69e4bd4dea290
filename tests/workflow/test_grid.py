"""A tiny grid through the real Snakemake: what it makes, what it shares, what it says, what a failure costs."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from running import PROJECT, QUICK, in_a_terminal, plan, snakemake, write_config

from threephase.artifacts import layout
from threephase.artifacts.folders import read_json, sha256, write_json
from threephase.commands.sitting import Sittings
from threephase.errors import CheckpointError, UserError
from threephase.experiment.asked import Asked
from threephase.experiment.reading import load, merged
from threephase.jobs.digest import code_of
from threephase.reproduction.again import compare, drawn
from threephase.reproduction.document import differences, write_document
from threephase.reproduction.packing import pack, refuse_others, unpack
from threephase.reproduction.sittings import sittings
from threephase.reproduction.tables import write_tables
from threephase.tables.legend import LEGEND

pytestmark = pytest.mark.takes(seconds=140)

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")  # how a program moves a terminal's cursor and colours what follows


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    """A finished grid, and what its terminal showed."""
    folder = tmp_path_factory.mktemp("grid")
    write_config(folder, source_csv, tiny_bert)
    done = snakemake(folder)
    (folder / "terminal.txt").write_text(done.stderr + done.stdout)
    return folder


def test_shared_prefixes_are_trained_once(grid: Path) -> None:
    seed1 = {path.name for path in (grid / "results/checkpoints/topics/tiny/seed1").iterdir()}
    assert seed1 == {"dae", "dae.cl", "dae.cl.ft", "dae.ft", "dae.cl-noimb", "dae.cl-noimb.ft", "ft"}
    assert {path.name for path in (grid / "results/checkpoints/topics/tiny/seed2").iterdir()} == {"ft"}


def test_every_run_is_a_row_and_the_tables_are_there(grid: Path) -> None:
    results = pd.read_csv(grid / "results/tables/results.csv")
    assert [tuple(row) for row in results[["variant", "seed"]].itertuples(index=False)] == [
        ("3-Phase", 1), ("DAE+FT", 1), ("No Imb.", 1), ("FT", 1), ("FT", 2)
    ]  # fmt: skip
    metrics = json.loads((grid / "results/evaluations/topics/tiny/seed2/ft/metrics.json").read_text())
    assert results["accuracy"].iloc[-1] == metrics["accuracy"]
    for table in (
        "table1_splits",
        "table2_lengths",
        "table3_accuracy",
        "table4_ablation",
        "table5_hyperparameters",
        "table6_precision_recall",
        "table7_f1",
        "worst_classes",
        "probes",
        "claims",
    ):
        for ending in ("csv", "md", "tex"):
            assert (grid / f"results/tables/{table}.{ending}").stat().st_size > 100
    assert not list(grid.glob("results/tables/audit_published*"))  # no dataset of the paper


def test_claims_are_judged_by_what_there_is_and_the_rest_has_its_reason(grid: Path) -> None:
    claims = pd.read_csv(grid / "results/tables/claims.csv")
    of_ft = claims[(claims["first"] == "3-Phase") & (claims["second"] == "FT")].iloc[0]
    assert (of_ft["n"], of_ft["why_not"]) == (1, "one seed, which says nothing of others")
    no_imbalance = claims[(claims["worse"] == "No Imb.") & (claims["score"] == "f1")].iloc[0]
    assert no_imbalance["second"] == "No Imb." or no_imbalance["outcome"] == "="
    assert "not among the runs: Joint" in set(claims["why_not"])
    vectors = claims[claims["score"] == "knn"]
    assert {("dae", "base model"), ("dae.cl", "dae"), ("dae.cl.ft", "dae.cl"), ("dae.cl", "dae.cl-noimb")} == set(
        zip(vectors["first"], vectors["second"], strict=True)
    )
    assert (grid / "results/tables/table4_ablation.png").read_bytes().startswith(b"\x89PNG")


def test_the_terminal_names_each_job_and_is_free_of_library_noise(grid: Path) -> None:
    shown = (grid / "terminal.txt").read_text()
    assert "✓ dae  · topics · tiny · 3-Phase and 2 more · seed 1 · dae · best validation loss" in shown
    assert "✓ cl   · topics · tiny · No Imb. · seed 1 · dae.cl-noimb · best validation loss" in shown
    assert re.search(r"✓ probe · .* · dae · gain -?\d\.\d\d nats a token, kNN \d+\.\d, centroid .*, logistic ", shown)
    assert "warn" not in shown.lower()
    assert "**topics, tiny**: 3-Phase " in shown[shown.index("# What came out") :]
    logs = [path.read_text() for path in (grid / "results/logs").rglob("*.log")]
    assert len(logs) == 2 + 1 + 8 + 9 + 5 + 4 + 13 + 1  # data and model … evaluations, embeddings, tables, pictures
    assert not [line for log in logs for line in log.splitlines() if "warning" in line.lower()]


def test_snakemakes_own_report_shows_the_page_tables_and_figures_without_a_network(
    grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("http", "https", "all"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")  # nobody answers there
    snakemake(grid, "--report", str(grid / "own.zip"))
    with ZipFile(grid / "own.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
        shown = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith("report.html"))
    assert {"report.html", "table3_accuracy.csv", "table4_ablation.svg"} <= names
    assert "The page" in shown
    assert "paired over seeds and test rows" in shown  # a caption


def test_nothing_runs_again_when_nothing_changed_even_when_touched(grid: Path) -> None:
    for path in [*(PROJECT / "src").rglob("*.py"), *(PROJECT / "workflow/scripts").glob("*.py")]:
        path.touch()
    assert "Nothing to be done" in plan(grid)


def test_an_edited_setting_reruns_its_phase_and_what_follows(grid: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = (grid / "config.yaml").read_text()
    changed = QUICK | {"cl": {"pairs_per_text": 2}}
    write_config(grid, source_csv, tiny_bert, hyperparameters={"default": changed})
    planned = plan(grid)
    (grid / "config.yaml").write_text(before)
    assert "\ncl " in planned
    assert "\ndae " not in planned
    assert "\ndataset " not in planned


def test_titles_retrain_nothing_and_averaging_only_scores_again(grid: Path, source_csv: Path, tiny_bert: Path) -> None:
    before = (grid / "config.yaml").read_text()
    source = {"source": {"train": str(source_csv)}, "test_size": 0.2, "validation_size": 0.25}
    planned = {}
    for change in ({"title": "Topics"}, {"averaging": "binary", "positive": "music"}):
        write_config(grid, source_csv, tiny_bert, datasets={"topics": source | change})
        text = plan(grid)
        planned[next(iter(change))] = {
            rule
            for rule in ("dataset", "audit", "dae", "cl", "ft", "evaluate", "results", "table1", "table3", "table7")
            if f"\n{rule}  " in text
        }
    (grid / "config.yaml").write_text(before)
    assert planned == {
        "title": {"results", "table1", "table3", "table7"},
        "averaging": {"evaluate", "results", "table3", "table7"},
    }


def test_a_config_with_a_name_shares_runs_and_leaves_the_tables_of_another_alone(
    grid: Path, source_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    for name in ("results", ".snakemake"):
        shutil.copytree(grid / name, tmp_path / name)
    before = {path: path.read_bytes() for path in (tmp_path / "results/tables").iterdir() if path.is_file()}
    write_config(tmp_path, source_csv, tiny_bert, name="mine", grid=[{"variants": ["3-Phase", "FT"], "seeds": [1]}])
    done = snakemake(tmp_path)
    assert not [line for line in done.stderr.splitlines() if re.match(r"✓ (dae|cl|ft|test|probe|data) ", line)]
    assert {path: path.read_bytes() for path in (tmp_path / "results/tables").iterdir() if path.is_file()} == before
    assert len(pd.read_csv(tmp_path / "results/tables/mine/results.csv")) == 2
    assert "**topics, tiny**: 3-Phase " in (tmp_path / "results/tables/mine/verdict.md").read_text()


@pytest.fixture
def copied(grid: Path, tmp_path: Path) -> Path:
    """The finished grid in a folder of its own, where something may be taken away."""
    shutil.copytree(grid, tmp_path / "grid")
    return tmp_path / "grid"


def test_the_picture_shows_a_training_within_80_columns_and_none_of_snakemakes_own_lines(copied: Path) -> None:
    shutil.rmtree(copied / "results/checkpoints/topics/tiny/seed2/ft")
    shown = in_a_terminal(
        copied, "--logger", "threephase", "--", "results/checkpoints/topics/tiny/seed2/ft/complete.json"
    )
    lines = [CONTROL.sub("", line) for line in re.split(r"[\r\n]+", shown)]
    lines = [line for line in lines if not line.startswith("Using workflow specific profile")]  # before any logger
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  ft · topics · seed 2 · tiny") for line in lines), shown  # while it ran
    assert any(line.startswith("✓ ft   · topics · tiny · FT · seed 2") for line in lines), shown
    assert not [line for line in lines if line.startswith(("Select jobs", "Finished jobid", "Job stats", "rule "))]


def test_programs_get_an_event_for_whatever_begins_and_ends(copied: Path) -> None:
    (copied / "results/tables/table7_f1.csv").unlink()
    done = snakemake(copied, "--logger", "threephase", "--logger-threephase-json", "--", "table7")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = [event["event"] for event in events if event["event"] != "said"]
    assert told == ["begins", "job begins", "job ends", "ends"]
    assert events[0]["jobs"]["table7"] == 1
    (end,) = [event for event in events if event["event"] == "ends"]
    assert (end["done"], end["failed"]) == (1, 0)


def test_a_failed_job_leaves_no_half_checkpoint_and_costs_no_other_run(
    grid: Path, source_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    shutil.copytree(grid / "results", tmp_path / "results")
    shutil.copytree(grid / ".snakemake", tmp_path / ".snakemake")
    write_config(
        tmp_path, source_csv, tiny_bert,
        variants={
            "FT": ["ft"],
            "CL+FT": [{"cl": {"tag": "broken", "validation_pairs_per_text": 1, "noise_min_words": 1}}, "ft"],
            "DAE+FT": [{"dae": {"tag": "short", "epochs": 2}}, "ft"],
        },
        grid=[{"seeds": [1]}],
    )  # fmt: skip
    base = tmp_path / "results/models/tiny"
    finished = (tmp_path / "results/checkpoints/topics/tiny/seed1/ft/complete.json").read_bytes()
    weights = base / "model.safetensors"
    dates = weights.stat()
    with weights.open("r+b") as file:
        file.seek(2000)
        file.write(b"\xff\x00\xff")
    os.utime(weights, ns=(dates.st_atime_ns, dates.st_mtime_ns))  # otherwise it is found before any job
    done = snakemake(tmp_path, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode != 0
    assert "model.safetensors: altered since it was written; run the same command again" in shown
    assert "Traceback" not in shown
    seed1 = tmp_path / "results/checkpoints/topics/tiny/seed1"
    assert not (seed1 / "cl-broken/complete.json").exists()
    assert not (seed1 / "dae-short/complete.json").exists()
    assert not list(seed1.glob(".*.partial"))
    assert (seed1 / "ft/complete.json").read_bytes() == finished
    snakemake(tmp_path, "--", "results/checkpoints/topics/tiny/seed1/dae-short.ft/complete.json")
    assert (seed1 / "dae-short.ft/complete.json").exists()


def test_a_faulty_config_is_one_line_before_any_job(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert, hyperparameters={"default": {"cl": {"learning_rate": 1}}})
    done = snakemake(tmp_path, check=False)
    assert done.returncode != 0
    assert "config: hyperparameters.default.cl: unknown key 'learning_rate'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_planning_never_loads_torch(tmp_path: Path, grid: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'transformers', 'sklearn', 'optuna'):\n"  # SLURM's plugin loads pandas
        "            raise ImportError(f'{name} was loaded while planning')\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--dry-run"]
    done = subprocess.run(
        [*command, "--directory", str(grid), "--configfile", str(grid / "config.yaml"), "--forceall"],
        capture_output=True, text=True, env=environment, cwd=PROJECT, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert subprocess.run([sys.executable, "-c", "import torch"], env=environment, capture_output=True).returncode


def test_a_phase_may_have_several_processes(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert, variants={"FT": ["ft"]}, grid=[{"seeds": [1]}])
    checkpoint = "results/checkpoints/topics/tiny/seed1/ft"
    done = snakemake(tmp_path, "--set-resources", "ft:processes=2", "--", f"{checkpoint}/complete.json")
    assert "✓ ft   · topics · tiny · FT · seed 1 · ft · best validation loss" in done.stderr + done.stdout
    assert json.loads((tmp_path / checkpoint / "provenance.json").read_text())["processes"] == 2


def test_a_dataset_or_variant_called_like_a_rule_is_refused(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    write_config(tmp_path, source_csv, tiny_bert, variants={"table3": ["ft"]}, grid=[{"seeds": [1]}])
    done = snakemake(tmp_path, "--dry-run", check=False)
    assert (
        done.stderr.splitlines()[-1] == "config: 'table3' is the name of a rule; call the dataset or variant otherwise"
    )


CODE = partial(code_of, scripts=PROJECT / "workflow/scripts")
SHIPPED = PROJECT / "config"


def packed_from(results: Path, grid: Path, folder: Path) -> Path:
    """The compact form of what lies in a results folder of the grid."""
    pack(merged([grid / "config.yaml"]), SHIPPED, CODE, results, folder)
    return folder


@pytest.fixture(scope="module")
def packed(grid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_from(grid / "results", grid, tmp_path_factory.mktemp("packed") / "reproduction")


def test_the_document_from_the_compact_form_has_the_grids_own_tables_and_what_differs_is_found(
    grid: Path, packed: Path, tmp_path: Path
) -> None:
    write_document(packed, SHIPPED, tmp_path)
    page = tmp_path / "reproduction.md"
    shown = page.read_text().replace("\N{NO-BREAK SPACE}", " ")
    own = [path for path in (grid / "results/tables").iterdir() if path.suffix in (".csv", ".svg", ".md")]
    assert len(own) > 20
    for path in own:
        if path.suffix == ".md":
            lines = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", LEGEND))]
            assert [line for line in lines if line not in shown] == []
        else:
            assert (tmp_path / "reproduction" / path.name).read_bytes() == path.read_bytes(), path.name
    assert sum(path.stat().st_size for path in packed.iterdir()) < 100_000  # of these 5 runs
    (tmp_path / "reproduction/results.csv").write_text("accuracy\n1.0\n")
    page.write_text(shown.replace("## What it cost", "## What it costs"))
    (tmp_path / "reproduction/table9.csv").write_text("made up\n")
    assert differences(packed, SHIPPED, tmp_path) == [
        "reproduction.md", "reproduction/results.csv", "reproduction/table9.csv"
    ]  # fmt: skip


def test_the_compact_form_holds_no_text(grid: Path, packed: Path) -> None:
    texts = pd.read_parquet(grid / "results/evaluations/topics/tiny/seed2/ft/predictions.parquet")["text"]
    frames = pd.read_parquet(packed / "frames.parquet")
    names = {name for listed in frames["names"].dropna() for name in listed}
    assert not names & set(texts)
    assert {"text", "source"}.isdisjoint(frames["column"])


def test_the_compact_form_names_no_example_of_a_text(grid: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(grid / "results", tmp_path / "results"))
    file = layout.audit("topics", results)
    write_json(file, read_json(file) | {"two_labels": {"texts": 1, "rows": 2, "examples": ["naïve café"]}})
    folder = packed_from(results, grid, tmp_path / "reproduction")
    records = "".join(pd.read_parquet(folder / "records.parquet")["content"])
    assert '"two_labels": {' in records
    assert "café" not in records


def test_an_altered_score_in_the_compact_form_is_refused(packed: Path, tmp_path: Path) -> None:
    altered = tmp_path / "reproduction"
    shutil.copytree(packed, altered)
    records = pd.read_parquet(altered / "records.parquet")
    of_metrics = records["path"].str.endswith("seed2/ft/metrics.json")
    records.loc[of_metrics, "content"] = records.loc[of_metrics, "content"].str.replace(
        '"accuracy": 0.', '"accuracy": 1.'
    )
    records.to_parquet(altered / "records.parquet")
    with pytest.raises(CheckpointError, match=r"seed2/ft/metrics\.json: altered since it was written"):
        write_tables(unpack(altered, SHIPPED, tmp_path / "results"), SHIPPED, tmp_path / "tables")


def test_of_a_partial_grid_there_is_what_is_done_and_what_is_missing_is_said(grid: Path, tmp_path: Path) -> None:
    shutil.copytree(grid / "results", tmp_path / "results")
    shutil.rmtree(tmp_path / "results/evaluations/topics/tiny/seed1/dae.ft")
    shutil.rmtree(tmp_path / "results/evaluations/topics/tiny/seed2/ft")
    packed = packed_from(tmp_path / "results", grid, tmp_path / "reproduction")
    write_document(packed, SHIPPED, tmp_path / "docs")
    page = (tmp_path / "docs/reproduction.md").read_text()
    assert re.search(r"\| DAE\+FT +\| 0 of 1 ", page)
    assert re.search(r"\| FT +\| 1 of 2 ", page)
    assert "2 of 5 runs are missing" in page


def test_what_two_sittings_made_is_packed_as_if_one_had_and_the_rest_is_what_neither_made(
    grid: Path, packed: Path, tmp_path: Path
) -> None:
    sittings_of = {"first": ["seed1"], "second": ["seed2"]}
    for sitting, seeds in sittings_of.items():
        shutil.copytree(grid / "results", tmp_path / sitting)
        for evaluation in (tmp_path / sitting / "evaluations/topics/tiny").iterdir():
            if evaluation.name not in seeds:
                shutil.rmtree(evaluation)
    config = load(merged([grid / "config.yaml"]), SHIPPED)
    together = tmp_path / "together"
    assert sum(len(each["grid"]) for each in sittings(config, together).values()) == 5
    packed_from(tmp_path / "first", grid, together)
    shutil.rmtree(tmp_path / "first")  # weights may go when they are packed
    assert sittings(config, together) == {
        "topics": {
            "grid": [{"datasets": ["topics"], "models": ["tiny"], "variants": ["FT"], "seeds": [2]}],
            "tables": {"main": ["FT"], "reference": "FT"},
        }
    }
    packed_from(tmp_path / "second", grid, together)
    assert sittings(config, together) == {}
    for file in packed.iterdir():
        assert (together / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_run_without_all_of_its_probes_is_missing(grid: Path, tmp_path: Path) -> None:
    shutil.copytree(grid / "results", tmp_path / "results")
    shutil.rmtree(tmp_path / "results/probes/topics/tiny/seed1/dae.cl-noimb")
    packed_from(tmp_path / "results", grid, tmp_path / "packed")
    (rest,) = sittings(load(merged([grid / "config.yaml"]), SHIPPED), tmp_path / "packed").values()
    assert [block["variants"] for block in rest["grid"]] == [["No Imb."]]


def test_rows_are_the_same_wherever_they_were_read(grid: Path, packed: Path, tmp_path: Path) -> None:
    results, before = tmp_path / "results", unpack(packed, SHIPPED, tmp_path / "before")
    shutil.copytree(grid / "results", results)
    asked = Asked(load(merged([grid / "config.yaml"]), SHIPPED), CODE, results)
    runs = asked.runs_of(asked.config.variants)

    def read_as(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        file, closing = results / "data/topics/test.parquet", results / "data/topics/dataset.json"
        change(pd.read_parquet(file)).to_parquet(file, index=False)
        described = read_json(closing)
        write_json(closing, described | {"files": described["files"] | {file.name: sha256(file)}})

    read_as(lambda rows: rows.assign(source="another/folder/topics.csv: line 1"))
    refuse_others(before.runs_of(before.config.variants), before, runs, asked, packed)
    read_as(lambda rows: rows.assign(text="another " + rows["text"]))
    with pytest.raises(CheckpointError, match="data/topics: its rows are others"):
        refuse_others(before.runs_of(before.config.variants), before, runs, asked, packed)


def test_runs_that_cannot_stand_beside_packed_ones_are_refused_and_none_is_lost(
    grid: Path, packed: Path, tmp_path: Path
) -> None:
    given, results = merged([grid / "config.yaml"]), tmp_path / "results"
    together = Path(shutil.copytree(packed, tmp_path / "packed"))
    shutil.copytree(grid / "results", results)
    for evaluation in (results / "evaluations/topics/tiny").glob("*/*"):
        if evaluation.name != "ft":
            shutil.rmtree(evaluation)
    for changes, said in (
        (
            {"hyperparameters": {"default": {**QUICK, "cl": {"pairs_per_text": 2}}}},
            r"dae\.cl/settings.json: .*_text was 1",
        ),
        (
            {"grid": [{"variants": ["FT", "DAE+FT"], "seeds": [1, 2]}]},
            "3-Phase on topics with tiny, seed 1, is not asked",
        ),
    ):
        with pytest.raises(CheckpointError, match=rf"cannot stand beside the new ones; .*{said}"):
            pack(given | changes, SHIPPED, CODE, results, together)
        with pytest.raises(CheckpointError, match=said):
            Sittings([grid / "config.yaml"], changes, CODE, tmp_path / "sittings", together, "2")  # before it runs
    for file, (before, after), said in (
        (together / "config.yaml", ("test_size: 0.2", "test_size: 0.3"), "test_size was 0.3, asked is 0.2"),
        (together / "records.parquet", ('"train": "', '"train": "0'), "data/topics: its rows are others"),
    ):
        kept = file.read_bytes()
        if file.suffix == ".yaml":
            file.write_text(file.read_text().replace(before, after))
        else:
            records = pd.read_parquet(file)
            of_data = records["path"] == "data/topics/dataset.json"
            records.loc[of_data, "content"] = records["content"][of_data].str.replace(before, after)
            records.to_parquet(file)
        assert file.read_bytes() != kept
        with pytest.raises(CheckpointError, match=f"cannot stand beside the new ones; .*{said}"):
            pack(given, SHIPPED, CODE, results, together)
        file.write_bytes(kept)
    for file in packed.iterdir():
        assert (together / file.name).read_bytes() == file.read_bytes(), file.name


def test_steps_that_several_versions_of_the_code_made_are_named(grid: Path, packed: Path, tmp_path: Path) -> None:
    shutil.copytree(packed, tmp_path / "packed")
    write_document(packed, SHIPPED, tmp_path / "docs")
    assert "several versions of the code" not in (tmp_path / "docs/reproduction.md").read_text()
    records = pd.read_parquet(packed / "records.parquet")
    of_dae = records["path"].str.endswith("seed1/dae.ft/provenance.json")
    code = json.loads(records["content"][of_dae].item())["code"]
    complete = records["path"].str.endswith("checkpoints/topics/tiny/seed1/dae.ft/complete.json")
    made = records["content"][of_dae].str.replace(code, "0" * 16)
    before, after = (sha256_of(text) for text in (records["content"][of_dae].item(), made.item()))
    records.loc[of_dae, "content"] = made
    records.loc[complete, "content"] = records["content"][complete].str.replace(before, after)
    records.to_parquet(tmp_path / "packed/records.parquet")
    write_document(tmp_path / "packed", SHIPPED, tmp_path / "docs")
    assert (
        "several versions of the code made, in several sittings: topics: ft."
        in (tmp_path / "docs/reproduction.md").read_text()
    )


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_sitting_is_packed_and_its_weights_go_and_one_that_fails_stays(
    grid: Path, packed: Path, tmp_path: Path
) -> None:
    place, folder = tmp_path / "sittings", tmp_path / "packed"
    absent = {"datasets": {"topics": {"source": {"train": "absent.csv"}}}}
    failing = Sittings([grid / "config.yaml"], absent, CODE, place, folder, "2")
    failing.sit("topics")
    assert (failing.unfinished, (place / "topics").exists(), folder.exists()) == (["topics"], True, False)
    for name in ("results", ".snakemake"):
        shutil.copytree(
            grid / name, place / "topics" / name, ignore=shutil.ignore_patterns("locks"), dirs_exist_ok=True
        )
    shutil.rmtree(place / "topics/results/tables")
    shutil.rmtree(place / "topics/results/evaluations/topics/tiny/seed2")
    left = Sittings([grid / "config.yaml"], {"save_every": 0}, CODE, place, folder, "2")
    with pytest.raises(UserError, match="bbc: no dataset of the grid; it has topics"):
        left.sit("bbc")
    left.sit("topics")
    assert (left.unfinished, list(place.iterdir())) == ([], [])
    assert {path.name for path in folder.iterdir()} == {path.name for path in packed.iterdir()}
    assert sittings(left.config, folder) == {}


def test_a_drawn_part_that_was_run_again_agrees_or_does_not(grid: Path, packed: Path, tmp_path: Path) -> None:
    assert 2 <= len(drawn(packed, SHIPPED, 0.4, 1)["grid"]) <= 3  # two, and one of phases beside baselines alone
    overlay = drawn(packed, SHIPPED, 1.0, 1)
    config = load(merged([grid / "config.yaml"], overlay), SHIPPED)
    root = tmp_path / "results"
    shutil.copytree(grid / "results", root)
    again = compare(packed, SHIPPED, config, CODE, root)
    assert (len(again.runs), again.unjudged, again.outside, again.holds) == (5, [], 0, True)
    other = Path(shutil.copytree(packed, tmp_path / "other"))
    made = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(made.replace("test_size: 0.2", "test_size: 0.3"))
    with pytest.raises(CheckpointError, match=r"cannot stand beside the new ones; .*test_size was 0\.3, asked is 0\.2"):
        compare(other, SHIPPED, config, CODE, root)
    run = next(run for run in config.runs() if not run.recipe.baseline)
    shutil.rmtree(layout.evaluation(run.dataset, run.model, run.seed, str(run.recipe), root))
    without = compare(packed, SHIPPED, config, CODE, root)
    assert [each.said for each in without.runs if not each.agrees] == ["is missing; run it, or see why it failed"]
    assert not without.holds
