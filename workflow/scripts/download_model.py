from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"download · {snakemake.wildcards.model}", online=True) as outcome:
    from threephase.artifacts.folders import ORIGIN, writing
    from threephase.data.hub import download_model
    from threephase.settings.base_model import BaseModelSettings

    with writing(Path(snakemake.output[0]).parent, closing=ORIGIN) as folder:
        origin = download_model(BaseModelSettings(**snakemake.params.asked["settings"]), folder)
    outcome.says(f"{origin['hub']} at {origin['commit']}")
