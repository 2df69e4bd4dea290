"""How many rows of a config's datasets fit into a time that somebody has."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from threephase.experiment.config import Config
from threephase.plan.report import Plan, plan_of
from threephase.plan.work import Corpus
from threephase.settings.dataset import SPLITS, Limits

LEAST = 0.001  # share of the rows below which no time is worth asking for
TRIES = 10  # halvings of the share's logarithm


class Budget(NamedTuple):
    """The limits that were chosen, none where all rows fit, and the seconds that the grid then takes at the most."""

    limits: Limits
    seconds: float


def within(config: Config, seconds: float, slots: int, least: int, gpu: str | None = None) -> Budget:
    """The most rows that the grid trains on in so many seconds, by the plan's costs, measured once.

    All splits shrink alike, but none below `least` rows, which may still take longer. Arguments and errors else as of
    `plan_of`.
    """
    with plan_of(config, slots, gpu) as plan:
        if plan.finish <= seconds:
            return Budget(Limits(), plan.finish)
        low, high = math.log(LEAST), 0.0
        for _ in range(TRIES):
            middle = (low + high) / 2
            fits = _smaller(plan, math.exp(middle), least).finish <= seconds
            low, high = (middle, high) if fits else (low, middle)
        chosen = _smaller(plan, math.exp(low), least)
        whole, part = _most(plan.corpora.values()), _most(chosen.corpora.values())
        return Budget(Limits(**{split: part[split] for split in SPLITS if part[split] < whole[split]}), chosen.finish)


def _smaller(plan: Plan, share: float, least: int) -> Plan:
    """The plan of a share of the rows, by the paces of the whole one."""
    corpora = {name: _part(corpus, share, least) for name, corpus in plan.corpora.items()}
    smaller = Plan(plan.config, corpora, plan.models, plan.slots, plan.gpu)
    smaller.speeds = plan.speeds
    return smaller


def _most(corpora: Iterable[Corpus]) -> dict[str, int]:
    """The most rows that a dataset has, by split."""
    rows = [corpus.rows for corpus in corpora]
    return {split: int(max(each[split] for each in rows)) for split in SPLITS}


def _part(corpus: Corpus, share: float, least: int) -> Corpus:
    return corpus.of_rows({split: min(rows, max(least, _round(share * rows))) for split, rows in corpus.rows.items()})


def _round(rows: float) -> int:
    """Down to two digits, as a person would write a limit."""
    unit = 10 ** max(0, int(math.log10(max(rows, 1))) - 1)
    return int(rows // unit * unit)
