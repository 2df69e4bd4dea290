"""Commands about a whole grid: run, plan, runs, summary, best, dag and study show."""

import argparse
import sys
from pathlib import Path
from typing import Any

from threephase.artifacts import layout
from threephase.commands.line.arguments import (
    add_configs,
    as_change,
    as_count,
    as_seed,
    machine_slots,
    quiet_models,
    refuse_unknown,
)
from threephase.errors import UserError, printable
from threephase.experiment.shipped import DEMO


def add_commands(commands: Any) -> None:
    """Make them known to the command line."""
    # No option is one of this command's own: all are Snakemake's.
    run = commands.add_parser("run", help="Snakemake on config files, from any folder", prefix_chars="\0")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    run.set_defaults(run=_run)
    summary = commands.add_parser("summary", help="the tables, what looks broken in them, and the verdict")
    summary.add_argument(
        "results",
        type=Path,
        nargs="?",
        default=Path("results"),
        help="the results folder, or a config, as `run` takes it",
    )
    summary.add_argument("--configfile", type=Path, nargs="+", help="config files, if they give their tables a name")
    summary.set_defaults(run=_summary)
    dag = commands.add_parser(
        "dag", help="draw the rules (from `snakemake --rulegraph mermaid-js`) and the shared phases"
    )
    dag.add_argument("folder", type=Path, help="where README.md and index.html go")
    dag.add_argument("--configfile", type=Path, nargs="+", default=[DEMO], help="config files")
    dag.set_defaults(run=_dag)
    study = commands.add_parser("study", help="look at studies").add_subparsers(required=True)
    shown = study.add_parser("show", help="the trials of running and finished studies")
    shown.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    shown.set_defaults(run=_study_show)
    plan = commands.add_parser("plan", help="what a grid will cost: jobs, tokens, operations, time, memory, disk")
    add_configs(plan)
    plan.add_argument(
        "--config",
        nargs="+",
        type=as_change,
        default=[],
        metavar="KEY=VALUE",
        help="as snakemake's, of the top level",
    )
    plan.add_argument("--cores", type=as_count, help="trainings at once on this machine's processors; all where absent")
    plan.add_argument("--gpu", help="for a kind of GPU (h100, a100 …), by assumptions, instead of measuring here")
    plan.add_argument("--gpus", type=as_count, default=1, help="how many of them")
    plan.add_argument(
        "--expected", action="store_true", help="with the rows that datasets should have, where a copy is a part"
    )
    plan.add_argument("--missing", action="store_true", help="leave out what an earlier run made")
    plan.set_defaults(run=_plan)
    runs = commands.add_parser("runs", help="the runs of a grid: scores, cost, and what is there of each")
    add_configs(runs)
    runs.add_argument("--results", type=Path, default=Path("results"), help="the results folder")
    runs.add_argument("--dataset", nargs="+", default=(), help="these alone")
    runs.add_argument("--variant", nargs="+", default=(), help="these alone")
    runs.add_argument("--seed", nargs="+", type=as_seed, default=(), help="these alone")
    form = runs.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="for spreadsheets")
    runs.set_defaults(run=_runs)
    best = commands.add_parser("best", help="the run to take home, chosen by validation rows")
    best.add_argument("dataset", nargs="?", help="one of the grid's; all where absent")
    best.add_argument("--results", type=Path, default=Path("results"), help="the results folder")
    best.add_argument("--configfile", type=Path, nargs="+", help="config files, if they give their tables a name")
    best.add_argument("--path", action="store_true", help="its folder alone, for a script")
    best.set_defaults(run=_best)


def _run(arguments: argparse.Namespace) -> int:
    from threephase.commands.run import run

    return run(arguments.arguments)


def _summary(arguments: argparse.Namespace) -> int:
    from threephase.commands.summary import show
    from threephase.experiment.reading import read

    results, configs = arguments.results, arguments.configfile or []
    if results.suffix in (".yaml", ".yml"):
        results, configs = layout.RESULTS, [results, *configs]
    return show(results, read(configs).name if configs else None)


def _dag(arguments: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from threephase.commands.drawing import drawings, markdown, web_page
    from threephase.experiment.reading import read

    if sys.stdin.isatty():
        raise UserError("dag: nothing is piped into it; run `make dag`, which pipes what Snakemake draws")
    drawn = drawings(sys.stdin.read(), read(arguments.configfile))
    pages = {"README.md": markdown}
    if find_spec("mermaidx"):
        pages["index.html"] = web_page
    else:
        print("no index.html: mermaidx is not there to draw it; `pip install mermaidx`, then again", file=sys.stderr)
    if arguments.folder.exists() and not arguments.folder.is_dir():
        raise UserError(f"{arguments.folder}: is a file; name a folder for the drawings")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, form in pages.items():
        (arguments.folder / name).write_text(form(drawn), encoding="utf-8")
        print(arguments.folder / name)
    return 0


def _study_show(arguments: argparse.Namespace) -> int:
    from threephase.tuning.report import shown_studies

    print(shown_studies(arguments.results))
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from threephase.experiment.reading import read
    from threephase.plan.report import plan_of
    from threephase.plan.speed import GPUS

    if arguments.gpu and arguments.gpu not in GPUS:
        raise UserError(f"--gpu {arguments.gpu}: not known; there are {', '.join(GPUS)}")
    config = read(arguments.configs or arguments.configfile, dict(arguments.config))
    slots = arguments.gpus if arguments.gpu else arguments.cores or machine_slots()
    quiet_models()
    with plan_of(config, slots, arguments.gpu, arguments.expected, arguments.missing) as plan:
        if not arguments.gpu:
            print(f"measuring {len(plan.trials)} trainings for some seconds each …", file=sys.stderr)
        print(plan)
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from threephase.artifacts.inert import as_csv
    from threephase.commands.runs import as_text, listed
    from threephase.experiment.reading import read

    config = read(arguments.configs or arguments.configfile)
    for names, there, what in (
        (arguments.dataset, config.datasets, "dataset"),
        (arguments.variant, config.variants, "variant"),
    ):
        for name in names:
            refuse_unknown(name, there, what)
    rows = listed(config, arguments.results, arguments.dataset, arguments.variant, arguments.seed)
    if arguments.json:
        print(rows.to_json(orient="records", indent=2, force_ascii=False))
    elif arguments.csv:
        print(as_csv(rows), end="")
    else:
        print(printable(as_text(rows)))
    return 0


def _best(arguments: argparse.Namespace) -> int:
    from threephase.commands.best import best_runs
    from threephase.experiment.reading import read

    name = read(arguments.configfile).name if arguments.configfile else None
    found = best_runs(arguments.results, name, arguments.dataset)
    for each in found:
        if not arguments.path:
            print(printable(each.sentence))
        if each.path:
            print(each.path)
    return int(any(each.path is None for each in found))
