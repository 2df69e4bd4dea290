"""Commands about a config: config show, check, docs."""

import argparse
from pathlib import Path
from typing import Any

from threephase.commands.line.arguments import refuse_unknown
from threephase.errors import UserError
from threephase.experiment.shipped import DEMO


def add_commands(commands: Any) -> None:
    """Make them known to the command line."""
    config = commands.add_parser("config", help="look at a config").add_subparsers(required=True)
    show = config.add_parser(
        "show", help="settings of a variant's phases or a baseline, and where each value comes from"
    )
    for name in ("dataset", "model", "variant"):
        show.add_argument(name, help=f"{name} of the config")
    show.add_argument("--configfile", type=Path, nargs="+", default=[DEMO], help="config files")
    show.add_argument("--all", action="store_true", help="also what is at its default, after what is not")
    show.set_defaults(run=_config_show)
    check = config.add_parser("check", help="read config files before Snakemake does, whoever they come from")
    check.add_argument("configfile", type=Path, nargs="+", help="config files, each laid over those before it")
    check.set_defaults(run=_config_check)
    docs = config.add_parser("docs", help="write the config's schema and reference page anew")
    docs.set_defaults(run=_config_docs)


def _config_show(arguments: argparse.Namespace) -> int:
    from tabulate import tabulate

    from threephase.experiment.reading import read

    config = read(arguments.configfile)
    refuse_unknown(arguments.dataset, config.datasets, "dataset")
    refuse_unknown(arguments.model, config.models, "model")
    refuse_unknown(arguments.variant, config.variants, "variant")
    for recipe in config.recipe_of(arguments.variant).prefixes:
        resolved = config.phase_settings(arguments.dataset, arguments.model, recipe).model_dump()
        origins = config.origins(arguments.dataset, arguments.model, recipe)
        print(f"{recipe}: baseline {recipe.baseline}" if recipe.baseline else f"{recipe}: phase {recipe.phase}")
        rows = [[name, value, origins[name][1]] for name, value in resolved.items()]
        changed = [row for row in rows if row[-1] != "default"]
        usual = [row for row in rows if row[-1] == "default"]
        print(tabulate([*changed, *(usual if arguments.all else [])], tablefmt="plain"))
        if usual and not arguments.all:
            print(f"and {len(usual)} settings at their defaults; --all shows them")
        print()
    return 0


def _config_check(arguments: argparse.Namespace) -> int:
    from shlex import quote

    from threephase.console import own_name
    from threephase.experiment.reading import read

    config = read(arguments.configfile)
    print(
        f"{len(config.runs()):,} runs of {len(config.datasets)} datasets; what they need: "
        f"{own_name()} run {' '.join(quote(str(path)) for path in arguments.configfile)} -n"
    )
    return 0


def _config_docs(arguments: argparse.Namespace) -> int:
    from threephase.commands.reference import page, schema

    if not (Path("config").is_dir() and Path("docs").is_dir()):
        raise UserError("config docs: writes config/schema.json and docs/config.md; run it in the project's folder")
    Path("config/schema.json").write_text(schema(), encoding="utf-8")
    Path("docs/config.md").write_text(page(), encoding="utf-8")
    return 0
