"""A variant's phases one after another, in this process: what the grid does in a job for each."""

import random
import signal
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
from threephase.errors import ConfigError, DataError, GivenError, InterruptionError, UserError
from threephase.experiment.config import Config
from threephase.experiment.reading import load
from threephase.phases.all import PHASES
from threephase.phases.run import run_phase

DATASET, BASE_MODEL, OWN, PLAIN = "given", "base", "own", "FT"
# What errors name in the words of a config, and what it is called here, where nobody wrote one.
IN_PYTHON = {
    "hyperparameters.default.": "settings: ",
    "hyperparameters.default": "settings",
    f"models.{BASE_MODEL}": "base_model",
    f"datasets.{DATASET}.": "",
    f"variants.{OWN}": "variant",
    "merge it by `source.label_map`, ": "",
    ", or map them under `source.label_map`": "",
    "rename it by `source.label_map`, or map them to it": "rename it, or the rare ones",
    "check `models` in the config": "name another one as `base_model`",
    "name local copies by `data_root` and `model_root`": "give the folder of a copy as `base_model`",
}

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
    if not isinstance(variant, str | list | tuple | Mapping):
        raise GivenError(f"variant: {variant!r} is none; give a name ({', '.join(VARIANTS)}) or a list of phases")
    if not isinstance(settings, Mapping):
        raise GivenError(f"settings: {settings!r} are none; give a dict as {{'all': {{'max_length': 64}}}}")
    name, steps = (variant, VARIANTS[variant]) if isinstance(variant, str) else (OWN, variant)
    nowhere = {"train": DATASET, "test": DATASET}  # the rows are given, and none of them for a test
    with in_words_of_python():
        config = load(
            {
                "datasets": {DATASET: {"source": nowhere, **dataset}},
                "models": {BASE_MODEL: _place_of(base_model)},
                "variants": {PLAIN: VARIANTS[PLAIN]} | {name: steps},
                "grid": [{"seeds": [seed]}],
                "hyperparameters": {"default": dict(settings)},
            }
        )
    return name, config


@contextmanager
def in_words_of_python() -> Iterator[None]:
    """Errors of the workflow's parts, told to somebody who wrote no config: the same kind, or GivenError for what was
    given in place of a config and of files.

    A signal ends the program as it does anywhere in Python: who calls `fit` many times may take any other exception for
    one attempt that failed, and go on with the next.
    """
    try:
        yield
    except InterruptionError as error:
        raise _end_asked_for(error) from None
    except UserError as error:
        said = "; ".join(line.removeprefix("config: ") for line in str(error).splitlines())
        for place, meant in IN_PYTHON.items():
            said = said.replace(place, meant)
        kind = GivenError if isinstance(error, ConfigError | DataError) else type(error)
        raise kind(said) from None


def _end_asked_for(error: InterruptionError) -> KeyboardInterrupt | SystemExit:
    """What stands in Python for the signal that stopped a training; the status is a shell's for such an end."""
    if error.signal == signal.SIGTERM.name:
        return SystemExit(128 + signal.SIGTERM)
    return KeyboardInterrupt(str(error).partition(";")[0])  # what was trained lay in a folder that goes now


def _place_of(base_model: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(base_model, Mapping):
        return dict(base_model)
    if isinstance(base_model, Path) or (isinstance(base_model, str) and Path(base_model).is_dir()):
        return {"path": str(Path(base_model).absolute())}
    if isinstance(base_model, str) and base_model.count("/") == 1 and not base_model.startswith((".", "~", "/")):
        return {"hub": base_model}
    raise GivenError(f"base_model: no folder {base_model!r}, nor a hub's owner/name")


def train(
    config: Config,
    variant: str,
    rows: Mapping[str, pd.DataFrame],
    seed: int,
    folder: Path,
    verbose: bool,
    threads: int | None = 1,
) -> Path:
    """Train all phases of a variant below `folder`, and give the place of its classifier.

    `rows` are `train`, and where there are any `validation` and `unlabelled`, with the columns `text`, `label` and
    `place`. `threads` are of the processor; None is as many as torch has. The caller's random generators and threads
    stay as they were, also where it fails. Raises UserError as the grid's jobs do, GivenError where the training
    diverged, and KeyboardInterrupt or SystemExit where SIGINT or SIGTERM ended it.
    """
    settings = config.dataset_settings(DATASET)
    data, base = layout.data(DATASET, folder), layout.base_model(BASE_MODEL, folder)
    with in_words_of_python(), _undisturbed_draws(), _in_threads(threads), _said_by(verbose):
        write_dataset(data, split(dict(rows), settings, tested=False), settings, {"kind": "given"})
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
        print(f"downloading the base model {given.hub}", file=console.terminal, flush=True)
        downloaded = layout.downloaded_model(BASE_MODEL, folder)
        with writing(downloaded, closing=ORIGIN) as partial:
            download_model(given, partial)
    with writing(out) as partial:
        make_base_model(given, partial, downloaded=downloaded)


@contextmanager
def _undisturbed_draws() -> Iterator[None]:
    """The generators that a training seeds are the caller's own, and afterwards as they were."""
    ours, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)


@contextmanager
def _in_threads(threads: int | None) -> Iterator[None]:
    """So many threads of torch, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _said_by(verbose: bool) -> Iterator[None]:
    """A bar for each phase on the terminal, or none; the libraries' own words never."""
    before, console.terminal = console.terminal, sys.stderr if verbose else StringIO()
    try:
        with without_library_words():
            yield
    finally:
        console.terminal = before
