"""Settings of a dataset: where its rows come from, how they are cleaned and split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import Count, Settings

# What the splits do not depend on: tables show it, or scores are averaged by it.
SHOWN_ONLY = {"title", "averaging", "positive"}


class Source(Settings):
    """Files with texts and labels: tables (.csv), or folders named after a class with one text file a row."""

    package: str | None = Field(None, description="Installed Python package that the paths below lie in.")
    train: str = Field(description="Path of the training rows: a .csv file, or a folder of class folders.")
    validation: str | None = Field(None, description="Path of the official validation rows, where there are any.")
    test: str | None = Field(None, description="Path of the official test rows; without it `test_size` is held out.")
    unlabelled: str | None = Field(None, description="Path of rows without label, for phase 1 only.")
    text: str = Field("text", description="Column that holds the text.")
    labels: list[str] = Field(["label"], min_length=1, description="Columns that hold the labels, coarse to fine.")
    encodings: list[str] = Field(
        ["utf-8"], min_length=1, description="Encodings to try in this order; rows that need a later one are counted."
    )


class DatasetSettings(Settings):
    """One dataset of the grid (section 4.1, Table 1)."""

    title: str | None = Field(None, description="Name in the tables; the key where absent.")
    source: Source = Field(description="Where its rows come from, below.")
    drop_repeats: bool = Field(False, description="Keep only the first of rows with the same text, before splitting.")
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
    split_seed: Annotated[int, Field(ge=0)] = Field(0, description="Seed of every split; never the run's seed.")
    averaging: Literal["macro", "binary"] = Field(
        "macro", description="How precision, recall and F1 are averaged: over the classes, or of `positive` alone."
    )
    positive: str | None = Field(None, description="The positive class of a binary dataset.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.averaging == "binary" and self.positive is None:
            raise ValueError("averaging: binary needs `positive`, the name of the positive class")
        if self.source.test is None and self.test_size is None:
            raise ValueError("no test rows: give `source.test` or `test_size`")
        return self
