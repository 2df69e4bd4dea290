"""The losses of phases 1 and 2 and of Joint, as modules that take a batch and give {"loss": scalar}."""

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import DenoisingAutoEncoderLoss
from torch import Tensor, nn

from threephase.engines import AnyBatch, LibraryEncoder, with_engine
from threephase.errors import ModelError
from threephase.packed.batch import PackedBatch
from threephase.packed.model import PackedDecoder, Pass
from threephase.processes import share_of_mean
from threephase.settings.common import Engine


class ReconstructionLoss(nn.Module):
    """L_dae: cross-entropy of rebuilding the clean text from one vector of the noised one (eq. 1).

    The encoder's pooled vector is all that the decoder sees of the noised text. Encoder and decoder start from the
    same weights and share them (TSDAE). The decoder's cross-attention is new; so is its output head, unless the base
    model brings one.

    Args:
        encoder: its folder must still be on disk, for the decoder is loaded from there.
        engine: how it is computed.

    References:
        Wang et al. 2021, TSDAE, https://arxiv.org/abs/2104.06979

    Inputs:
        source: a batch of noised texts.
        target: the clean texts in the same order; the mean is over all their tokens but the first of each.

    Example:
        loss = ReconstructionLoss(encoder)
        loss(source=loss.encode.batch(noised), target=loss.encode.batch(clean))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto") -> None:
        super().__init__()
        try:
            self.loss = DenoisingAutoEncoderLoss(encoder, tie_encoder_decoder=True)
        except ValueError as error:
            kind = encoder.transformers_model.config.model_type
            raise ModelError(
                f"base models of type '{kind}' have no decoder, so phase 1 cannot train them; "
                "use BERT, RoBERTa or a model built on them, or variants without dae"
            ) from error
        self.encode = with_engine(encoder, engine)
        if not isinstance(self.encode, LibraryEncoder):
            self.decode = PackedDecoder(self.loss.decoder)

    def forward(self, source: AnyBatch, target: AnyBatch) -> dict[str, Tensor]:
        if isinstance(self.encode, LibraryEncoder):
            assert isinstance(source, dict)
            assert isinstance(target, dict)
            loss = self.loss([self.encode.on_device(source), self.encode.on_device(target)], None)
            scored = int(target["attention_mask"][:, 1:].sum())
        else:
            assert isinstance(target, PackedBatch)
            given = Pass(self.training)
            loss = self.decode(self.encode(source, given), target, given)
            scored = len(target.next_ids())
        return {"loss": share_of_mean(loss, scored) if self.training else loss}


class SiameseLoss(nn.Module):
    """L_cl: squared distance of the cosine of two vectors from their label, mean over the batch (eq. 3).

    Args:
        encoder: embeds both texts of a pair.
        engine: how it is computed.

    Inputs:
        texts: a batch of 2b texts, the left ones of all pairs and then the right ones.
        labels: (b,) label_{u,v} in [0, 1].

    Example:
        loss = SiameseLoss(encoder)
        loss(texts=loss.encode.batch(left + right), labels=torch.tensor([1.0]))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto") -> None:
        super().__init__()
        self.encode = with_engine(encoder, engine)

    def forward(self, texts: AnyBatch, labels: Tensor) -> dict[str, Tensor]:
        u, v = self.encode(texts).chunk(2)
        loss = squared_distance(u, v, labels.to(u.device))
        return {"loss": share_of_mean(loss, len(labels)) if self.training else loss}


def squared_distance(u: Tensor, v: Tensor, labels: Tensor) -> Tensor:
    """Eq. (3): mean of (label − cosine(u, v))² over b pairs; u, v: (b, d), labels: (b,)."""
    return nn.functional.mse_loss(torch.cosine_similarity(u.float(), v.float()), labels)


class JointLoss(nn.Module):
    """L_joint = L_dae + L_cl (eq. 11): one batch of texts and one of pairs, summed 1:1.

    Args:
        reconstruction: reads the encoder up to the bottleneck, as phase 1.
        siamese: reads it up to the projection on top of that, as phase 2; the layers below are the same modules.

    Inputs:
        dae: a batch as `ReconstructionLoss` takes it.
        cl: a batch as `SiameseLoss` takes it. One that is left out adds nothing (alternating steps).
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
