"""Settings of phase 1."""

from typing import Annotated, Literal

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings, SeesTest, Share


class ReconstructionSettings(SeesTest):
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
    words: Literal["blanks", "nltk"] = Field(
        "blanks",
        description="What noise deletes: pieces between blanks, or NLTK's tokens, joined again by its detokeniser.",
        json_schema_extra={"source": "Released code has nltk"},
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
    selection: Literal["reconstruction", "similarity"] = Field(
        "reconstruction",
        description="What is measured to find the best state: reconstruction of validation texts, or how well cosines "
        "rank random labelled pairs of TRAINING rows.",
        json_schema_extra={"source": "Released code has similarity"},
    )
    tiny_data_batch: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Factor on the batch size where phase 1 has 500 texts or fewer.",
        json_schema_extra={"source": "Released code has 0.2"},
    )
