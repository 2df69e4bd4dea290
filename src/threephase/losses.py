"""The losses of phases 1 and 2 and of Joint, as modules that take a batch and give {"loss": scalar}."""

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, DenoisingAutoEncoderLoss
from torch import Tensor, nn

from threephase.errors import ModelError

Features = dict[str, Tensor]


class ReconstructionLoss(nn.Module):
    """L_dae: cross-entropy of rebuilding the clean text from one vector of the noised one (eq. 1).

    The encoder's pooled vector is all that the decoder sees of the noised text. Encoder and decoder start from the
    same weights and share them (TSDAE). The decoder's cross-attention is new; so is its output head, unless the base
    model brings one.

    Args:
        encoder: its folder must still be on disk, for the decoder is loaded from there.

    References:
        Wang et al. 2021, TSDAE, https://arxiv.org/abs/2104.06979

    Inputs:
        source: tokenised noised texts, each tensor (b, s).
        labels: tokenised clean texts, each tensor (b, t); padding is not scored.

    Example:
        loss = ReconstructionLoss(encoder)(source=tokenise(encoder, noised), labels=tokenise(encoder, clean))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        try:
            self.loss = DenoisingAutoEncoderLoss(encoder, tie_encoder_decoder=True)
        except ValueError as error:
            kind = encoder.transformers_model.config.model_type
            raise ModelError(
                f"base models of type '{kind}' have no decoder, so phase 1 cannot train them; "
                "use BERT, RoBERTa or a model built on them, or variants without dae"
            ) from error

    def forward(self, source: Features, labels: Features) -> dict[str, Tensor]:
        return {"loss": self.loss([dict(source), dict(labels)], None)}


class SiameseLoss(nn.Module):
    """L_cl: squared distance of the cosine of two vectors from their label, mean over the batch (eq. 3).

    Args:
        encoder: embeds both texts of a pair.

    Inputs:
        left, right: tokenised texts, each tensor (b, t).
        labels: (b,) label_{u,v} in [0, 1].

    Example:
        SiameseLoss(encoder)(left=tokenise(encoder, a), right=tokenise(encoder, b), labels=torch.tensor([1.0]))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.loss = CosineSimilarityLoss(encoder)

    def forward(self, left: Features, right: Features, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": self.loss([dict(left), dict(right)], labels)}


class JointLoss(nn.Module):
    """L_joint = L_dae + L_cl (eq. 11): one batch of texts and one of pairs, summed 1:1.

    Args:
        reconstruction: reads the encoder up to the bottleneck, as phase 1.
        siamese: reads it up to the projection on top of that, as phase 2; the layers below are the same modules.

    Inputs:
        dae: a batch as `ReconstructionLoss` takes it.
        cl: a batch as `SiameseLoss` takes it. A batch that is left out adds nothing, which validation uses.
    """

    def __init__(self, reconstruction: ReconstructionLoss, siamese: SiameseLoss) -> None:
        super().__init__()
        self.reconstruction = reconstruction
        self.siamese = siamese

    def forward(self, dae: dict[str, Any] | None = None, cl: dict[str, Any] | None = None) -> dict[str, Tensor]:
        losses = [
            loss(**batch)["loss"]
            for loss, batch in ((self.reconstruction, dae), (self.siamese, cl))
            if batch is not None
        ]
        return {"loss": torch.stack(losses).sum()}
