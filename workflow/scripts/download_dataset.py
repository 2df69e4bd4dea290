from pathlib import Path

from threephase.jobs.frame import job

with job(snakemake.log[0], snakemake.threads, f"download · {snakemake.wildcards.dataset}", online=True) as outcome:
    from threephase.artifacts.folders import ORIGIN, writing
    from threephase.data.hub import download_dataset
    from threephase.settings.dataset import Source

    with writing(Path(snakemake.output[0]).parent, closing=ORIGIN) as folder:
        origin = download_dataset(Source(**snakemake.params.asked["settings"]), folder)
    outcome.says(f"{origin.get('hub') or origin['url']}, {len(origin['files'])} files")
