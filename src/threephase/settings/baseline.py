"""What all baselines have: the share and the level of the labels, and how much of a text an encoder sees."""

from typing import Annotated, ClassVar

from pydantic import Field

from threephase.settings.common import Count, MaxLength, Positive, Settings


class BaselineSettings(Settings):
    """What every baseline has. Where absent, it is as in phase 3 of the reference variant."""

    draws: ClassVar[bool] = False  # whether its training depends on the seed even with all of the labels
    reads_base_model: ClassVar[bool] = False  # otherwise one training serves all base models

    label_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Share of the labelled training and validation rows that it may see: those that phases 2 and 3 see "
        "with the same seed.",
        json_schema_extra={"source": "Reference variant's phase 3"},
    )
    label_level: Count | None = Field(
        None,
        description="Label level that it predicts: 1 is the coarsest; the deepest where absent.",
        json_schema_extra={"source": "Reference variant's phase 3"},
    )

    @property
    def seeded(self) -> bool:
        """Whether another seed can give another classifier; otherwise one training stands for all seeds."""
        return self.draws or self.label_fraction < 1

    @property
    def sees_test(self) -> bool:
        """Whether its training opens the test split: never."""
        return False


class EncoderBaselineSettings(BaselineSettings):
    """A baseline on the vectors of the base model."""

    reads_base_model: ClassVar[bool] = True

    max_length: MaxLength = Field(
        "model",
        description="Tokens per text, by the rules of the phases.",
        json_schema_extra={"source": "Reference variant's phase 3"},
    )


# Values of C that linear baselines try on validation rows: the inverse strength of the penalty.
Penalties = Annotated[list[Positive], Field(min_length=1)]
