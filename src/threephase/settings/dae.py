"""Settings of phase 1."""

from typing import Literal

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings, Settings, Share


class ReconstructionSettings(Settings):
    """What phase 1 rebuilds, from what; Joint does the same."""

    epochs: Count = Field(
        12,
        description="Passes over the texts, with fresh noise in each.",
        json_schema_extra={"source": "Table 5"},
    )
    deletion_ratio: Share = Field(
        0.6,
        description="Probability that a word is DELETED.",
        json_schema_extra={"source": "Table 5 'Deleting ratio'"},
    )
    bottleneck: Literal["dense", "none"] = Field(
        "dense",
        description="Layer between pooling and decoder, kept as part of the encoder.",
        json_schema_extra={"source": "Fig. 1a"},
    )
    use_unlabelled: bool = Field(
        True,
        description="Also train on the dataset's unlabelled texts.",
        json_schema_extra={"source": "Section 4.1"},
    )


class DaeSettings(ReconstructionSettings, PhaseSettings):
    """Phase 1, denoising autoencoder (section 3.1, eq. 1)."""

    evaluations: Count = Field(
        5,
        description="How often validation loss is measured; the best state is kept.",
        json_schema_extra={"source": "Released code"},
    )
