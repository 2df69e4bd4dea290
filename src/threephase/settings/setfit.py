"""Settings of SetFit."""

from typing import Annotated, ClassVar

from pydantic import Field

from threephase.settings.baseline import EncoderBaselineSettings
from threephase.settings.common import Count, Positive


class SetfitSettings(EncoderBaselineSettings):
    """Baseline `setfit`: the base model tuned on pairs, then logistic regression. Needs the extra `setfit`."""

    draws: ClassVar[bool] = True

    iterations: Count = Field(
        20,
        description="Positive pairs, and as many negative ones, for each text: R.",
        json_schema_extra={"source": "Tunstall et al. 2022"},
    )
    epochs: Count = Field(
        1,
        description="Passes over the pairs.",
        json_schema_extra={"source": "Tunstall et al. 2022"},
    )
    batch_size: Count = Field(
        16,
        description="Pairs per step.",
        json_schema_extra={"source": "Library default"},
    )
    learning_rates: Annotated[list[Positive], Field(min_length=1)] = Field(
        [2e-5],
        description="Peak learning rates that are tried; each of them is a training.",
        json_schema_extra={"source": "Library default"},
    )
