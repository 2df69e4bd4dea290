"""A variant's phases one after another, in this process: what the grid does in a job for each."""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from threephase import console
from threephase.api.model import without_library_words
from threephase.artifacts import layout
from threephase.artifacts.folders import ORIGIN, failure_of, writing
from threephase.baselines.loading import baseline_named
from threephase.baselines.run import run_baseline
from threephase.data.hub import download_model
from threephase.data.splits import split
from threephase.data.store import write_dataset
from threephase.encoders.base_model import make_base_model
from threephase.errors import ConfigError, DataError, GivenError
from threephase.experiment.config import Config
from threephase.experiment.reading import load
from threephase.phases.all import PHASES
from threephase.phases.run import run_phase

DATASET, BASE_MODEL, PLAIN = "given", "base", "FT"
PLACES = {  # how an error of the config's reader is told to somebody who wrote none
    "hyperparameters.default.": "settings: ", f"models.{BASE_MODEL}": "base_model", f"datasets.{DATASET}.": "",
}  # fmt: skip

# The paper's variants (Tables 3 and 4) by their names.
VARIANTS: dict[str, Any] = {
    "3-Phase": ["dae", "cl", "ft"],
    "Joint": ["joint", "ft"],
    "DAE+FT": ["dae", "ft"],
    "CL+FT": ["cl", "ft"],
    "No Imb.": ["dae", {"cl": {"tag": "noimb", "imbalance": "none"}}, "ft"],
    PLAIN: ["ft"],
}


def experiment_of(
    variant: str | Sequence[Any] | Mapping[str, Any],
    base_model: str | Path | Mapping[str, Any],
    settings: Mapping[str, Any],
    dataset: Mapping[str, Any],
    seed: int,
) -> tuple[str, Config]:
    """The config of a grid of one run, and what its variant is called there.

    Args:
        variant: a name of the paper's, the phases as a config has them, or `{"baseline": name}`.
        base_model: a folder, a hub's `owner/name`, or what a config says of one.
        settings: of the phases, as `hyperparameters.default` of a config: `{"all": …, "dae": …}`.
        dataset: settings of a dataset, without its source.
        seed: of the run.

    Raises GivenError for what a config may not say.
    """
    if isinstance(variant, str) and variant not in VARIANTS:
        raise GivenError(f"variant: unknown '{variant}'; known are {', '.join(VARIANTS)}, or give a list of phases")
    name, steps = (variant, VARIANTS[variant]) if isinstance(variant, str) else ("own", variant)
    nowhere = {"train": DATASET, "test": DATASET}  # the rows are given, and none of them for a test
    try:
        config = load(
            {
                "datasets": {DATASET: {"source": nowhere, **dataset}},
                "models": {BASE_MODEL: _place_of(base_model)},
                "variants": {PLAIN: VARIANTS[PLAIN]} | {name: steps},
                "grid": [{"seeds": [seed]}],
                "hyperparameters": {"default": dict(settings)},
            }
        )
    except ConfigError as error:
        said = "; ".join(line.removeprefix("config: ") for line in str(error).splitlines())
        for place, meant in PLACES.items():
            said = said.replace(place, meant)
        raise GivenError(said) from None
    return name, config


def _place_of(base_model: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(base_model, Mapping):
        return dict(base_model)
    if isinstance(base_model, Path) or Path(base_model).is_dir():
        return {"path": str(Path(base_model).absolute())}
    if base_model.count("/") == 1 and not base_model.startswith((".", "~", "/")):
        return {"hub": base_model}
    raise GivenError(f"base_model: no folder {base_model!r}, nor a hub's owner/name")


def train(
    config: Config, variant: str, rows: Mapping[str, pd.DataFrame], seed: int, folder: Path, verbose: bool
) -> Path:
    """Train all phases of a variant below `folder`, and give the place of its classifier.

    `rows` are `train`, and where there are any `validation` and `unlabelled`, with the columns `text`, `label` and
    `place`. The caller's random generators stay as they were. Raises UserError as the grid's jobs do, and GivenError
    where the training diverged.
    """
    settings = config.dataset_settings(DATASET)
    data, base = layout.data(DATASET, folder), layout.base_model(BASE_MODEL, folder)
    try:
        write_dataset(data, split(dict(rows), settings, tested=False), settings, {"kind": "given"})
    except DataError as error:
        raise GivenError(str(error)) from None
    with _undisturbed_draws(), _said_by(verbose):
        if layout.reads_base_model(config.recipe_of(variant)):
            _make_base_model(config, folder, base)
        for recipe in config.recipe_of(variant).prefixes:
            out = layout.checkpoint(DATASET, BASE_MODEL, seed, recipe, folder)
            given = config.phase_settings(DATASET, BASE_MODEL, recipe)
            if recipe.baseline:
                reads = base if base.exists() else None
                run_baseline(baseline_named(recipe.baseline), data, given, seed, out, reads, title=recipe.baseline)
                continue
            parent = layout.checkpoint(DATASET, BASE_MODEL, seed, recipe.parent, folder) if recipe.parent else base
            run_phase(PHASES[recipe.phase], data, parent, given, seed, out, title=recipe.phase)
            failure = failure_of(out)
            if failure:
                raise GivenError(f"the training diverged: {failure}")
    return out


def _make_base_model(config: Config, folder: Path, out: Path) -> None:
    given, downloaded = config.model_settings(BASE_MODEL), None
    if given.hub is not None:
        downloaded = layout.downloaded_model(BASE_MODEL, folder)
        with writing(downloaded, closing=ORIGIN) as partial:
            download_model(given, partial)
    with writing(out) as partial:
        make_base_model(given, partial, downloaded=downloaded)


@contextmanager
def _undisturbed_draws() -> Iterator[None]:
    """The generators that a training seeds are the caller's own, and afterwards as they were."""
    ours, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        yield
    random.setstate(ours)
    np.random.set_state(numpys)


@contextmanager
def _said_by(verbose: bool) -> Iterator[None]:
    """A bar for each phase on the terminal, or none; the libraries' own words never."""
    before, console.terminal = console.terminal, sys.stderr if verbose else StringIO()
    try:
        with without_library_words():
            yield
    finally:
        console.terminal = before
