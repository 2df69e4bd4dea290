from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"audit · {snakemake.wildcards.dataset}") as outcome:
    from threephase.auditing import Reader, audit_dataset
    from threephase.settings.dataset import DatasetSettings

    downloaded = snakemake.input.get("downloaded")
    lines = audit_dataset(
        DatasetSettings(**snakemake.params.settings),
        data=Path(snakemake.input.dataset).parent,
        downloaded=Path(downloaded).parent if downloaded else None,
        readers={
            name: Reader(Path(folder).parent, rule)
            for (name, rule), folder in zip(snakemake.params.max_lengths.items(), snakemake.input.models, strict=True)
        },
        ratios=snakemake.params.ratios,
        out=Path(snakemake.output[0]),
    )
    outcome.says(f"{len(lines)} findings")
