"""Settings of a dataset: where its rows come from, how they are cleaned and split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import Count, Settings

SPLITS = ("train", "validation", "test", "unlabelled")
SourceKind = Literal["hub", "url", "package", "local"]

# What the splits do not depend on: tables show it, or scores are averaged by it.
SHOWN_ONLY = {"title", "averaging", "positive", "expected"}


class CopyColumns(Settings):
    """Columns of the local copies that `data_root` names, where they differ from those of the source."""

    text: str = Field("text", description="Column that holds the text.")
    labels: list[str] = Field(["label"], min_length=1, description="Columns that hold the labels, coarse to fine.")


class Source(Settings):
    """Where the rows of a dataset lie: on a hub, below a URL, in a Python package, or in files of your own.

    A split is named as its kind does: a hub's split; else the path of a file (.csv, .tsv, .jsonl, .parquet, each
    also .gz), a pattern (`part-*.csv`), or a folder. A folder holds such files; or one folder for each class
    with a .txt file for each row; or one text file for each column, a line for each row.
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
    encodings: list[str] = Field(
        ["utf-8"], min_length=1, description="Encodings to try in this order; files that need a later one are counted."
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
    drop_empty: bool = Field(False, description="Drop rows without text, which are an error otherwise.")
    drop_repeats: bool = Field(False, description="Keep only the first of rows with the same text, before splitting.")
    drop_leaks: bool = Field(
        False,
        description="Drop training, validation and unlabelled rows whose text is a test text (but for case and "
        "blanks). Test rows stay.",
    )
    test_size: Count | Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="Rows (or share of rows) held out for testing where the source has no test rows."
    )
    validation_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2, description="Share of the training rows held out where the source has no validation rows. Section 4.1."
    )
    class_sizes: dict[str, Count] | None = Field(
        None,
        description="Rows per class that stay in train and validation together, drawn with split_seed: "
        "makes a dataset smaller or uneven. Test rows are not touched.",
    )
    chunk_words: Count | None = Field(
        None,
        description="Cut texts of more words into pieces of so many, each with the text's labels, in every split: "
        "scores are then per piece. Released code does so with long texts.",
    )
    limits: Limits = Field(Limits(), description="Most rows of each split; lies over the config's `limits`.")
    split_seed: Annotated[int, Field(ge=0)] = Field(0, description="Seed of every split; never the run's seed.")
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
        if self.source.test is None and self.test_size is None:
            raise ValueError("no test rows: give `source.test` or `test_size`")
        return self
