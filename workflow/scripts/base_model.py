from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"base model · {snakemake.wildcards.model}", models=True):
    from threephase.artifacts.folders import writing
    from threephase.encoders.base_model import make_base_model
    from threephase.settings.base_model import BaseModelSettings

    asked = snakemake.params.asked
    settings = BaseModelSettings(**asked["settings"])
    found = snakemake.input.get("downloaded")
    downloaded = Path(found).parent if found else None
    with writing(Path(snakemake.output[0]).parent) as folder:
        make_base_model(settings, folder, asked["code"], asked["raw"], downloaded)
