from pathlib import Path

from threephase.job import job

with job(snakemake.log[0], snakemake.threads, f"base model · {snakemake.wildcards.model}"):
    from threephase.base_model import make_base_model
    from threephase.checkpoint import writing
    from threephase.settings.base_model import BaseModelSettings

    settings = BaseModelSettings(**snakemake.params.settings)
    found = snakemake.input.get("downloaded")
    downloaded = Path(found).parent if found else None
    with writing(Path(snakemake.output[0]).parent) as folder:
        make_base_model(settings, folder, snakemake.params.code, snakemake.params.raw, downloaded)
