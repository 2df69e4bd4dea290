from pathlib import Path

from threephase.jobs.frame import job
from threephase.jobs.guard import refuse_test_split

rule = snakemake
where = (rule.wildcards.dataset, rule.wildcards.model, rule.wildcards.group)
worker = int(rule.wildcards.worker)
data = Path(rule.input.data[0]).parent
with job(rule.log[0], rule.threads, f"study · {' · '.join(where)}", gpus=1) as outcome, refuse_test_split(data.parent):
    from threephase.artifacts import layout
    from threephase.artifacts.folders import write_json, writing_file
    from threephase.tuning.study import Plan, work

    plan = Plan.of(where, **rule.params.asked, data=data, base=Path(rule.input.parent).parent)
    trials = work(plan, worker, rule.resources.save_every, layout.states_of_worker(*where, worker))
    with writing_file(Path(rule.output[0])) as beside:
        write_json(beside, {"study": plan.key, "trials": trials})
    outcome.says(f"{trials} trials")
