from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"data · {snakemake.wildcards.dataset}") as outcome:
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.data.store import write_dataset
    from threephase.settings.dataset import DatasetSettings

    settings = DatasetSettings(**snakemake.params.settings)
    downloaded = snakemake.input.get("downloaded")
    raw = read_source(settings.source, Path(downloaded).parent if downloaded else None)
    data = split(raw.splits, settings)
    out = Path(snakemake.output.dataset).parent
    write_dataset(out, data, settings, raw.origin, snakemake.params.code, snakemake.params.raw)
    outcome.says(", ".join(f"{name} {len(rows)}" for name, rows in data.splits.items()))
