"""What config and code ask of each step, and what tables compare it with."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_config import MINIMAL

from threephase.data.splits import SplitData
from threephase.errors import ConfigError, DataError
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.foreseen import Sizes, refuse_other_positive, sizes_of
from threephase.experiment.reading import load
from threephase.jobs.foresight import refuse_what_comes_late
from threephase.settings.dataset import SHOWN_ONLY, DatasetSettings


def asked_of(folder: Path, **changes: Any) -> Asked:
    models = {}
    for model in MINIMAL["models"]:
        (folder / model).mkdir(exist_ok=True)
        (folder / model / "config.json").touch()
        models[model] = {"path": str(folder / model)}
    return Asked(
        load(MINIMAL | {"models": models} | changes), code=lambda step: f"code of {step}", root=folder / "results"
    )


def test_a_step_is_asked_by_its_settings_and_its_code(tmp_path: Path) -> None:
    asked = asked_of(tmp_path)
    step = asked.phase("d", "m", "dae.cl-noimb")
    assert (step["settings"]["imbalance"], step["code"], step["fixed"]) == ("none", "code of cl", [])
    assert asked.evaluation("d") == {"settings": {"averaging": "macro", "positive": None}, "code": "code of evaluate"}


def test_all_that_runs_rest_on_is_asked_once_whatever_the_seed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    datasets = {"d": {"source": {"train": str(tmp_path / "rows.csv")}, "test_size": 2}}
    asked = asked_of(tmp_path, datasets=datasets, grid=[{"seeds": [1, 2], "models": ["m"]}])
    places = asked.of_runs(run for run in asked.runs if run.variant == "No Imb.")
    assert set(places) == {
        "data/d", "models/m", "checkpoints/d/m/dae", "checkpoints/d/m/dae.cl-noimb",
        "checkpoints/d/m/dae.cl-noimb.ft", "evaluations/d/m/dae.cl-noimb.ft",
    }  # fmt: skip


def test_a_baseline_of_texts_alone_is_asked_once_for_all_base_models(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    datasets = {"d": {"source": {"train": str(tmp_path / "rows.csv")}, "test_size": 2}}
    baselines = {"Centroid": {"baseline": "centroid"}, "SVM": {"baseline": "tfidf_svm"}}
    asked = asked_of(tmp_path, datasets=datasets, variants=MINIMAL["variants"] | baselines)
    root = tmp_path / "results"
    runs = [run for run in asked.runs if run.variant in baselines]
    assert asked.evaluations(runs) == [
        f"{root}/evaluations/d/{place}/complete.json"
        for place in ("m/seed0/baseline-centroid", "_any/seed0/baseline-tfidf_svm", "n/seed0/baseline-centroid")
    ]
    assert asked.base_read("m", "baseline-centroid") == {"base": f"{root}/models/m/complete.json"}
    assert asked.base_read("_any", "baseline-tfidf_svm") == {}
    assert asked.phase("d", "_any", "baseline-tfidf_svm") == asked.phase("d", "n", "baseline-tfidf_svm")
    assert asked.phase("d", "m", "baseline-centroid")["code"] == "code of centroid"
    assert {run.recipe for run in runs}.isdisjoint(each.recipe for each in asked.probed(asked.runs))
    assert asked.table(asked.config.variants)["variants"][-2:] == ["Centroid", "SVM"]


def test_maps_are_of_one_run_of_the_reference_and_closed_folders_are_looked_through(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    datasets = {"d": {"source": {"train": str(tmp_path / "rows.csv")}, "test_size": 2}}
    asked = asked_of(tmp_path, datasets=datasets, grid=[{"seeds": [2, 1]}], name="mine")
    root = tmp_path / "results"
    recipe = asked.config.recipe_of(asked.config.reference)
    assert asked.mapped("d", "m") == {"base model": root / "embeddings/d/m/base"} | {
        part: root / "embeddings/d/m/seed2" / part for part in recipe.prefixes
    }
    closing = root / "tables/mine/pictures/d/m/complete.json"
    assert asked.folders()[-1:] == [root / "tables/mine/pictures/d/n/complete.json"]
    assert asked.folders().index(closing) > asked.folders().index(root / "embeddings/d/m/base/complete.json")
    assert f"{root}/embeddings/d/m/base/complete.json" in asked.picture_input("d", "m")
    some = asked_of(tmp_path, datasets=datasets, grid=[{"seeds": [2, 1]}], tables={"partial": True})
    assert (some.mapped("d", "m"), some.cells()) == ({}, [])


def test_claims_are_judged_by_the_variants_of_phases_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    datasets = {"d": {"source": {"train": str(tmp_path / "rows.csv")}, "test_size": 2}}
    variants = MINIMAL["variants"] | {"Centroid": {"baseline": "centroid"}}
    asked = asked_of(tmp_path, datasets=datasets, variants=variants)
    claims = asked.claims()
    assert {run[2] for run in claims["runs"]} == set(MINIMAL["variants"])
    assert len(claims["probed"]) == len(asked.probed(asked.runs))


def test_partial_tables_are_of_the_runs_that_are_evaluated(tmp_path: Path) -> None:
    asked = asked_of(tmp_path, tables={"partial": True}, grid=[{"seeds": [1]}])
    assert asked.runs_of(["FT"]) == []
    (made,) = asked.evaluations(run for run in asked.runs if run[:3] == ("d", "m", "FT"))
    Path(made).parent.mkdir(parents=True)
    Path(made).touch()
    assert [run[:3] for run in asked.runs_of(["FT"])] == [("d", "m", "FT")]


def test_the_users_own_files_are_read_when_a_rule_asks_and_once(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    datasets = {"d": {"source": {"train": str(file)}, "test_size": 2}}
    asked = asked_of(tmp_path, datasets=datasets, grid=[{"seeds": [1]}])
    with pytest.raises(ConfigError, match=r"^config: datasets.d: .*own.csv: no such file"):
        asked.dataset("d")
    file.write_text("text,label\na,b\n")
    raw = asked.dataset("d")["raw"]
    file.unlink()
    assert asked.dataset("d")["raw"] == raw


def test_datasets_are_shared_where_a_base_model_has_all_main_variants_on_them(tmp_path: Path) -> None:
    (dataset,) = MINIMAL["datasets"].values()
    datasets = dict.fromkeys("abc", dataset)
    grid = [{"seeds": [1], "variants": ["3-Phase"]}, {"seeds": [1], "variants": ["FT"], "datasets": ["a", "b"]}]
    assert asked_of(tmp_path, datasets=datasets, grid=grid).shared_datasets() == 2
    assert asked_of(tmp_path, datasets=datasets, grid=grid[:1]).shared_datasets() == 0


def counts(train: int, validation: int) -> dict[str, Any]:
    """What `dataset.json` counts of splits with so many rows of each of two classes."""
    sizes = {"train": train, "validation": validation}
    return {name: {"rows": 2 * rows, "classes": [{"food": rows, "pets": rows}]} for name, rows in sizes.items()}


def test_splits_without_a_pair_of_one_class_are_refused_before_a_phase_wants_one(tmp_path: Path) -> None:
    made = tmp_path / "results/data/d/dataset.json"
    made.parent.mkdir(parents=True)
    given = {"source": {"train": "gone.csv"}, "test_size": 2}
    settings = DatasetSettings(**given).model_dump(exclude=SHOWN_ONLY)

    def asked(train: int, validation: int, **changes: Any) -> dict[str, Any]:
        described = {"label_names": [["food", "pets"]], "raw": "earlier", "settings": settings}
        made.write_text(json.dumps(described | {"counts": counts(train, validation)}))
        return asked_of(tmp_path, datasets={"d": given}, **changes).dataset("d")

    lone = re.escape(
        "validation split: 2 different texts of 2 classes, so no two of one class make a pair for 'dae.cl'"
    )
    with pytest.raises(ConfigError, match=f"datasets.d: {lone}; raise `validation_size`, or add rows"):
        asked(4, 1)
    with pytest.raises(ConfigError, match=r"train split: .* for 'joint'"):
        asked(1, 2, variants={"Joint": ["joint", "ft"]}, tables={"main": ["Joint"]})
    few = {"hyperparameters": {"default": {"cl": {"label_fraction": 0.2}}}}
    with pytest.raises(ConfigError, match=r"train split: 20 .*`label_fraction` 0.1 keeps one of each.*raise `label_fr"):
        asked(10, 10, hyperparameters={"default": {"cl": {"label_fraction": 0.1}}})
    assert asked(10, 10, **few)["raw"] == "earlier"
    assert asked(2, 2)["raw"] == "earlier"
    assert asked(1, 1, variants={"DAE+FT": ["dae", "ft"]})["raw"] == "earlier"
    selected = {"hyperparameters": {"default": {"cl": {"selection": "training"}}}}
    assert asked(4, 1, **selected)["raw"] == "earlier"


def test_a_positive_class_is_one_of_the_level_that_each_variant_classifies(tmp_path: Path) -> None:
    names = [["pets", "food"], ["cats", "dogs", "bread"]]
    source = {"train": "rows.csv", "labels": ["coarse", "fine"]}

    def config(positive: str, **changes: Any) -> Config:
        dataset = {"source": source, "test_size": 2, "averaging": "binary", "positive": positive}
        return load(MINIMAL | {"datasets": {"d": dataset}} | changes)

    refuse_other_positive(config("cats"), "d", names)
    refuse_other_positive(config("cats"), "d@r1f2", names)
    with pytest.raises(DataError, match="`positive: pets` is no class of label level 2, which '3-Phase' classifies"):
        refuse_other_positive(config("pets"), "d", names)
    coarse = {"hyperparameters": {"default": {"ft": {"label_level": 1}}}}
    refuse_other_positive(config("pets", **coarse), "d", names)
    with pytest.raises(DataError, match=r"no class of label level 1, .* name one of pets, food"):
        refuse_other_positive(config("cats", **coarse), "d", names)
    rows = pd.DataFrame({"text": ["a", "b", "c", "d"], "label_0": [0, 0, 1, 1], "label_1": [0, 0, 1, 1]})
    given = MINIMAL | {"datasets": {"d": {"source": source, "test_size": 2, "averaging": "binary", "positive": "pets"}}}
    with pytest.raises(DataError, match="`positive: pets`"):
        refuse_what_comes_late(given, "d", SplitData({"train": rows, "validation": rows}, names, {}))


def test_the_job_that_makes_splits_looks_for_pairs_of_different_texts() -> None:
    rows = pd.DataFrame({"text": ["a", "a", "b"], "label_0": [0, 0, 1], "label_1": [0, 0, 1]})
    data = SplitData({"train": rows, "validation": rows.assign(text=["a", "c", "b"])}, [["x", "y"]] * 2, {})
    assert sizes_of(data) == {"train": Sizes(2, 2), "validation": Sizes(3, 2)}
    with pytest.raises(DataError, match="train split: 2 different texts"):
        refuse_what_comes_late(MINIMAL, "d", data)
    whole = SplitData({"train": data.splits["validation"], "validation": data.splits["validation"]}, [["x"]], {})
    refuse_what_comes_late(MINIMAL, "d", whole)


def test_datasets_are_shared_by_what_is_compared_with_the_reference(tmp_path: Path) -> None:
    """A base model without it shares none; where the main variants do not name it, it takes part all the same."""
    datasets = dict.fromkeys("abc", *MINIMAL["datasets"].values())
    others = {"seeds": [1], "variants": ["No Imb.", "FT"]}
    grid = [{**others, "models": ["m"]}, {"seeds": [1], "models": ["n"], "datasets": ["a"]}]
    main = {"main": ["No Imb.", "FT"], "reference": "3-Phase"}
    assert asked_of(tmp_path, datasets=datasets, grid=grid, tables=main).shared_datasets() == 1
    everywhere = asked_of(tmp_path, datasets=datasets, tables=main)
    assert everywhere.shared_datasets() == 3
    assert {run.variant for run in everywhere.runs_of(everywhere.config.main_variants)} == {"3-Phase", "No Imb.", "FT"}


def test_what_a_job_would_find_is_found_before(tmp_path: Path) -> None:
    """A package that is not there, and a positive class that splits which are made have not."""
    for source, said in [
        ({"package": "not_there", "train": "x.csv"}, "config: datasets.d: package 'not_there' is not installed"),
        ({"train": str(tmp_path / "none.csv")}, "config: datasets.d: .*none.csv: no such file"),
        ({"train": "/dev/zero"}, "config: datasets.d: .*a pipe, a socket or a device"),
    ]:
        with pytest.raises(ConfigError, match=said):
            asked_of(tmp_path, datasets={"d": {"source": source, "test_size": 2}}).dataset("d")
    made = tmp_path / "results/data/d/dataset.json"
    made.parent.mkdir(parents=True)
    given = {"source": {"train": "gone.csv"}, "test_size": 2, "averaging": "binary"}
    settings = DatasetSettings(**given, positive="x").model_dump(exclude=SHOWN_ONLY)
    described = {"label_names": [["food", "pets"]], "raw": "earlier", "settings": settings, "counts": counts(3, 2)}
    made.write_text(json.dumps(described))
    for positive, said in {"Pets": "did you mean 'pets'?", "cars": "known are: food, pets"}.items():
        with pytest.raises(
            ConfigError, match=f"datasets.d: unknown class in `positive`: '{positive}'; {re.escape(said)}"
        ):
            asked_of(tmp_path, datasets={"d": given | {"positive": positive}}).dataset("d")
    right = asked_of(tmp_path, datasets={"d": given | {"positive": "pets"}})
    assert right.dataset("d")["raw"] == "earlier"
    for sizes, said in {
        "cars": "class_sizes names no class of the data: cars; there are food, pets",
        "pets": "",
    }.items():
        sized = asked_of(tmp_path, datasets={"d": given | {"positive": "pets", "class_sizes": {sizes: 3}}})
        if said:
            with pytest.raises(ConfigError, match=said):
                sized.dataset("d")
        else:
            assert sized.dataset("d")["raw"] == "earlier"
    # Of splits that will be made anew, the job that makes them knows the classes.
    mapped = given | {"source": given["source"] | {"label_map": {"pets": "animals"}}, "positive": "animals"}
    with pytest.raises(ConfigError, match=r"datasets\.d: gone\.csv: no such file"):
        asked_of(tmp_path, datasets={"d": mapped}).dataset("d")
    (tmp_path / "gone.csv").write_text("text,label\na,pets\n")
    there = mapped | {"source": mapped["source"] | {"train": str(tmp_path / "gone.csv")}}
    assert asked_of(tmp_path, datasets={"d": there}).dataset("d")["raw"] not in (None, "earlier")


def test_repeated_splits_share_all_but_their_rows_and_their_runs(tmp_path: Path) -> None:
    def asked(repeats: int, **changes: Any) -> Asked:
        source = {"hub": "o/d", "train": "train"}
        given = {"d": {"source": source, "splits": {"folds": 2, "repeats": repeats}}}
        return asked_of(tmp_path, datasets=given, **changes)

    once, twice, root = asked(1), asked(2), tmp_path / "results"
    assert twice.downloaded_data("d@r2f1") == {"downloaded": f"{root}/downloads/data/d/origin.json"}
    assert twice.dataset("d@r2f1")["split"] == {"repeat": 2, "fold": 1}
    # A further repeat asks nothing else of those that there are.
    assert twice.dataset("d@r1f1") == once.dataset("d@r1f1")
    assert twice.phase("d@r1f1", "m", "ft") == once.phase("d@r1f1", "m", "ft")
    assert twice.audit("d") == once.audit("d")
    assert twice.hyperparameter_table({}) == once.hyperparameter_table({})
    assert once.of_runs(once.runs).items() <= twice.of_runs(twice.runs).items()
    # Shown once: audits, Tables 1, 2 and 5, the target of the command line.
    assert twice.audits() == [f"{root}/data/d@r1f1/dataset.json", f"{root}/audits/d.json"]
    assert [column[:2] for column in twice.hyperparameter_table({})["columns"]] == [("d", "m"), ("d", "n")]
    assert len(twice.runs_by_target()["d"]) == len(twice.runs) == 2 * len(once.runs)
    assert twice.shared_datasets() == 1
    # Each split is tuned on its own validation rows: those of another are test rows here.
    tuned = asked(2, tuning={"enabled": True, "seeds": [101]})
    assert tuned.tuned("d@r2f1", "m", "ft") == f"{root}/tuning/d@r2f1/m/main/ft.json"
    assert len(tuned.hyperparameter_table({})["columns"]) == 8


def test_a_path_that_is_not_there_is_found_before_anything_is_taken_away(tmp_path: Path) -> None:
    """Snakemake removes what is to be made anew, and only then would a job look."""
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\na,b\n")
    (tmp_path / "a file").touch()
    for path in (tmp_path / "gone", tmp_path / "a file"):
        with pytest.raises(ConfigError, match=r"config: models\.m: '.*': no such folder; name that of a model"):
            asked_of(tmp_path, models={"m": {"path": str(path)}}).base_model("m")
    with pytest.raises(ConfigError, match=r"config: models\.m: package 'no_such' is not installed"):
        asked_of(tmp_path, models={"m": {"path": "x", "package": "no_such"}}).base_model("m")
    asked, data = asked_of(tmp_path, datasets=datasets_of(rows)), tmp_path / "results/data/d"
    made, model = asked.base_model("m"), tmp_path / "results/models/m"
    raw = asked.dataset("d")["raw"]
    for folder, name, record in (
        (model, "origin.json", made),
        (data, "dataset.json", {"settings": asked.datasets["d"].model_dump(mode="json"), "raw": raw}),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_text(json.dumps(record))
    shutil.rmtree(tmp_path / "m")
    rows.unlink()
    gone = {"datasets": datasets_of(rows), "models": {"m": {"path": str(tmp_path / "m")}}}
    assert Asked(load(MINIMAL | gone), code=str, root=tmp_path / "results").base_model("m")["raw"] == made["raw"]
    assert Asked(load(MINIMAL | gone), code=str, root=tmp_path / "results").dataset("d")["raw"] == raw
    typo = {"datasets": datasets_of(tmp_path / "rwos.csv"), "models": {"m": {"path": str(tmp_path / "mm")}}}
    asked = Asked(load(MINIMAL | typo), code=str, root=tmp_path / "results")
    with pytest.raises(ConfigError, match=r"models\.m: .*: no such folder"):
        asked.base_model("m")
    with pytest.raises(ConfigError, match=r"datasets\.d: .*rwos\.csv: no such file"):
        asked.dataset("d")


def datasets_of(rows: Path) -> dict[str, Any]:
    return {"d": {"source": {"train": str(rows)}, "test_size": 2}}


def test_a_question_is_asked_of_its_datasets_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    given = {"source": {"train": str(tmp_path / "rows.csv")}, "test_size": 2}
    question, none = {"title": "Q", "against": {"FT": ["No Imb."]}}, {"datasets": ["unused"]}
    asked = asked_of(
        tmp_path,
        datasets={"d": given | {"splits": {"folds": 2}, "test_size": None}, "more": given, "unused": given},
        grid=[{"seeds": [1, 2], "models": ["m"], "datasets": ["d", "more"]}],
        tables={"effects": {"all": question, "one": question | {"datasets": ["d"]}, "none": question | none}},
    )
    assert asked.effects() == ["all", "one"]  # of a question without a run no table is made
    found = {name: asked.effect(name) for name in ("all", "one")}
    runs = {name: {run[0] for run in effect["runs"]} for name, effect in found.items()}
    assert runs["one"] == {dataset for dataset in runs["all"] if dataset != "more"}
    assert len(found["all"]["runs"]) == 3 * 2 * 2
    assert not [file for file in asked.effect_input("one") if "/more/" in file]
    assert (found["all"]["missing"], found["one"]["missing"]) == (0, 0)
