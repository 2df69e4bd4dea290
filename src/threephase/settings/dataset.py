"""Settings of a dataset: where its rows come from, how they are cleaned and split."""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from threephase.errors import DataError
from threephase.settings.common import Count, Seed, Settings, known, refuse_leaving, refuse_odd_hub

SPLITS = ("train", "validation", "test", "unlabelled")
SourceKind = Literal["hub", "url", "package", "local"]

# What the rows of a split do not depend on: tables show it, or scores are averaged by it; or it says how many repeats
# there are, of which each has the same folds whatever the others are.
SHOWN_ONLY: dict[str, Any] = {
    "title": True, "averaging": True, "positive": True, "expected": True, "splits": {"repeats"}
}  # fmt: skip


def _rows(given: Any) -> Any:
    """A number of rows is whole: 1.0 would be one row where all of them are meant."""
    if isinstance(given, float) and given >= 1:
        raise ValueError(f"{given:g} is neither a whole number of rows nor a share below 1; write one of both")
    return given


def refuse_unknown_sizes(sizes: Iterable[str], classes: Collection[str]) -> None:
    """Raise DataError where `class_sizes` or `test_class_sizes` names what is no class of the rows."""
    unknown = sorted(set(sizes) - set(classes))
    if unknown:
        raise DataError(
            f"class_sizes names no class of the data: {', '.join(unknown)}; there are {', '.join(sorted(classes)[:20])}"
        )


def refuse_unknown_positive(positive: str | None, label_names: list[list[str]]) -> None:
    """Raise DataError where the positive class is none of the classes of any level."""
    if positive is not None:
        try:
            known(positive, [name for level in label_names for name in level], "class in `positive`:")
        except ValueError as error:
            raise DataError(str(error)) from None


class CopyColumns(Settings):
    """Columns of the local copies that `data_root` names, where they differ from those of the source."""

    text: str = Field("text", description="Column that holds the text.")
    labels: list[str] = Field(["label"], min_length=1, description="Columns that hold the labels, coarse to fine.")


class Source(Settings):
    """Where the rows of a dataset lie: on a hub, below a URL, in a Python package, or in files of your own.

    A split is named as its kind does: a hub's split; else the path of a file (.csv, .tsv, .jsonl, .json, .parquet,
    .xlsx, each also .gz), a pattern (`part-*.csv`), or a folder; `~` is the home folder. A folder holds such files,
    also in folders that name a column's value (`label=sport/part-0.parquet`); or one folder for each class with a .txt
    file for each row; or one text file for each column, a line for each row.
    """

    hub: str | None = Field(None, description="Dataset of a Hugging Face hub, `owner/name`; needs network once.")
    config: str | None = Field(None, description="Configuration of the hub's dataset, where it has several.")
    revision: str | None = Field(
        None, description="Branch, tag or commit of the hub's dataset; its newest where absent. The commit is recorded."
    )
    url: str | None = Field(None, description="Address that the paths below are relative to; needs network once.")
    package: str | None = Field(None, description="Installed Python package that the paths below lie in.")
    train: str = Field(description="The labelled rows for training, or all labelled rows.")
    validation: str | None = Field(None, description="The official validation rows, where there are any.")
    test: str | None = Field(None, description="The official test rows; without them `test_size` is held out.")
    unlabelled: str | None = Field(None, description="Rows whose labels are not used, for phase 1 only.")
    text: str = Field("text", description="Column that holds the text.")
    labels: list[str] = Field(["label"], min_length=1, description="Columns that hold the labels, coarse to fine.")
    label_map: dict[str, str] = Field(
        {}, description="Other names for labels: {neg: negative}. Not named, not changed."
    )
    missing_labels: Literal["error", "unlabelled", "drop"] = Field(
        "error",
        description="What a training row without a label is: an error, one of the unlabelled rows for phase 1, or left "
        "out.",
    )
    encodings: list[str] = Field(
        ["utf-8"], min_length=1, description="Encodings to try in this order; files that need a later one are counted."
    )
    quotes: Literal["double", "none"] = Field(
        "double",
        description="What a double quote means in a .csv or .tsv: 'double' quotes a field, where quotes within are "
        "doubled; 'none' is a character as any other, as in .tsv files that quote nothing.",
    )
    copy_columns: CopyColumns = Field(CopyColumns(), description="Columns of its copy below `data_root`.")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        named = [kind for kind in ("hub", "url", "package") if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"`{named[0]}` and `{named[1]}` are two sources; name one")
        for key in ("config", "revision"):
            if getattr(self, key) is not None and self.hub is None:
                raise ValueError(f"`{key}` belongs to a hub's dataset; name it under `hub`, or drop `{key}`")
        return self

    @field_validator("encodings", mode="after")
    @classmethod
    def _encodings_are_known(cls, given: list[str]) -> list[str]:
        for encoding in given:
            try:
                b"x".decode(encoding)
            except UnicodeDecodeError:  # of two bytes for a character
                continue
            except (LookupError, ValueError):
                raise ValueError(f"there is no encoding {encoding!r}; known are utf-8, cp1252, utf-16 …") from None
        return given

    @model_validator(mode="after")
    def _places_are_where_they_are_looked_for(self) -> Self:
        if self.hub is not None:
            refuse_odd_hub(self.hub)
        for split, place in self.named_splits.items():
            if not place.strip() or "\0" in place:
                raise ValueError(f"{split}: {place!r} is no name of a file; name one, or drop `{split}`")
        if self.package is not None:
            for place in self.named_splits.values():
                refuse_leaving(self.package, place)
        return self

    @model_validator(mode="after")
    def _columns_are_apart(self) -> Self:
        for columns in (self, self.copy_columns):
            named = [columns.text, *columns.labels]
            for name in named:
                if named.count(name) > 1:
                    raise ValueError(
                        f"column '{name}' is named twice, as text or label; name one column for the text and others "
                        "for the labels"
                    )
        return self

    @property
    def label_columns(self) -> list[str]:
        """What the label columns are called in rows that were read: as they are, but apart from `text` and `place`."""
        return [f"{name} (label)" if name in {"text", "place"} else name for name in self.labels]

    @property
    def kind(self) -> SourceKind:
        """What kind of place the rows come from."""
        kinds: tuple[SourceKind, ...] = ("hub", "url", "package")
        return next((kind for kind in kinds if getattr(self, kind) is not None), "local")

    @property
    def named_splits(self) -> dict[str, str]:
        """The splits that the source has, with their names or paths."""
        return {split: getattr(self, split) for split in SPLITS if getattr(self, split) is not None}


class Limits(Settings):
    """Most rows of each split: seeded, stratified by class. Tables say where rows were left out."""

    train: Count | None = Field(None, description="Most training rows.")
    validation: Count | None = Field(None, description="Most validation rows.")
    test: Count | None = Field(None, description="Most test rows.")
    unlabelled: Count | None = Field(None, description="Most unlabelled rows.")


class Fold(NamedTuple):
    """One of a dataset's repeated splits: which test fold of which repeat, both counted from 1."""

    repeat: int
    fold: int

    @property
    def name(self) -> str:
        """As it stands in paths and in tables: `r1f3`."""
        return f"r{self.repeat}f{self.fold}"

    @classmethod
    def named(cls, name: str) -> "Fold":
        """The fold that `r1f3` names. Raises ValueError for what names none."""
        found = re.fullmatch(r"r([1-9]\d*)f([1-9]\d*)", name)
        if not found:
            raise ValueError(f"'{name}' names no fold; write as r1f3")
        return cls(*map(int, found.groups()))


class RepeatedFolds(Settings):
    """Test rows by repeated stratified k-fold cross-validation, in place of one test split.

    In each repeat the rows are divided into folds, and each fold in turn is the test split of runs that train on the
    others.
    """

    folds: Annotated[int, Field(ge=2)] = Field(description="Test folds of a repeat; every row is in one of them.")
    repeats: Count = Field(1, description="How often the rows are divided anew. More of them rerun nothing.")

    @property
    def every(self) -> list[Fold]:
        """All folds, repeat by repeat."""
        return [Fold(repeat + 1, fold + 1) for repeat in range(self.repeats) for fold in range(self.folds)]


class ExpectedRows(Settings):
    """Rows that a dataset is known to have; a difference is shown in Table 1 and noted below every other table."""

    train: Count | None = Field(None, description="Labelled training rows, with the validation rows held out of them.")
    validation: Count | None = Field(None, description="Rows of the official validation split.")
    test: Count | None = Field(None, description="Test rows.")
    unlabelled: Annotated[int, Field(ge=0)] | None = Field(None, description="Rows for phase 1 only.")


class DatasetSettings(Settings):
    """One dataset of the grid (section 4.1, Table 1)."""

    title: str | None = Field(None, description="Name in the tables; the key where absent.")
    source: Source = Field(description="Where its rows come from, below.")
    cleaning: Literal["paper", "released"] = Field(
        "paper",
        description="'paper': tags of up to 6 characters go, line ends become a blank. 'released': tags of up to 8 "
        "characters and line feeds go and leave nothing.",
    )
    drop_empty: bool = Field(False, description="Drop rows without text, which are an error otherwise.")
    drop_repeats: bool = Field(False, description="Keep only the first of rows with the same text, before splitting.")
    drop_leaks: bool = Field(
        False,
        description="Drop training, validation and unlabelled rows whose text is a test text (but for case and "
        "blanks). Test rows stay.",
    )
    test_size: Annotated[Count | Annotated[float, Field(gt=0.0, lt=1.0)], BeforeValidator(_rows)] | None = Field(
        None,
        description="Rows, or share of rows and one of each class at the least, held out for testing where the source "
        "has no test rows.",
    )
    splits: RepeatedFolds | None = Field(
        None,
        description="Repeated splits in place of one test split, where the source has no test rows: `{folds: 5, "
        "repeats: 2}` tests every row twice, in 10 runs for each seed.",
    )
    validation_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2,
        description="Share of the training rows, and one of each class at the least, held out where the source has no "
        "validation rows. Section 4.1.",
    )
    rare: Literal["error", "keep_in_train", "merge", "drop"] = Field(
        "error",
        description="What becomes of classes of too few rows: an error, rows that are not held out, one class `other` "
        "of them all (below each class of the coarser levels), or none.",
    )
    rare_below: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Classes with fewer training rows are rare; where absent, those with too few to be in train and in "
        "each split that is held out: fewer than 3, or 2.",
    )
    class_sizes: dict[str, Count] | None = Field(
        None,
        description="Rows per class that stay in train and validation together, drawn with split_seed: "
        "makes a dataset smaller or uneven. Test rows are not touched.",
    )
    test_class_sizes: dict[str, Count] | None = Field(
        None,
        description="The same for test rows, where they should be as uneven as training rows; not with `splits`, whose "
        "test rows are training rows of other folds.",
    )
    spare: Literal["drop", "unlabelled"] = Field(
        "drop",
        description="What becomes of the labelled rows that `class_sizes` and the limit of train leave out: dropped, "
        "or kept without their labels for phase 1, as where few texts have labels; the limit of unlabelled holds.",
    )
    chunk_words: Count | None = Field(
        None,
        description="Cut texts of more words into pieces of so many, each with the text's labels, in every split: "
        "scores are then per piece. Released code does so with long texts.",
    )
    limits: Limits = Field(Limits(), description="Most rows of each split; lies over the config's `limits`.")
    split_seed: Seed = Field(0, description="Seed of every split; never the run's seed.")
    averaging: Literal["macro", "binary"] = Field(
        "macro", description="How precision, recall and F1 are averaged: over the classes, or of `positive` alone."
    )
    positive: str | None = Field(None, description="The positive class of a binary dataset.")
    expected: ExpectedRows = Field(
        ExpectedRows(), description="Rows that it is known to have; tables show differences."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.averaging == "binary" and self.positive is None:
            raise ValueError("averaging: binary needs `positive`, the name of the positive class")
        if self.splits is not None and self.test_class_sizes is not None:
            raise ValueError("`splits` and `test_class_sizes` exclude one another; drop one of them")
        if self.splits is not None:
            named = [key for key, given in (("source.test", self.source.test), ("test_size", self.test_size)) if given]
            if named:
                raise ValueError(f"`splits` and `{named[0]}` both say which rows are test rows; drop one of them")
        elif self.source.test is None and self.test_size is None:
            raise ValueError("no test rows: give `source.test`, `test_size` or `splits`")
        return self
