"""Settings of phase 1."""

from typing import Literal

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings, Share


class DaeSettings(PhaseSettings):
    """Phase 1, denoising autoencoder (section 3.1, eq. 1)."""

    epochs: Count = Field(12, description="Passes over the texts, with fresh noise in each. Table 5.")
    deletion_ratio: Share = Field(0.6, description="Probability that a word is DELETED. Table 5 'Deleting ratio'.")
    bottleneck: Literal["dense", "none"] = Field(
        "dense", description="Layer between pooling and decoder, kept as part of the encoder. Fig. 1a."
    )
    use_unlabelled: bool = Field(True, description="Also train on the dataset's unlabelled texts. Section 4.1.")
    evaluations: Count = Field(5, description="How often validation loss is measured; the best state is kept.")
