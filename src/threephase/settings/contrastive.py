"""Settings of phase 2."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import Count, LabelShare, PhaseSettings, SeesTest, Share

Ratio = Annotated[float, Field(ge=1.0)]


class PairSettings(SeesTest, LabelShare):
    """The pairs of phase 2 and the layer they train; Joint does the same."""

    pairs_per_text: Count = Field(
        12,
        description="Rounds of pairs drawn from the balanced data, times ⌊log2 K⌋.",
        json_schema_extra={"source": "Table 5 'Epochs CL'"},
    )
    projection: Literal["dense", "none"] = Field(
        "dense",
        description="Layer added on top of the encoder, kept as part of it.",
        json_schema_extra={"source": "Section 3.2"},
    )
    imbalance: Literal["correct", "none"] = Field(
        "correct",
        description="'none' neither resizes classes nor adds noise: the variant No Imb.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    minratio: Ratio = Field(
        1.5,
        description="A class is resized only if its ratio f(r) reaches this.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    maxratio: Ratio = Field(
        4.0,
        description="Largest ratio, that of a class with one row.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    resizing: Literal["sampled", "whole"] = Field(
        "sampled",
        description="How a class reaches its new size: whole copies and a sample of its rows, or whole copies alone.",
        json_schema_extra={"source": "Eq. 6; released code has whole"},
    )
    stop_word_noise: Literal["copies", "released"] = Field(
        "copies",
        description="'copies': as `noise` says. 'released': with RoBERTa all stop words of every added copy, whatever "
        "its length, and lower case; with other base models none.",
        json_schema_extra={"source": "Section 3.2.1; released code"},
    )
    unique_pairs: bool = Field(
        True,
        description="No pair twice, no text with itself; without it pairs are as they fall.",
        json_schema_extra={"source": "Section 3.2; released code repeats"},
    )
    noise: Share = Field(
        0.5,
        description="Probability that a stop word of an added copy is deleted.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    noise_min_words: Count = Field(
        6,
        description="Added copies of shorter texts stay as they are.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    validation_pairs_per_text: Count = Field(
        2,
        description="Rounds of the fixed pairs of validation texts.",
        json_schema_extra={"source": "This project"},
    )

    @model_validator(mode="after")
    def _ratios_in_order(self) -> Self:
        # One layer of the config may hold one of the two; what they resolve to is checked with both.
        if {"minratio", "maxratio"} <= self.model_fields_set and self.minratio > self.maxratio:
            raise ValueError(f"minratio {self.minratio:g} is above maxratio {self.maxratio:g}; swap or change one")
        return self


class ContrastiveSettings(PairSettings, PhaseSettings):
    """Phase 2, contrastive learning with imbalance correction (section 3.2, eqs. 2 to 7)."""

    warmup: Share = Field(
        1 / 3,
        description="Share of the steps over which the learning rate rises; then linear decay.",
        json_schema_extra={"source": "Released code"},
    )
    evaluations: Count = Field(
        5,
        description="How often validation loss is measured; the best state is kept.",
        json_schema_extra={"source": "Released code, there on training texts"},
    )
    selection: Literal["validation", "training"] = Field(
        "validation",
        description="Which pairs find the best state: those of validation texts, or a tenth of the training pairs, "
        "which is then not trained on.",
        json_schema_extra={"source": "Released code has training"},
    )
