from pathlib import Path

from threephase.job import job, run_title

title = run_title("ft", snakemake.wildcards)
with job(snakemake.log[0], snakemake.threads, title) as says:
    from threephase.phases.finetune import FT
    from threephase.phases.run import run_phase

    fitted = run_phase(
        FT,
        data=Path(snakemake.input.data[0]).parent,
        parent=Path(snakemake.input.parent).parent,
        settings=FT.settings(**snakemake.params.settings),
        seed=int(snakemake.wildcards.seed),
        out=Path(snakemake.output[0]).parent,
        title=title,
    )
    says(fitted.summary)
