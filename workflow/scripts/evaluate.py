from pathlib import Path

from threephase.job import job, run_title

with job(snakemake.log[0], snakemake.threads, run_title("test", snakemake.wildcards), gpus=1) as outcome:
    from threephase.evaluation import evaluate
    from threephase.unfinished import forget, states_of

    forget(states_of(**snakemake.wildcards))
    metrics = evaluate(
        data=Path(snakemake.input.dataset).parent,
        checkpoint=Path(snakemake.input.checkpoint).parent,
        out=Path(snakemake.output[0]).parent,
        code=snakemake.params.code,
        **snakemake.params.settings,
    )
    if "failed" in metrics:
        outcome.fails(f"nothing to test: {metrics['failed']}")
    else:
        outcome.says(f"accuracy {metrics['accuracy']:.4f}, F1 {metrics['f1']:.4f}")
