"""When the last job of a grid is done: the longest chain, and jobs laid out over as many slots as there are."""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """Something that takes a slot for so many seconds once its parents are done; `label` is what people read."""

    name: str
    seconds: float
    parents: tuple[str, ...] = ()
    label: str = ""


def longest_chain(jobs: list[Job]) -> list[Job]:
    """The jobs, first to last, that take longest one after another. `jobs` stand after their parents."""
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    by_name = {job.name: job for job in jobs}
    for job in jobs:
        last = max(job.parents, key=ends.__getitem__, default=None)
        before[job.name] = last
        ends[job.name] = job.seconds + (ends[last] if last else 0.0)
    chain = []
    name = max(ends, key=ends.__getitem__, default=None)
    while name:
        chain.append(by_name[name])
        name = before[name]
    return chain[::-1]


def finish(jobs: list[Job], slots: int) -> float:
    """Seconds until all jobs are done, where a free slot takes the ready job with the longest way to go."""
    left = dict.fromkeys((job.name for job in jobs), 0.0)
    children: dict[str, list[Job]] = {job.name: [] for job in jobs}
    for job in reversed(jobs):
        left[job.name] += job.seconds
        for parent in job.parents:
            children[parent].append(job)
            left[parent] = max(left[parent], left[job.name])
    waits = {job.name: len(job.parents) for job in jobs}
    ready = [(-left[job.name], number, job) for number, job in enumerate(jobs) if not job.parents]
    heapq.heapify(ready)
    running: list[tuple[float, int, Job]] = []
    now, number = 0.0, len(jobs)
    while ready or running:
        while ready and len(running) < slots:
            _, _, job = heapq.heappop(ready)
            number += 1
            heapq.heappush(running, (now + job.seconds, number, job))
        now, _, job = heapq.heappop(running)
        for child in children[job.name]:
            waits[child.name] -= 1
            if not waits[child.name]:
                number += 1
                heapq.heappush(ready, (-left[child.name], number, child))
    return now


def shown(seconds: float) -> str:
    """`45 s`, `5 min 40 s`, `3 h 20 min`, `4.2 days`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.1f} days"
