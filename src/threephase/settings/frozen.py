"""Settings of logistic regression on the vectors of the untouched base model."""

from pydantic import Field

from threephase.settings.baseline import EncoderBaselineSettings, Penalties


class FrozenSettings(EncoderBaselineSettings):
    """Baseline `frozen_logreg`: logistic regression on the vectors of the untouched base model."""

    c: Penalties = Field(
        [0.001, 0.01, 0.1, 1.0, 10.0],
        description="Values of C that are tried, each without class weights and with balanced ones.",
        json_schema_extra={"source": "This project"},
    )
