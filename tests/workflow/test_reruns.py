"""An edit reruns exactly what it must: Snakemake's plan after each kind of edit, on a copy of the project."""

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkouts import Checkout, Planned
from loaded import run_loaded
from running import PROJECT, QUICK, write_config

from threephase.experiment.reading import read

pytestmark = pytest.mark.takes(seconds=140)

VARIANTS = {"3-Phase": ["dae", "cl", "ft"], "Joint": ["joint", "ft"], "FT": ["ft"]}
GRID = [{"seeds": [1]}]
TABLES: Planned = {
    (rule, "")
    for rule in (
        "results", "table3", "table4", "table6", "table7", "classes", "probes", "claims", "verdict", "pictures",
        "report",
    )
}  # fmt: skip
ABOUT_DATA: Planned = {(rule, "") for rule in ("audit", "table1", "table2")}
SETTINGS: Planned = {("table5", "")}
OF_BASE: Planned = {("probe", ""), ("embed", "")}
EMBEDDED: Planned = {("embed", "dae.cl"), ("embed", "dae.cl.ft")}  # what the reference's phases 2 and 3 leave


def after_ft(recipe: str) -> Planned:
    return {("ft", recipe), ("evaluate", recipe), ("probe", recipe)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Checkout:
    checkout = Checkout.fresh(tmp_path_factory.mktemp("project"))
    write_config(checkout.folder, source_csv, tiny_bert, variants=VARIANTS, grid=GRID)
    checkout.snakemake()
    return checkout


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy with results and metadata: also what a fresh clone with restored results is."""
    shutil.copytree(finished.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__", "locks"))
    return Checkout(tmp_path / "copy")


def configure(checkout: Checkout, source: Path, model: Path, **changes: object) -> None:
    write_config(checkout.folder, source, model, **{"variants": VARIANTS, "grid": GRID} | changes)


def test_results_restored_into_a_fresh_clone_with_metadata_rerun_nothing(checkout: Checkout) -> None:
    assert checkout.planned() == set()


def test_an_archive_taken_up_elsewhere_reruns_nothing(checkout: Checkout, tmp_path: Path) -> None:
    subprocess.run(["make", "-s", "-f", str(PROJECT / "Makefile"), "archive"], cwd=checkout.folder, check=True)
    elsewhere = Checkout.fresh(tmp_path / "elsewhere" / "checkout")
    subprocess.run(["tar", "-xzf", checkout.folder / "threephase-results.tar.gz"], cwd=elsewhere.folder, check=True)
    shutil.copy(checkout.folder / "config.yaml", elsewhere.folder)
    assert elsewhere.planned() == set()


def test_touching_everything_reruns_nothing(checkout: Checkout) -> None:
    files = [path for path in checkout.folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    random.Random(1).shuffle(files)
    for path in files:
        path.touch()
    assert checkout.planned() == set()


def test_comments_threads_and_resources_rerun_nothing(checkout: Checkout) -> None:
    checkout.edit("config.yaml", lambda text: "# seen by nobody\n" + text)
    assert checkout.planned("--set-threads", "cl=2", "--set-resources", "cl:mem_mb=500", "dae:processes=2") == set()


def test_a_cl_setting_reruns_cl_and_what_follows(checkout: Checkout, source_csv: Path, tiny_bert: Path) -> None:
    changed = QUICK | {"cl": QUICK["cl"] | {"lr": 2e-3}}
    configure(checkout, source_csv, tiny_bert, hyperparameters={"default": changed})
    wanted = {("cl", "dae.cl"), ("probe", "dae.cl"), *after_ft("dae.cl.ft")}  # Joint has phase 1's
    assert checkout.planned() == wanted | EMBEDDED | TABLES | SETTINGS


def test_an_ft_setting_reruns_phase_3_alone(checkout: Checkout, source_csv: Path, tiny_bert: Path) -> None:
    configure(checkout, source_csv, tiny_bert, hyperparameters={"default": QUICK | {"ft": {"max_epochs": 3}}})
    wanted = {job for recipe in ("dae.cl.ft", "joint.ft", "ft") for job in after_ft(recipe)}
    assert checkout.planned() == wanted | {("embed", "dae.cl.ft")} | TABLES | SETTINGS


def test_a_new_seed_trains_that_seed(checkout: Checkout, source_csv: Path, tiny_bert: Path) -> None:
    configure(checkout, source_csv, tiny_bert, grid=[*GRID, {"variants": ["FT"], "seeds": [2]}])
    assert checkout.planned() == {*after_ft("ft seed2"), *TABLES}


def test_a_new_dataset_trains_on_that_dataset(checkout: Checkout, source_csv: Path, tiny_bert: Path) -> None:
    given = {"source": {"train": str(source_csv)}, "test_size": 0.2, "validation_size": 0.25}
    both = {"topics": given, "more": given | {"split_seed": 1}}
    configure(checkout, source_csv, tiny_bert, datasets=both, grid=[*GRID[:0], {"seeds": [1], "variants": ["FT"]}])
    said = checkout.snakemake("--dry-run")
    made = {("dataset", ""), *after_ft("ft"), ("embed", "ft"), *OF_BASE}
    assert checkout.planned() == made | TABLES | ABOUT_DATA | SETTINGS
    assert set(re.findall(r"^Job \d+: (?:data|ft|test|probe) · (\w+)", said, re.MULTILINE)) == {"more"}


def test_an_edited_file_of_the_user_makes_its_dataset_anew_and_a_touched_one_does_not(
    checkout: Checkout, source_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    shutil.copy(source_csv, own)
    given = {"source": {"train": str(own)}, "test_size": 0.2, "validation_size": 0.25}
    changes = {"datasets": {"topics": given}, "variants": {"FT": ["ft"]}}
    configure(checkout, source_csv, tiny_bert, **changes)
    checkout.snakemake()
    own.touch()
    assert checkout.planned() == set()
    own.write_text(own.read_text() + "one match more,sport\n")
    made = {("dataset", ""), *after_ft("ft"), ("embed", "ft"), *OF_BASE}
    assert checkout.planned() == made | TABLES | ABOUT_DATA
    own.unlink()  # the splits are here, so that nothing needs the file
    assert checkout.planned() == set()
    shutil.rmtree(checkout.folder / "results/data")
    assert f"config: datasets.topics: {own}: no such file" in checkout.snakemake("--dry-run", check=False)


def test_an_edited_audit_retrains_nothing(checkout: Checkout) -> None:
    checkout.edit("src/threephase/audit/findings.py", lambda text: text.replace("EXAMPLES = 3", "EXAMPLES = 4"))
    assert checkout.planned() == ABOUT_DATA | {("report", "")}


def test_a_new_variant_shares_its_prefix(checkout: Checkout, source_csv: Path, tiny_bert: Path) -> None:
    configure(checkout, source_csv, tiny_bert, variants=VARIANTS | {"DAE+FT": ["dae", "ft"]})
    tables = {(rule, "") for rule in ("results", "table4", "probes", "claims", "verdict", "pictures", "report")}
    assert checkout.planned() == after_ft("dae.ft") | tables


def test_an_edited_module_reruns_the_phases_that_reach_it(checkout: Checkout) -> None:
    checkout.edit("src/threephase/phases/contrastive.py", lambda text: text.replace("draw * rounds", "rounds * draw"))
    edited = checkout.planned()
    assert {rule for rule, _ in edited} == {"cl", "joint", "ft", "evaluate", "probe", "embed"} | {
        rule for rule, _ in TABLES
    }
    assert ("ft", "ft") not in edited
    assert not any(recipe == "dae" for _, recipe in edited)


def test_an_edited_docstring_of_the_tables_reruns_nothing(checkout: Checkout) -> None:
    checkout.edit(
        "src/threephase/tables/scores.py", lambda text: text.replace('"""The paper\'s', '"""All of the paper\'s', 1)
    )
    assert checkout.planned() == set()


def test_edited_tables_are_made_again_and_nothing_else(checkout: Checkout) -> None:
    checkout.edit("src/threephase/tables/legend.py", lambda text: text.replace('"=", "–"', '"=", "?"'))
    assert checkout.planned() == TABLES - {("results", ""), ("probes", "")}


def test_forcing_a_phase_reruns_it_and_what_follows(checkout: Checkout) -> None:
    assert checkout.planned("--forcerun", "cl") == {
        ("cl", "dae.cl"), ("probe", "dae.cl"), *after_ft("dae.cl.ft"), *EMBEDDED, *TABLES
    }  # fmt: skip


def test_edited_probes_are_made_again_and_train_nothing(checkout: Checkout) -> None:
    checkout.edit("src/threephase/evaluation/probe.py", lambda text: text.replace("GAIN = 0.05", "GAIN = 1.0"))
    assert {rule for rule, _ in checkout.planned()} == {
        "probe", "probes", "claims", "verdict", "report", "table3", "table4", "table6", "table7"
    }  # fmt: skip


def test_an_edit_of_the_machinery_reruns_nothing(checkout: Checkout) -> None:
    checkout.edit("src/threephase/jobs/gpus.py", lambda text: text + "\nEDITED = True\n")
    checkout.edit("src/threephase/jobs/frame.py", lambda text: text + "\nEDITED = True\n")
    assert checkout.planned() == set()


def test_edited_stop_words_rerun_phase_2_and_what_follows(checkout: Checkout) -> None:
    checkout.edit("src/threephase/method/stop_words.py", lambda text: text.replace('"no", ', ""))
    assert checkout.planned() == {
        ("cl", "dae.cl"), ("probe", "dae.cl"), *after_ft("dae.cl.ft"), *EMBEDDED,
        ("joint", "joint"), ("probe", "joint"), *after_ft("joint.ft"), *TABLES,
    }  # fmt: skip


def test_targets_for_a_table_a_dataset_and_a_variant(finished: Checkout, tmp_path: Path) -> None:
    copy = Checkout.fresh(tmp_path / "empty")
    shutil.copy(finished.folder / "config.yaml", copy.folder)
    rules = {rule for rule, _ in copy.planned("--", "FT")}
    assert rules == {"FT", "dataset", "base_model", "ft", "evaluate"}
    assert {"dae", "cl", "joint", "topics"} < {rule for rule, _ in copy.planned("--", "topics")}
    assert {rule for rule, _ in copy.planned("--", "table4")} >= {"table4", "joint"}
    assert ("table3", "") not in copy.planned("--", "table4")


def stale(checkout: Checkout) -> str:
    """What the joining step says where Snakemake has no metadata to see the change by."""
    shutil.rmtree(checkout.folder / ".snakemake")
    shutil.rmtree(checkout.folder / "results/tables")
    said = checkout.snakemake("--allowed-rules", "results", "--", "results", check=False)
    assert not (checkout.folder / "results/tables/results.csv").exists()
    return said


def test_a_run_trained_with_other_settings_is_in_no_table(
    checkout: Checkout, source_csv: Path, tiny_bert: Path
) -> None:
    changed = QUICK | {"cl": QUICK["cl"] | {"lr": 2e-3}}
    configure(checkout, source_csv, tiny_bert, hyperparameters={"default": changed})
    said = stale(checkout)
    assert "results/checkpoints/topics/tiny/seed1/dae.cl/settings.json: settings.lr was 0.001, asked is 0.002" in said


def test_a_run_trained_by_other_code_is_in_no_table(checkout: Checkout) -> None:
    checkout.edit("src/threephase/method/noise.py", lambda text: text + "\nEDITED = True\n")
    assert re.search(r"seed1/dae/provenance\.json: code was \"\w{16}\", asked is \"\w{16}\"", stale(checkout))


def test_a_run_of_another_parent_is_in_no_table(checkout: Checkout) -> None:
    complete = checkout.folder / "results/checkpoints/topics/tiny/seed1/dae/complete.json"
    recorded = json.loads(complete.read_text())
    recorded["files"]["model.safetensors"] = "0"
    complete.write_text(json.dumps(recorded))
    assert "dae.cl/provenance.json: inputs.parent was" in stale(checkout)


def test_a_run_with_an_altered_file_is_in_no_table(checkout: Checkout) -> None:
    history = checkout.folder / "results/checkpoints/topics/tiny/seed1/joint.ft/history.csv"
    history.write_text(history.read_text() + " ")
    said = stale(checkout)
    assert "joint.ft/history.csv: altered since it was written; " in said
    assert "joint.ft/complete.json: missing; run the workflow to make it" in said


def test_tables_of_what_exists_name_what_has_no_run_and_train_nothing(
    checkout: Checkout, source_csv: Path, tiny_bert: Path
) -> None:
    configure(checkout, source_csv, tiny_bert, tables={"partial": True})
    shutil.rmtree(checkout.folder / "results/evaluations/topics/tiny/seed1/joint.ft")
    rules = sorted(rule for rule, _ in TABLES)
    said = checkout.snakemake("--allowed-rules", *rules, "--forcerun", *rules)
    assert "tables.partial: tables are made of the runs that are here, and ask for no others." in said
    text = (checkout.folder / "results/tables/table3_accuracy.md").read_text()
    assert re.search(r"\| topics +\| tiny +\| \**\d.*\|", text)
    assert "Joint |" not in text
    assert "No run of Joint is done yet, so no column." in text
    assert "Partial: 1 of 3 runs are missing." in text


Job = tuple[str, list[str], list[str]]


def graph(checkout: Checkout, config: list[str]) -> list[Job]:
    """Rule, inputs and outputs of every job of a config's graph."""
    done = run_loaded(
        [str(Path(__file__).with_name("graph.py")), *(f"config/{name}" for name in config)],
        os.environ | {"PYTHONPATH": str(checkout.folder / "src")}, checkout.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(rule, inputs, outputs) for rule, inputs, outputs in json.loads(done.stdout)]


# Rules that may stand on the test split, and what is made of it.
MAY_SEE_TEST = {
    "dataset", "audit", "evaluate", "results", "effects", "over_datasets", "claims", "classes",
    "verdict", "embed", "embed_base", "pictures", "report",
    *(f"table{number}" for number in range(1, 8)),
}  # fmt: skip
NOT_OF_DATA = {"audit_published"}
OF_VALIDATION = {"studies"}
PROBES = {"probe", "probe_base", "probes"}


def trespassers(jobs: list[Job], leaks: frozenset[str] = frozenset()) -> set[str]:
    """Rules that have test rows, or scores made of them, among their inputs without being allowed to.

    `leaks` are checkpoints whose settings make them see the test split: the one named exception.
    """
    of_test = {file for rule, _, outputs in jobs if rule in MAY_SEE_TEST - {"dataset"} for file in outputs}
    of_test |= {file for _, _, outputs in jobs for file in outputs if file.endswith("test.parquet")}
    assert of_test
    return {
        rule
        for rule, inputs, outputs in jobs
        if rule not in MAY_SEE_TEST | {"all"} and of_test & set(inputs) and not leaks & set(outputs)
    }


def leaks_of(configs: list[str]) -> frozenset[str]:
    """Checkpoints that a config's own settings let see the test split."""
    config = read([PROJECT / "config" / name for name in configs])
    found = set()
    for run in config.runs():
        for recipe in run.recipe.prefixes:
            if config.phase_settings(run.dataset, run.model, recipe).sees_test:
                place = f"{run.dataset}/{run.model}/seed{run.seed}/{recipe}"
                found.add(f"results/checkpoints/{place}/complete.json")
    return frozenset(found)


SHIPPED = [["config.yaml"], ["config.yaml", "demo-full.yaml"], ["config.yaml", "fair.yaml"]]
SHIPPED += [["config.yaml", "splits.yaml"], ["paper.yaml"], ["paper.yaml", "capped.yaml"]]
SHIPPED += [["paper.yaml", "capped.yaml", over] for over in ("sensitivity.yaml", "arms.yaml", "tuned.yaml")]
LEAKING = [["paper.yaml", "capped.yaml", "forensics.yaml", "reproduction.yaml"], ["paper.yaml", "released.yaml"]]
NO_GRIDS = {"hyperparameters.yaml"}


def test_every_shipped_config_is_walked() -> None:
    walked = {name for names in SHIPPED + LEAKING for name in names}
    grids = {path.name for path in (PROJECT / "config").glob("*.yaml")}
    assert walked == grids - NO_GRIDS


@pytest.mark.parametrize("config", SHIPPED)
def test_nothing_that_trains_has_test_rows_among_its_inputs(config: list[str], tmp_path: Path) -> None:
    jobs = graph(Checkout.fresh(tmp_path / "fresh"), config)
    fetching = {"download_dataset", "download_model"}
    trains = {"dae", "cl", "joint", "ft"} | ({"study", "study_worker"} if "tuned.yaml" in config else set())
    runs = read([PROJECT / "config" / name for name in config]).runs()
    trains |= {"baseline"} if any(run.recipe.baseline for run in runs) else set()
    others = {*MAY_SEE_TEST, *NOT_OF_DATA, *OF_VALIDATION, *PROBES, "all", "base_model"}
    assert {rule for rule, _, _ in jobs} - fetching - trains <= others
    assert trains - {"joint"} <= {rule for rule, _, _ in jobs}
    assert leaks_of(config) == frozenset()
    assert trespassers(jobs) == set()


@pytest.mark.parametrize("config", LEAKING)
def test_of_what_trains_only_the_named_leaks_have_test_rows_among_their_inputs(
    config: list[str], tmp_path: Path
) -> None:
    jobs = graph(Checkout.fresh(tmp_path / "fresh"), config)
    leaks = leaks_of(config)
    assert leaks
    assert trespassers(jobs, leaks) == set()
    assert trespassers(jobs) <= {"dae", "cl", "joint", "ft"}
    for _, inputs, outputs in jobs:
        if leaks & set(outputs):
            assert any(file.endswith("test.parquet") for file in inputs)


def test_the_walk_finds_a_baseline_that_reads_the_test_split(tmp_path: Path) -> None:
    checkout = Checkout.fresh(tmp_path / "faulty")
    checkout.edit("rules/baselines.smk", lambda text: text.replace('"train", "validation")', '"train", "test")', 1))
    assert trespassers(graph(checkout, ["config.yaml"])) == {"baseline"}


def test_the_walk_finds_a_phase_that_reads_the_test_split(tmp_path: Path) -> None:
    checkout = Checkout.fresh(tmp_path / "faulty")
    checkout.edit("rules/phases.smk", lambda text: text.replace('"train", "validation")', '"train", "test")', 1))
    assert trespassers(graph(checkout, ["config.yaml"])) == {"cl", "ft"}  # one takes the inputs of the other


def test_a_training_script_that_opens_the_test_split_fails(checkout: Checkout) -> None:
    checkout.edit(
        "src/threephase/phases/finetune.py",
        lambda text: text.replace("    train = training_rows(", '    data.read("test")\n    train = training_rows(', 1),
    )
    said = checkout.snakemake("--until", "ft", "--", "FT", check=False)
    assert "a job that trains or selects tried to open the test split; only `evaluate` may" in said
