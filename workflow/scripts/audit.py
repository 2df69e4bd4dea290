from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"audit · {snakemake.wildcards.dataset}") as outcome:
    from threephase.audit.dataset import Reader, audit_dataset
    from threephase.settings.dataset import DatasetSettings

    asked = snakemake.params.asked
    downloaded = snakemake.input.get("downloaded")
    lines = audit_dataset(
        DatasetSettings(**asked["settings"]),
        data=Path(snakemake.input.dataset).parent,
        downloaded=Path(downloaded).parent if downloaded else None,
        readers={
            name: Reader(Path(folder).parent, rule)
            for (name, rule), folder in zip(asked["max_lengths"].items(), snakemake.input.models, strict=True)
        },
        ratios=asked["ratios"],
        out=Path(snakemake.output[0]),
    )
    outcome.says(f"{len(lines)} findings")
