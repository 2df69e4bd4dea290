"""Arguments that several commands take, and what is refused of them."""

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from threephase.api import FORMATS
from threephase.errors import UserError
from threephase.experiment.shipped import DEMO


def add_configs(parser: argparse.ArgumentParser) -> None:
    """The grid that a command is about: config files as `threephase run` takes them, or as Snakemake does."""
    parser.add_argument("configs", type=Path, nargs="*", metavar="CONFIG", help="config files; the demo's where absent")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[DEMO], help="the same")


def add_rows(parser: argparse.ArgumentParser) -> None:
    """What a command takes that reads rows for a model."""
    parser.add_argument(
        "model", type=Path, help="folder of a run, results/checkpoints/…/dae.cl.ft, or of a saved model"
    )
    parser.add_argument("data", help=f"rows as .{', .'.join(FORMATS)} (or .gz of these); - is what is piped in")
    parser.add_argument("--format", choices=FORMATS, help="how they are written; by the file's name where absent")
    parser.add_argument("--text", help="column of the texts; found by its name where absent")
    parser.add_argument("--encoding", default="utf-8-sig", help="encoding of the file; utf-8 where absent")
    parser.add_argument("--quotes", choices=("double", "none"), default="double", help="what a double quote means")
    parser.add_argument("--skip-bad", action="store_true", help="leave rows without a text out, and count them")


def as_share(given: str) -> float:
    value = float(given)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{given}: is no share; give one from 0 to 1")
    return value


def as_count(given: str) -> int:
    if not given.isdecimal() or len(given) > 6 or not int(given):
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no number from 1 up")
    return int(given)


def as_minutes(given: str) -> float:
    try:
        minutes = float(given)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e6:
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no number of minutes above 0")
    return minutes


def as_seed(given: str) -> int:
    if not given.isdecimal() or len(given) > 10 or int(given) >= 2**32:
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no whole number from 0 to 2**32 - 1")
    return int(given)


def as_change(given: str) -> tuple[str, Any]:
    import yaml

    key, sign, value = given.partition("=")
    try:
        return (key, yaml.safe_load(value)) if key and sign else _refuse(given)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _refuse(given)


def _refuse(given: str) -> Any:
    raise argparse.ArgumentTypeError(f"{given!r} is no KEY=VALUE with a value of YAML, as limits={{train: 9}}")


def refuse_unknown(name: str, there: Collection[str], what: str) -> None:
    """Raise UserError for a name that the config does not have."""
    from threephase.settings.common import known

    try:
        known(name, there, what)
    except ValueError as error:
        raise UserError(str(error)) from None


def quiet_models() -> None:
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()
    set_verbosity_error()


def machine_slots() -> int:
    """Jobs at once: one for each GPU, or each processor."""
    import torch

    return torch.cuda.device_count() or os.cpu_count() or 1
