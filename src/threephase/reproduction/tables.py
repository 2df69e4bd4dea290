"""Every table and figure of a grid, from its compact form, by the functions that make them from `results/`."""

from pathlib import Path

import pandas as pd

from threephase.artifacts import layout
from threephase.artifacts.folders import writing_file
from threephase.artifacts.inert import as_csv
from threephase.evaluation.results import collect
from threephase.evaluation.statistics import LEAST_DATASETS
from threephase.experiment.asked import Asked
from threephase.experiment.reading import published_settings, tables_of
from threephase.experiment.recipe import Run
from threephase.tables.ablation import write_table4
from threephase.tables.claims import write_claims
from threephase.tables.classes import write_classes
from threephase.tables.datasets import TABLES as DATASET_TABLES
from threephase.tables.datasets import read_datasets
from threephase.tables.effects import write_effects
from threephase.tables.hyperparameters import Column, with_tuned, write_table5
from threephase.tables.over_datasets import write_over_datasets
from threephase.tables.probes import write_probes
from threephase.tables.published import audit, write_audit
from threephase.tables.scores import TABLES as SCORE_TABLES
from threephase.tables.scores import write_table
from threephase.tables.verdict import write_verdict


def write_tables(asked: Asked, shipped: Path, out: Path) -> None:
    """Write all that the grid's rules would, from the runs that there are; what has none is left out.

    Args:
        asked: the grid, and where its results lie (`packing.unpack`).
        shipped: the project's own config files, with the paper's figures.
        out: the folder of the tables.
    """
    root, config = asked.root, asked.config
    published = shipped / "published"
    results, datasets = published / "results.csv", pd.read_csv(published / "datasets.csv")

    def stem(name: str) -> Path:
        return out / layout.TABLES.get(name, name)

    given = asked.results()
    rows = collect([Run(*run) for run in given["runs"]], given["asked"], root)
    out.mkdir(parents=True, exist_ok=True)
    with writing_file(stem("results").with_suffix(".csv")) as beside:
        beside.write_text(as_csv(rows), encoding="utf-8")
    data = asked.data_table()
    known = read_datasets(data["datasets"], data["titles"], data["expected"], data["splits"], root)
    for name, write in DATASET_TABLES.items():
        write(known, data["models"], datasets, stem(name))
    main = asked.table(config.main_variants)
    if main["runs"]:
        for name, make in SCORE_TABLES.items():
            write_table(make, **main, published=str(results), stem=stem(name), root=root)
        write_classes(**asked.class_table(), stem=stem("classes"), root=root)
    write_table4(**asked.table(config.ablation_variants), published=str(results), stem=stem("table4"), root=root)
    _write_table5(asked, shipped, stem("table5"))
    if "audit_published" in tables_of(config, shipped):
        write_audit(audit(pd.read_csv(results), datasets), config.titles(), stem("audit_published"))
    write_probes(**asked.probe_table(), stem=stem("probes"), root=root)
    write_claims(**asked.claims(), published=str(results), stem=stem("claims"), root=root)
    for name in asked.effects():
        write_effects(**asked.effect(name), stem=stem(f"effects_{name}"), root=root)
    if asked.shared_datasets() >= LEAST_DATASETS:
        write_over_datasets(**asked.over_datasets(), stem=stem("over_datasets"), root=root)
    verdict = stem("verdict").with_suffix(".md")
    write_verdict(**asked.verdict(), out=verdict, root=root)
    # It names folders of runs, as they lie where the grid ran.
    told = verdict.read_text(encoding="utf-8").replace(str(root), str(layout.RESULTS))
    with writing_file(verdict) as beside:
        beside.write_text(told, encoding="utf-8")


def _write_table5(asked: Asked, shipped: Path, stem: Path) -> None:
    """Table 5; a column whose studies are not done yet has its values before them."""
    given = asked.hyperparameter_table(published_settings(shipped))
    columns = []
    for column in (Column(*column) for column in given["columns"]):
        recipes = asked.config.recipe_of(asked.config.reference).prefixes
        found = [asked.tuned(column.dataset, column.model, recipe) for recipe in recipes]
        files = [file for file in found if file and Path(file).is_file()]
        columns += with_tuned([column], files if len(files) == len(recipes) else [], given["fixed"])
    write_table5(columns, given["titles"], given["reference"], stem)
