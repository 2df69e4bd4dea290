"""What the job that makes a dataset's splits asks of them for the sake of jobs that come later.

It lies here, for it reads the whole config, and moves no row of the splits: an edit of it makes none anew.
"""

from collections.abc import Mapping
from typing import Any

from threephase.data.splits import SplitData


def refuse_what_comes_late(given: Mapping[str, Any], dataset: str, data: SplitData) -> None:
    """Raise DataError for splits that a later job of the config `given` could not work with."""
    from threephase.experiment.foreseen import refuse_no_pairs, refuse_other_positive, sizes_of
    from threephase.experiment.reading import load

    config = load(given)
    refuse_other_positive(config, dataset, data.label_names)
    refuse_no_pairs(config, dataset, sizes_of(data))
