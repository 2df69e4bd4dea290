"""What config and splits tell together, asked before any training: what would stop a phase after others have trained.

The job that makes the splits asks, and the workflow, as it is parsed, of splits that are there (DESIGN contract 10).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from threephase.artifacts import layout
from threephase.errors import DataError
from threephase.experiment.config import Config
from threephase.experiment.recipe import Recipe
from threephase.settings.contrastive import PairSettings

if TYPE_CHECKING:  # whoever plans loads neither
    import pandas as pd

    from threephase.data.splits import SplitData


class Sizes(NamedTuple):
    """The rows of a labelled split and the classes that they are of."""

    rows: int
    classes: int

    @classmethod
    def of(cls, rows: "pd.DataFrame") -> "Sizes":
        """Of rows that are written: different texts of a class, and classes that are one on all levels."""
        labels = [column for column in rows.columns if column.startswith("label_")]
        texts = rows[["text", *labels]].drop_duplicates()
        return cls(len(texts), len(texts[labels].drop_duplicates()))

    @classmethod
    def counted(cls, counts: Mapping[str, Any]) -> "Sizes":
        """Of a split as `dataset.json` counts it: all rows, and the classes of the deepest level."""
        return cls(counts["rows"], sum(count > 0 for count in counts["classes"][-1].values()))

    def lack_a_pair(self, label_fraction: float = 1.0) -> bool:
        """Whether a stratified share of the rows, each class once at the least, has no two rows of one class."""
        return max(self.classes, round(label_fraction * self.rows)) <= self.classes


def sizes_of(data: "SplitData") -> dict[str, Sizes]:
    """The sizes of train and validation, of splits that were just made."""
    return {split: Sizes.of(data.splits[split]) for split in ("train", "validation")}


def counted_sizes(described: Mapping[str, Any]) -> dict[str, Sizes]:
    """The sizes of train and validation, as `dataset.json` says."""
    return {split: Sizes.counted(described["counts"][split]) for split in ("train", "validation")}


def refuse_no_pairs(config: Config, dataset: str, sizes: Mapping[str, Sizes]) -> None:
    """Raise DataError where a phase that learns from pairs would have no two texts of one class.

    Pairs of training texts and, but where these select too, pairs of validation texts. The phase itself would say so
    too, after those before it have trained.
    """
    own = layout.dataset_of(dataset)
    cells = dict.fromkeys((run.model, run.recipe) for run in config.runs() if layout.dataset_of(run.dataset) == own)
    for model, recipe in cells:
        for part in Recipe(recipe).prefixes:
            settings = config.phase_settings(own, model, part)
            if not isinstance(settings, PairSettings):
                continue
            for split in _paired(settings):
                if sizes[split].lack_a_pair(settings.label_fraction):
                    raise DataError(_no_pair(split, part, settings.label_fraction, sizes[split]))


def refuse_other_positive(config: Config, dataset: str, label_names: Sequence[Sequence[str]]) -> None:
    """Raise DataError where scores are those of a class that a variant does not tell from others.

    `positive` may be a class of any label level, and each variant classifies one of them.
    """
    own = layout.dataset_of(dataset)
    given = config.datasets[own]
    if given.averaging != "binary":
        return
    for run in config.runs():
        if layout.dataset_of(run.dataset) == own:
            settings = config.phase_settings(own, run.model, run.recipe)
            level = getattr(settings, "label_level", None) or len(label_names)
            if level <= len(label_names) and given.positive not in label_names[level - 1]:
                raise DataError(
                    f"`positive: {given.positive}` is no class of label level {level}, which '{run.variant}' "
                    f"classifies; name one of {', '.join(label_names[level - 1][:20])}, or change `label_level`"
                )


def _paired(settings: PairSettings) -> list[str]:
    """The splits that a phase draws its pairs from, without those that the released protocol enlarges."""
    enlarged = settings.train_on_test or settings.stop_word_noise == "released"
    selects = getattr(settings, "selection", "validation") == "validation"
    return ["train"] * (not enlarged) + ["validation"] * selects


def _no_pair(split: str, recipe: Recipe, label_fraction: float, sizes: Sizes) -> str:
    kept = f", of which `label_fraction` {label_fraction:g} keeps one of each" if label_fraction < 1 else ""
    remedies = ["raise `label_fraction`"] if label_fraction < 1 else []
    remedies += ["raise `validation_size`"] if split == "validation" else ["lower `validation_size`"]
    return (
        f"{split} split: {sizes.rows} different texts of {sizes.classes} classes{kept}, so no two of one class make a "
        f"pair for '{recipe}'; {', '.join(remedies)}, or add rows"
    )
