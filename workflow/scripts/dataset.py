from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"data · {snakemake.wildcards.dataset}") as says:
    from threephase.data.sources import read_source
    from threephase.data.splits import split
    from threephase.data.store import write_dataset
    from threephase.settings.dataset import DatasetSettings

    settings = DatasetSettings(**snakemake.params.settings)
    raw = read_source(settings.source)
    data = split(raw.splits, settings)
    write_dataset(Path(snakemake.output.dataset).parent, data, settings, raw.origin, snakemake.params.code)
    says(", ".join(f"{name} {len(rows)}" for name, rows in data.splits.items()))
