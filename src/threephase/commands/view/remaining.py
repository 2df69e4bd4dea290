"""Time left: what the plan takes jobs to cost, corrected as jobs go on and end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import mean

from threephase.settings.phases import PHASES

TELLING = 0.05  # of a training's steps, after which its pace tells how long it takes

Key = tuple[str, ...]


def key_of(wildcards: Mapping[str, str]) -> Key:
    """What tells the jobs of a rule apart, but for the workers of a study, which are alike."""
    return tuple(str(value) for name, value in sorted(wildcards.items()) if name != "worker")


class Remaining:
    """How long a run will still take.

    The plan's costs of trainings are operations, since nobody measured this machine: until a training has ended, or has
    done some of its steps, there is no time left to tell where trainings are left. Without a plan, all trainings of a
    rule count alike.
    """

    def __init__(self) -> None:
        self.costs: dict[str, dict[Key, float]] = {}  # by rule: of its trainings that are not there yet, in operations
        self.usual: dict[str, float] = {}  # by rule: seconds of what trains no network
        self.begun: set[tuple[str, Key]] = set()
        self.ended: dict[str, list[tuple[Key, float]]] = defaultdict(list)  # by rule: jobs with their seconds
        self.at_once = 1

    def plans(self, costs: Iterable[tuple[str, Iterable[str], float]], usual: Mapping[str, float]) -> None:
        """What the plan has: of trainings their rules, what tells them apart, operations; of other rules seconds."""
        for rule, key, cost in costs:
            self.costs.setdefault(rule, {})[tuple(key)] = cost
        self.usual = dict(usual)

    def begins(self, rule: str, wildcards: Mapping[str, str], running: int) -> None:
        """A job begins, and so many run now."""
        self.begun.add((rule, key_of(wildcards)))
        self.at_once = max(self.at_once, running)

    def ends(self, rule: str, wildcards: Mapping[str, str], seconds: float) -> None:
        """A job took so long."""
        self.ended[rule].append((key_of(wildcards), seconds))

    def seconds(
        self, left: Mapping[str, int], running: Iterable[tuple[str, Mapping[str, str], float, float | None]]
    ) -> float | None:
        """Until all is done; None where nothing tells.

        Args:
            left: jobs that have not ended, by rule.
            running: of each job at work its rule, its wildcards, the seconds since it began and the share of its steps.
        """
        at_work = [(rule, self._cost(rule, key_of(names)), passed, share) for rule, names, passed, share in running]
        paces = self._paces(at_work)
        waiting = Counter(left)
        waiting.subtract(rule for rule, *_ in at_work)
        waiting = +waiting
        if any(self._trains(rule) and rule not in paces for rule in [*waiting, *(rule for rule, *_ in at_work)]):
            return None
        of_running = [
            passed * (1 - share) / share if share else max(paces.get(rule, 1.0) * cost - passed, 0.0)
            for rule, cost, passed, share in at_work
        ]
        of_waiting = sum(count * self._mean_cost(rule) * paces.get(rule, 1.0) for rule, count in waiting.items())
        return max((sum(of_running) + of_waiting) / self.at_once, *of_running, 0.0)

    def _paces(self, at_work: list[tuple[str, float, float, float | None]]) -> dict[str, float]:
        """Seconds for a unit of cost: of each rule with jobs that tell; of other rules that train, by all that do."""
        seen = {rule: [(self._cost(rule, key), seconds) for key, seconds in jobs] for rule, jobs in self.ended.items()}
        for rule, cost, passed, share in at_work:
            if share and share >= TELLING:
                seen.setdefault(rule, []).append((cost, passed / share))
        trained = [pair for rule, pairs in seen.items() if self._trains(rule) for pair in pairs]
        others = dict.fromkeys([*PHASES, *self.costs], _ratio(trained)) if trained else {}
        return others | {rule: _ratio(pairs) for rule, pairs in seen.items()}

    def _trains(self, rule: str) -> bool:
        return rule in PHASES or rule in self.costs

    def _cost(self, rule: str, key: Key) -> float:
        return self.costs.get(rule, {}).get(key) or self._usual_cost(rule)

    def _mean_cost(self, rule: str) -> float:
        """Of the jobs that did not begin."""
        waiting = [cost for key, cost in self.costs.get(rule, {}).items() if (rule, key) not in self.begun]
        return mean(waiting) if waiting else self._usual_cost(rule)

    def _usual_cost(self, rule: str) -> float:
        planned = self.costs.get(rule)
        return mean(planned.values()) if planned else self.usual.get(rule, 1.0)


def _ratio(pairs: list[tuple[float, float]]) -> float:
    """Seconds for a unit, of all pairs of cost and seconds together."""
    return sum(seconds for _, seconds in pairs) / max(sum(cost for cost, _ in pairs), 1e-9)
