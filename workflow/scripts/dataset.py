from pathlib import Path

from threephase.jobs.foresight import refuse_what_comes_late
from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"data · {snakemake.wildcards.dataset}") as outcome:
    from threephase.artifacts.layout import dataset_of
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.data.store import write_dataset
    from threephase.settings.dataset import DatasetSettings, Fold, refuse_unknown_positive

    asked = snakemake.params.asked
    settings = DatasetSettings(**asked["settings"])
    downloaded = snakemake.input.get("downloaded")
    raw = read_source(settings.source, Path(downloaded).parent if downloaded else None)
    data = split(raw.splits, settings, Fold(**asked["split"]) if asked["split"] else None)
    # Not among what is asked, for another one makes no other splits.
    given = {str(name): block for name, block in snakemake.config["datasets"].items()}
    positive = given[dataset_of(snakemake.wildcards.dataset)].get("positive")
    refuse_unknown_positive(None if positive is None else str(positive), data.label_names)
    refuse_what_comes_late(snakemake.config, snakemake.wildcards.dataset, data)
    out = Path(snakemake.output.dataset).parent
    write_dataset(out, data, settings, raw.origin, asked["code"], asked["raw"])
    outcome.says(", ".join(f"{name} {len(rows)}" for name, rows in data.splits.items()))
