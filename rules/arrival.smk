"""Before work starts: one workflow at a time, what a killed one left, and what was damaged meanwhile.

Reading this only looks; what is found is mended as a run begins.
"""

from threephase.jobs import arrival
from threephase.jobs.owner import Ownership
from threephase.jobs.repairs import Repairs

OWNERSHIP = Ownership(Path(".snakemake"))
FOUND = arrival.Findings()
WORK = workflow.is_main_process and arrival.will_work(workflow.output_settings.dryrun)


def repairs_of(place):
    """How often a folder was made again for damage: a change of this makes it anew, and what follows with it."""
    return lambda wildcards: REPAIRS.of(Path(place.format(**wildcards)))


try:
    REPAIRS = Repairs(layout.repairs())
    if WORK and experiment.tables.partial:
        arrival.say(
            "tables.partial: tables are made of the runs that are here, and ask for no others."
        )
    if workflow.is_main_process and arrival.begin(OWNERSHIP, WORK):
        audits = [layout.audit(name) for name in ASKED.datasets]
        # The page comes last, for it rests on the others.
        tables = [*layout.tables(experiment.name).glob("*.*")]
        tables.sort(key=lambda path: path.suffix == ".html")
        FOUND = arrival.look(ASKED.folders(), [*audits, *tables], REPAIRS, WORK)
except UserError as error:
    sys.exit(str(error))
if workflow.remote_exec:
    OWNERSHIP.leave_with_owner()


onstart:
    try:
        if workflow.execution_settings.lock:
            OWNERSHIP.acquire(remote=not workflow.local_exec)
        arrival.mend(FOUND, REPAIRS)
        arrival.lift_usual_rate(workflow.scheduler)
    except UserError as error:
        sys.exit(str(error))
