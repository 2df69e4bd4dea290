"""Before work starts: one workflow at a time, what a killed one left, and what was damaged meanwhile."""

from threephase.checkpoint import COMPLETE, DATASET, ORIGIN, damage, discard
from threephase.owner import Ownership

OWNERSHIP = Ownership(Path(".snakemake"))


def folders_made():
    """Folders that this grid rests on and that an earlier run made, each with the file that closes it."""
    places = dict.fromkeys(
        place.format(**run._asdict() | {"recipe": step}) + f"/{closing}"
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
    return [Path(place) for place in places if Path(place).exists()]


def found_on_arrival():
    """What a person should know before the run: lines for the terminal. Damaged folders lose their closing file."""
    other = OWNERSHIP.other()
    if other:
        yield f"Another run works here ({other}). Looking is fine; a second run is refused."
        return
    buried = OWNERSHIP.bury()
    if buried:
        yield f"A run was killed here ({buried}). Its lock is removed; unfinished trainings go on."
    for closing in folders_made():
        found = damage(closing.parent, closing.name)
        if found:
            discard(closing.parent, closing.name)
            yield f"{found}; {closing.parent} will be made again."


def claim():
    """Refuse to run beside another workflow, unless Snakemake's --nolock allows it."""
    if workflow.execution_settings.lock:
        try:
            OWNERSHIP.claim()
        except FileExistsError:
            sys.exit(
                f"Another run works here ({OWNERSHIP.other()}). Wait for it, or stop it."
            )


if workflow.is_main_process:
    for line in found_on_arrival():
        print(line, file=sys.stderr)


onstart:
    claim()
