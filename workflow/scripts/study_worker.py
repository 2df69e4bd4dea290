from pathlib import Path

from threephase.guard import refuse_test_split
from threephase.job import job

rule = snakemake
where = " · ".join((rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.group))
data = Path(rule.input.data[0]).parent
with job(rule.log[0], rule.threads, f"study · {where}", gpus=1) as outcome, refuse_test_split(data.parent):
    from threephase.checkpoint import write_json, writing_file
    from threephase.tuning import plan_of, work
    from threephase.unfinished import ROOT

    plan = plan_of(rule, data)
    worker = int(rule.wildcards.worker)
    states = ROOT / "--".join(("study", *where.split(" · "), str(worker)))
    trials = work(plan, worker, rule.resources.save_every, states)
    with writing_file(Path(rule.output[0])) as beside:
        write_json(beside, {"study": plan.key, "trials": trials})
    outcome.says(f"{trials} trials")
