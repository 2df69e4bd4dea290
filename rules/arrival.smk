"""Before work starts: one workflow at a time, what a killed one left, and what was damaged meanwhile."""

import time

from snakemake.cli import get_argument_parser

from threephase.checkpoint import COMPLETE, DATASET, ORIGIN, damage, discard
from threephase.owner import LOOK, MISSED, Ownership
from threephase.repairs import Repairs

OWNERSHIP = Ownership(Path(".snakemake"))
REPAIRS = Repairs(Path("results/repairs.json"))
# What Snakemake can be asked for besides working.
LOOKS = {
    "dryrun",
    "lint",
    "dag",
    "rulegraph",
    "filegraph",
    "d3dag",
    "summary",
    "detailed_summary",
    "list_rules",
    "list_target_rules",
    "report",
    "archive",
    "unlock",
}


def folders_made():
    """Folders that this grid rests on and that an earlier run made, each with the file that closes it."""
    places = dict.fromkeys(
        Path(place.format(**run._asdict() | {"recipe": step})) / closing
        for run in RUNS
        for step in map(recipe, prefixes(settings.variants[run.variant]))
        for place, closing in (
            (DOWNLOADED_DATA, ORIGIN),
            (DOWNLOADED_MODEL, ORIGIN),
            (DATA, DATASET),
            (BASE_MODEL, COMPLETE),
            (CHECKPOINT, COMPLETE),
            (EVALUATION, COMPLETE),
        )
    )
    return [place for place in places if place.exists()]


def audits_made():
    """The audits of this grid that an earlier run made."""
    places = [AUDIT.format(dataset=name) for name in DATASETS]
    return [Path(place) for place in places if Path(place).exists()]


def dated_now(files):
    """Give files with a date in the future today's, in this order: no job may have older output than input."""
    for path in files:
        os.utime(path)


def from_the_future(files):
    """Those of the files whose date is yet to come."""
    return [path for path in files if path.stat().st_mtime > time.time() + 1]


def only_looks():
    """Whether this process was started to look, not to work."""
    asked, _ = get_argument_parser().parse_known_args()
    return any(getattr(asked, name, None) for name in LOOKS)


def found_on_arrival():
    """What a person should know before the run: lines for the terminal. What was damaged is marked for repair.

    Exits where another run works here and this one would too, and where nothing can be written.
    """
    if not os.access(".", os.W_OK):
        sys.exit(
            f"{Path.cwd()}: may not be written; name a folder of your own (--directory)"
        )
    other = OWNERSHIP.other()
    if other:
        if not only_looks():
            refuse(other)
        return
    buried = OWNERSHIP.bury()
    if buried:
        yield f"A run was killed here ({buried}). Its lock is removed; unfinished trainings go on."
        if buried.remote:
            seconds = int(LOOK * (MISSED + 2))
            yield f"Waiting {seconds} s for its jobs on other machines to end."
            time.sleep(seconds)
    folders = folders_made()
    ahead = from_the_future(folders)
    for closing in ahead:  # the closing file last: it stays the youngest of its folder
        dated_now([*closing.parent.rglob("*"), closing])
    audits = from_the_future(audits_made())
    dated_now(audits)
    if ahead or audits:
        yield f"{len(ahead) + len(audits)} results came from the future (was the clock set back?); they are dated now."
    for closing in folders:
        found = damage(closing.parent, closing.name)
        if found:
            REPAIRS.mark(closing.parent)
            discard(closing.parent, closing.name)
            yield f"{found}; {closing.parent} will be made again."


def refuse(other):
    """Exit for the sake of another run."""
    sys.exit(f"Another run works here ({other}). Wait for it, or stop it.")


def claim():
    """Refuse to run beside another workflow, unless Snakemake's --nolock allows it."""
    if workflow.execution_settings.lock:
        try:
            OWNERSHIP.claim(remote=not workflow.local_exec)
        except FileExistsError:
            refuse(OWNERSHIP.other())


def repairs_of(place):
    """How often a folder was made again for damage: a change of this makes it anew, and what follows with it."""
    return lambda wildcards: REPAIRS.of(Path(place.format(**wildcards)))


if workflow.remote_exec:
    OWNERSHIP.leave_with_owner()
if workflow.is_main_process:
    for line in found_on_arrival():
        print(line, file=sys.stderr)


onstart:
    claim()
