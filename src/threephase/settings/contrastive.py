"""Settings of phase 2."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import Count, PhaseSettings, Share

Ratio = Annotated[float, Field(ge=1.0)]


class ContrastiveSettings(PhaseSettings):
    """Phase 2, contrastive learning with imbalance correction (section 3.2, eqs. 2 to 7)."""

    warmup: Share = Field(1 / 3, description="Share of the steps over which the learning rate rises. Released code.")
    pairs_per_text: Count = Field(
        12, description="Rounds of pairs drawn from the balanced data, times ⌊log2 K⌋. Table 5 'Epochs CL'."
    )
    projection: Literal["dense", "none"] = Field(
        "dense", description="Layer added on top of the encoder, kept as part of it. Section 3.2."
    )
    imbalance: Literal["correct", "none"] = Field(
        "correct", description="'none' neither resizes classes nor adds noise: the variant No Imb. Section 3.2.1."
    )
    minratio: Ratio = Field(1.5, description="A class is resized only if its ratio f(r) reaches this. Section 3.2.1.")
    maxratio: Ratio = Field(4.0, description="Largest ratio, that of a class with one row. Section 3.2.1.")
    noise: Share = Field(0.5, description="Probability that a stop word of an added copy is deleted. Section 3.2.1.")
    noise_min_words: Count = Field(6, description="Added copies of shorter texts stay as they are. Section 3.2.1.")
    evaluations: Count = Field(5, description="How often validation loss is measured; the best state is kept.")
    validation_pairs_per_text: Count = Field(2, description="Rounds of the fixed pairs of validation texts.")

    @model_validator(mode="after")
    def _ratios_in_order(self) -> Self:
        if self.minratio > self.maxratio:
            raise ValueError(f"minratio {self.minratio} is above maxratio {self.maxratio}; swap or change one")
        return self
