"""`threephase reproduction`: a grid's results in compact form, what is missing, the document, and a part again."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from threephase.commands.line.arguments import as_change, as_count
from threephase.errors import UserError
from threephase.experiment.shipped import SHIPPED

COMMITTED, DOCS = Path("reproduction"), Path("docs")
NEXT = "run `threephase reproduction write`, and commit what it wrote"


def add_commands(commands: Any) -> None:
    """Make them known to the command line."""
    room = commands.add_parser("reproduction", help="a grid in compact form, and the document made of it")
    kinds = room.add_subparsers(required=True)
    pack = kinds.add_parser(
        "pack", help="add scores, settings, provenance, predictions of a grid to the compact form: no weights, no texts"
    )
    _add_config(pack)
    pack.add_argument("--results", type=Path, nargs="+", default=[Path("results")], help="results folders")
    pack.set_defaults(run=_pack)
    write = kinds.add_parser("write", help="docs/reproduction.md, its tables and figures, from the compact form alone")
    write.add_argument("--check", action="store_true", help="write nothing; fail where they differ from what is there")
    write.set_defaults(run=_write)
    run = kinds.add_parser("run", help="what is not packed yet, dataset by dataset; its weights go when it is packed")
    _add_config(run)
    run.add_argument("--sittings", type=Path, default=Path("sittings"), help="where each dataset has its folder")
    run.add_argument("--cores", default="all", help="as snakemake's")
    run.add_argument("--dataset", nargs="+", metavar="NAME", help="these alone")
    run.set_defaults(run=_run)
    draw = kinds.add_parser("draw", help="a config that asks for a drawn share of the packed runs once more")
    draw.add_argument("out", type=Path, help="the config to write, to be laid over the grid's")
    draw.add_argument("--share", type=_share, default=0.1, help="of the runs")
    draw.add_argument("--draw", type=as_count, default=1, help="another number draws others")
    draw.set_defaults(run=_draw)
    compare = kinds.add_parser("compare", help="whether runs that were made again agree with the packed ones")
    _add_config(compare)
    compare.add_argument("--results", type=Path, default=Path("results"), help="the results folder of the new runs")
    compare.set_defaults(run=_compare)
    for each in (pack, run, write, draw, compare):
        each.add_argument("--folder", type=Path, default=COMMITTED, help="of the compact form")


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--configfile", type=Path, nargs="+", required=True, help="config files of the grid")
    parser.add_argument(
        "--config", nargs="+", type=as_change, default=[], metavar="KEY=VALUE", help="as snakemake's, of the top level"
    )


def _share(given: str) -> float:
    value = float(given)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{given}: is no share above 0; give one up to 1")
    return value


def _code() -> Any:
    from threephase.jobs.digest import code_of

    scripts = Path("workflow/scripts")
    if not scripts.is_dir():
        raise UserError("reproduction: compares runs with the code that makes them; run it in the project's folder")
    return partial(code_of, scripts=scripts)


def _pack(arguments: argparse.Namespace) -> int:
    from threephase.experiment.reading import merged
    from threephase.reproduction.packing import pack

    given = merged(arguments.configfile, dict(arguments.config))
    for results in arguments.results:
        packed = pack(given, SHIPPED, _code(), results, arguments.folder)
        print(f"{arguments.folder}: {packed.runs} of {packed.of} runs, {packed.size / 1e6:.1f} MB")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from threephase.commands.sitting import Sittings

    changes = dict(arguments.config)
    left = Sittings(arguments.configfile, changes, _code(), arguments.sittings, arguments.folder, arguments.cores)
    for dataset in arguments.dataset or left.datasets:
        left.sit(dataset)
    for dataset in left.unfinished:
        print(f"✗ {dataset}: not all of its runs are done; its folder {arguments.sittings / dataset} stays")
    return int(bool(left.unfinished))


def _write(arguments: argparse.Namespace) -> int:
    from threephase.reproduction.document import differences, write_document

    if not arguments.check:
        for path in write_document(arguments.folder, SHIPPED, DOCS):
            print(path)
        return 0
    found = differences(arguments.folder, SHIPPED, DOCS)
    for name in found:
        print(f"{DOCS / name}: is not what {arguments.folder} gives; {NEXT}")
    return int(bool(found))


def _draw(arguments: argparse.Namespace) -> int:
    from threephase.reproduction.again import drawn
    from threephase.reproduction.sittings import write_grid

    overlay = drawn(arguments.folder, SHIPPED, arguments.share, arguments.draw)
    write_grid(overlay, arguments.out)
    print(f"{arguments.out}: {len(overlay['grid'])} runs, or all splits of one")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from threephase.experiment.reading import read
    from threephase.reproduction.again import compare

    config = read(arguments.configfile, dict(arguments.config))
    found = compare(arguments.folder, SHIPPED, config, _code(), arguments.results)
    for each in found.runs:
        print(f"{'✓' if each.agrees else '✗'} {each.run}: {each.said}")
    for line in found.unjudged:
        print(f"· {line}")
    verdict = "agrees" if found.holds else "does not agree" if found.runs else "nothing could be judged"
    outside = f"{found.outside} of {len(found.trainings)} trainings outside their 95% intervals"
    print(f"{outside} (p = {found.probability:.2g}): {verdict}")
    return int(not found.holds)
