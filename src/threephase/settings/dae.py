"""Settings of phase 1."""

from typing import Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import AtLeast, Count, Decoder, PhaseSettings, Positive, SeesTest, Share, Words


class ReconstructionSettings(SeesTest):
    """What phase 1 rebuilds, from what; Joint does the same."""

    epochs: Count = Field(
        12,
        description="Passes over the texts, with fresh noise in each.",
        json_schema_extra={"source": "Table 5"},
    )
    min_steps: AtLeast = Field(
        0,
        description="Steps at the least: on small data, more epochs than `epochs`.",
        json_schema_extra={"source": "This project"},
    )
    deletion_ratio: Share = Field(
        0.6,
        description="Probability that a word is DELETED.",
        json_schema_extra={"source": "Table 5 'Deleting ratio'"},
    )
    words: Words = Field(
        "auto",
        description="What noise deletes: what lies between 'blanks'; 'characters', each one of a script without blanks "
        "(Chinese, Japanese, Thai …); 'pieces', the base model's tokens; 'nltk', NLTK's tokens, joined again by its "
        "detokeniser. 'auto' is characters in each text that has no blanks between its words, else blanks.",
        json_schema_extra={"source": "Released code has nltk"},
    )
    word_noise: Literal["delete", "mask"] = Field(
        "delete",
        description="What becomes of a word that `deletion_ratio` hits: it goes, or one mask token takes its place.",
        json_schema_extra={"source": "Section 3.1; its example masks"},
    )
    noise_window: Literal["kept", "whole"] = Field(
        "kept",
        description="What noise acts on: the words that `max_length` keeps whole, which are what the decoder rebuilds, "
        "or the whole text, which is cut after the noise.",
        json_schema_extra={"source": "This project; released code has whole"},
    )
    bottleneck: Literal["dense", "tanh", "none"] = Field(
        "dense",
        description="Layer between pooling and decoder, kept as part of the encoder; 'tanh' with that activation.",
        json_schema_extra={"source": "Fig. 1a"},
    )
    decoder: Decoder = Field(
        "auto",
        description="What rebuilds the text from the vector: 'own', all layers of the base model's own architecture as "
        "a decoder; 'small', one new layer with the base model's word embeddings, for any base model. 'auto' is own "
        "where that can read the vector, else small.",
        json_schema_extra={"source": "TSDAE has own; this project"},
    )
    tied: bool = Field(
        True,
        description="Whether the decoder shares the encoder's weights, a small one those of its words. Without, it "
        "starts from them and goes its own way.",
        json_schema_extra={"source": "TSDAE; this project's control"},
    )
    decoder_lr: Positive | None = Field(
        None,
        description="Peak learning rate of what the decoder has of its own. Where absent it is the phase's `lr`, and "
        "ten times that for a small decoder, whose layer begins at random and would not learn to read the vector "
        "before the steps end.",
        json_schema_extra={"source": "This project"},
    )
    use_unlabelled: bool = Field(
        True,
        description="Also train on the dataset's unlabelled texts.",
        json_schema_extra={"source": "Section 4.1"},
    )

    @model_validator(mode="after")
    def _masks_stand_for_words_between_blanks(self) -> Self:
        if {"words", "word_noise"} <= self.model_fields_set and self.words == "nltk" and self.word_noise == "mask":
            raise ValueError("NLTK's words can be deleted, not masked; with word_noise: mask say `words: auto`")
        return self


class DaeSettings(ReconstructionSettings, PhaseSettings):
    """Phase 1, denoising autoencoder (section 3.1, eq. 1)."""

    objective: Literal["reconstruction", "masked_language"] = Field(
        "reconstruction",
        description="What is learnt: phase 1's own, or masked tokens as BERT was trained (TAPT), at the same steps. "
        "What says how noise, decoder and vectors are is then without effect.",
        json_schema_extra={"source": "Section 3.1; Gururangan et al. 2020"},
    )
    decoder_sees: Literal["text", "random"] = Field(
        "text",
        description="The encoder's vector of the noised text or, as a control, a random vector that is fixed for each "
        "text: then the encoder learns nothing but through the weights that the decoder shares.",
        json_schema_extra={"source": "This project's control"},
    )
    decoder_warmup: Share = Field(
        0.0,
        description="Share of the steps, the first ones, that leave the encoder with all its weights as it is and "
        "train what the decoder has of its own.",
        json_schema_extra={"source": "This project"},
    )
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
