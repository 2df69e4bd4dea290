"""The document of a reproduction, and the numbers and figures beside it, from the compact form alone."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from tabulate import tabulate

from threephase.artifacts import layout
from threephase.artifacts.compact import records_of
from threephase.artifacts.folders import writing_file
from threephase.artifacts.inert import in_markdown
from threephase.experiment.asked import Asked
from threephase.experiment.config import EffectSettings
from threephase.experiment.recipe import Recipe
from threephase.reproduction.packing import runs_there, unpack
from threephase.reproduction.tables import write_tables
from threephase.reproduction.template import DOCUMENT
from threephase.tables.legend import without_repeats

PAGE = "reproduction.md"
BESIDE = "reproduction"  # folder beside the page: numbers and figures
ADVICE = "advice.md"  # beside the compact form: what a person concludes from the page
COMPARED = {".md", ".csv"}  # endings of what is the same on every machine; a figure's letters are as wide as its fonts
# Records that say by which code a step was made, by the kind of folder that they lie in.
MADE = {"provenance.json": "checkpoints", "metrics.json": "evaluations", "probe.json": "probes"}
ONE_TRAINING = ("identity", "started", "wall_seconds")  # what records of one training have alike; baselines have two
BEHIND = ("over_datasets", "classes", "probes", "audit_published")
# What a cell holds together where its table is narrow: an interval, with how many seeds it has and its sign.
INTERVAL = re.compile(r"\[[^]|]+\](?: \(\d+\))?(?: [▲▼≈·])?")
PAPERS = ("table3", "table4", "table6", "table7", "table1", "table2", "table5")


def write_document(folder: Path, shipped: Path, docs: Path) -> list[Path]:
    """Write page, numbers and figures, and return their paths; what an earlier one left beside the page goes.

    Args:
        folder: the compact form, with what a person concludes in `advice.md`, where there is one.
        shipped: the project's own config files.
        docs: where the page goes.
    """
    with TemporaryDirectory() as made:
        parts = _made(folder, shipped, Path(made))
        shutil.rmtree(docs / BESIDE, ignore_errors=True)
        for name, source in parts.items():
            (docs / name).parent.mkdir(parents=True, exist_ok=True)
            with writing_file(docs / name) as beside:
                shutil.copyfile(source, beside)
    return [docs / name for name in parts]


def differences(folder: Path, shipped: Path, docs: Path) -> list[str]:
    """The parts of the document under `docs` that are not what the compact form gives; none if all are."""
    with TemporaryDirectory() as made:
        parts = _made(folder, shipped, Path(made))
        wanted = {name: path for name, path in parts.items() if path.suffix in COMPARED}
        there = {path.relative_to(docs).as_posix() for path in (docs / BESIDE).glob("*.csv")}
        return sorted(
            {name for name, path in wanted.items() if _content(docs / name) != path.read_bytes()}
            | (there - wanted.keys())
        )


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _made(folder: Path, shipped: Path, work: Path) -> dict[str, Path]:
    """The document's parts by their names below `docs`, made in a folder of their own."""
    asked = unpack(folder, shipped, work / "results")
    tables = work / "tables"
    write_tables(asked, shipped, tables)
    advice = folder / ADVICE
    page = _page(asked, records_of(folder), tables, advice.read_text(encoding="utf-8") if advice.exists() else "")
    (work / PAGE).write_text(page, encoding="utf-8")
    beside = sorted(path for path in tables.iterdir() if path.suffix in (".csv", ".svg"))
    return {PAGE: work / PAGE, **{f"{BESIDE}/{path.name}": path for path in beside}}


def _page(asked: Asked, records: dict[str, str], tables: Path, advice: str) -> str:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(tables.glob("*.md"))}
    parts, notes = without_repeats(list(texts.values()))
    told = dict(zip(texts, map(_unbroken, parts), strict=True))
    effects = asked.config.tables.effects
    unanswered = {f"effects_{name}" for name in effects if not _answered(tables, name)}
    shown = {stem: text for stem, text in texts.items() if stem not in unanswered}
    asked_first = [name for block in asked.config.grid for name in block.effects or ()]
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(DOCUMENT).render(
        verdict=_below_heading(told["verdict"]),
        advice=advice,
        papers=[told[name] for name in map(_stem, PAPERS) if name in told],
        papers_figure=_figure(tables, _stem("table4"), "Ablations: differences in accuracy with their intervals"),
        claims=told[_stem("claims")],
        effects=[
            {
                "title": in_markdown(effects[name].title),
                "table": told[f"effects_{name}"] if f"effects_{name}" in shown else None,
                "figure": _figure(tables, f"effects_{name}", effects[name].title),
            }
            for name in dict.fromkeys([*asked_first, *effects])
        ],
        others=[told[name] for name in map(_stem, BEHIND) if name in told],
        notes=[{"where": where, "text": note} for note in notes if (where := _said_by(note, shown, effects))],
        coverage=_coverage(asked),
        **_origin(records),
    )


def _said_by(note: str, texts: Mapping[str, str], effects: Mapping[str, EffectSettings]) -> str:
    """The tables that say a note, by the names that they have on the page."""
    return in_markdown(", ".join(_name(stem, effects) for stem, text in _in_order(texts) if note in text.splitlines()))


def _in_order(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tables as they follow on the page: the paper's, the claims, the questions, what lies behind."""
    first = [_stem(name) for name in (*PAPERS, "claims")]
    return sorted(texts.items(), key=lambda item: first.index(item[0]) if item[0] in first else len(first))


def _name(stem: str, effects: Mapping[str, EffectSettings]) -> str:
    if number := re.match(r"table(\d)_", stem):
        return f"Table {number[1]}"
    effect = effects.get(stem.removeprefix("effects_"))
    return f"“{effect.title}”" if effect else stem.replace("_", " ").capitalize()


def _unbroken(text: str) -> str:
    """A text whose tables have no line end within an interval."""
    lines = text.splitlines()
    kept = [
        INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), line) if line.startswith("|") else line
        for line in lines
    ]
    return "\n".join(kept)


def _answered(tables: Path, effect: str) -> bool:
    """Whether any comparison of a question has its runs."""
    numbers = tables / f"effects_{effect}.csv"
    return numbers.exists() and len(numbers.read_text(encoding="utf-8").splitlines()) > 1


def _stem(name: str) -> str:
    return layout.TABLES.get(name, name)


def _below_heading(text: str) -> str:
    """A page of its own as a part of another: without its first heading."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("# ")).strip()


def _figure(tables: Path, stem: str, title: str) -> str:
    return f"![{in_markdown(title)}]({BESIDE}/{stem}.svg)" if (tables / f"{stem}.svg").exists() else ""


def _coverage(asked: Asked) -> str:
    """How many of the runs that were asked for there are, by variant and dataset."""
    counts = runs_there(asked)
    titles = asked.config.titles()
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in counts))
    models = list(dict.fromkeys(model for _, model, _ in counts))
    rows = []
    for variant in asked.config.variants:
        for model in models:
            cells = [counts.get((dataset, model, variant)) for dataset in datasets]
            if any(cells):
                shown = [f"{done} of {wanted}" if cell else "" for cell in cells for done, wanted in [cell or (0, 0)]]
                of_model = [in_markdown(titles.get(model, model))] if len(models) > 1 else []
                rows.append([in_markdown(variant), *of_model, *shown])
    model_head = ["Base model"] if len(models) > 1 else []
    heads = ["Variant", *model_head, *(in_markdown(titles.get(dataset, dataset)) for dataset in datasets)]
    return str(tabulate(rows, headers=heads, tablefmt="github", disable_numparse=True))


def _origin(records: dict[str, str]) -> dict[str, Any]:
    """Where the numbers come from, and what they cost."""
    trainings = _trainings(records)

    def each(of: Callable[[dict[str, Any]], str]) -> list[str]:
        return sorted({found for found in map(of, trainings) if found})

    seconds = pd.Series([training["wall_seconds"] for training in trainings], dtype=float)
    return {
        "trainings": len(trainings),
        "hours": f"{seconds.sum() / 3600:.1f}",
        "commits": each(lambda training: _commit(training.get("git", {}))),
        "machines": each(lambda training: _machine(training["hardware"])),
        "mixed": _mixed(records),
        "libraries": each(lambda training: _listed(training["versions"])),
    }


def _trainings(records: dict[str, str]) -> list[dict[str, Any]]:
    """The provenance of each training once: what a variant took over from its sibling is the same training."""
    found = [
        json.loads(content)
        for path, content in records.items()
        if path.startswith("checkpoints/") and path.endswith("/provenance.json")
    ]
    return list({tuple(str(each.get(key)) for key in ONE_TRAINING): each for each in found}.values())


def _commit(git: Mapping[str, Any]) -> str:
    edited = " (edited)" if git.get("edited") else ""
    return f"{git.get('commit', '')[:12]}{edited}" if git.get("commit") else ""


def _mixed(records: dict[str, str]) -> list[str]:
    """The steps of each dataset that several versions of the code made, in several sittings, as `trec: cl, ft`."""
    codes: dict[tuple[str, str], set[str]] = {}
    for path, content in records.items():
        kind, *between, name = path.split("/")
        if MADE.get(name) == kind:
            recipe = Recipe(between[-1])
            step = recipe.baseline or recipe.phase if kind == "checkpoints" else kind
            codes.setdefault((layout.dataset_of(between[0]), step), set()).add(json.loads(content)["code"])
    steps: dict[str, list[str]] = {}
    for (dataset, step), found in sorted(codes.items()):
        if len(found) > 1:
            steps.setdefault(dataset, []).append(step)
    return [f"{dataset}: {', '.join(of_dataset)}" for dataset, of_dataset in steps.items()]


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _machine(hardware: dict[str, Any]) -> str:
    gpus = ", ".join(hardware["gpus"])
    return gpus or f"{hardware['machine']}, {hardware['processor']}"
