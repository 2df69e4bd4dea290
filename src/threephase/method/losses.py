"""The losses of phases 1 and 2 and of Joint, as modules that take a batch and give {"loss": scalar}."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from threephase.encoders.decoder import decoder_for
from threephase.encoders.encoder import before_dense, load_encoder
from threephase.encoders.engines import AnyBatch, LibraryEncoder, with_engine
from threephase.encoders.packed.batch import PackedBatch
from threephase.encoders.packed.model import PackedDecoder, PackedHead, Pass
from threephase.errors import ModelError
from threephase.processes import share_of_mean
from threephase.settings.common import Decoder, Engine

DECODER = "decoder.safetensors"  # in a checkpoint of phase 1 or Joint
# In that file's header: how many of the encoder's modules the decoder reads, whether it shares their weights, its kind.
_BUILT = "built"  # one key, for the library writes several in an order that differs between files
# Attention to one vector gives it the share 1 whatever these are, so they are not worth their place on the disk.
_IDLE = ("crossattention.self.query", "crossattention.self.key")
_PADDED = -100  # stands for a token where there is none


class ReconstructionLoss(nn.Module):
    """L_dae: cross-entropy of rebuilding the clean text from one vector of the noised one (eq. 1).

    The encoder's pooled vector is all that the decoder sees of the noised text. The base model's own decoder starts
    from the encoder's weights and shares them (TSDAE), if `tied`; its cross-attention is new, and so is its output
    head, unless the base model brings one. A small one shares the word embeddings and is new otherwise.

    Args:
        encoder: its folder must still be on disk, for its own decoder is loaded from there.
        engine: how it is computed.
        tied: whether the decoder shares the encoder's weights.
        decoder: the base model's own, a small one, or its own where that can read the vector. The attribute `kind`
            says which of the first two it came to.

    References:
        Wang et al. 2021, TSDAE, https://arxiv.org/abs/2104.06979

    Inputs:
        source: a batch of noised texts.
        target: the clean texts in the same order; the mean is over all their tokens but the first of each.
        vectors: (b, d) what the decoder sees in place of the encoder's vectors, which then are not computed.
        decoder_only: only what the decoder has of its own gets a gradient: the encoder stays as it is to the bit, the
            weights that the decoder shares with it among them.

    Example:
        loss = ReconstructionLoss(encoder)
        loss(source=loss.encode.batch(noised), target=loss.encode.batch(clean))["loss"]

    Raises ModelError where the base model's own decoder is asked for and cannot read the vector.
    """

    def __init__(
        self, encoder: SentenceTransformer, engine: Engine = "auto", tied: bool = True, decoder: Decoder = "auto"
    ) -> None:
        super().__init__()
        self.tied = tied
        self.encode = with_engine(encoder, engine)
        self.decoder, self.kind = decoder_for(encoder, decoder, tied)
        if not isinstance(self.encode, LibraryEncoder):
            self.decode = PackedDecoder(self.decoder)

    def forward(
        self, source: AnyBatch, target: AnyBatch, vectors: Tensor | None = None, decoder_only: bool = False
    ) -> dict[str, Tensor]:
        given = Pass(self.training)
        with _left_alone(self.encode.encoder.parameters() if decoder_only else ()):
            if vectors is None:
                vectors = self.encode(source) if isinstance(self.encode, LibraryEncoder) else self.encode(source, given)
            loss = self.rebuild(vectors, target, given)
        return {"loss": share_of_mean(loss, self.scored(target)) if self.training else loss}

    def rebuild(self, vectors: Tensor, target: AnyBatch, given: Pass | None = None) -> Tensor:
        """Cross-entropy of the clean texts under a decoder that sees `vectors` (b, d), whatever texts these are of.

        The mean over all tokens but the first of each text, as in `forward`; `given` is the pass it is part of.
        """
        if isinstance(target, PackedBatch):
            return self.decode(vectors, target, given or Pass(self.training))
        ids, there = (target[key].to(self.decoder.device) for key in ("input_ids", "attention_mask"))
        logits = self.decoder(
            input_ids=ids[:, :-1], encoder_hidden_states=vectors.to(ids.device)[:, None], use_cache=False
        ).logits  # fmt: skip
        wanted = ids.masked_fill(there == 0, _PADDED)[:, 1:]
        return nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=_PADDED)

    def scored(self, target: AnyBatch) -> int:
        """Tokens that the decoder must say: all but the first of each text."""
        if isinstance(target, PackedBatch):
            return len(target.next_ids())
        return int(target["attention_mask"][:, 1:].sum())

    def save_decoder(self, folder: Path) -> None:
        """Write what the decoder has of its own into the checkpoint of its encoder."""
        own = {name: weight.detach().contiguous() for name, weight in self._own_weights().items()}
        read = len(list(self.encode.encoder.children()))
        save_file(own, folder / DECODER, {_BUILT: json.dumps({"modules": read, "tied": self.tied, "kind": self.kind})})

    def load_decoder(self, folder: Path) -> None:
        """Take up what `save_decoder` wrote."""
        with safe_open(folder / DECODER, "pt") as saved, torch.no_grad():
            for name, weight in self._own_weights().items():
                weight.copy_(saved.get_tensor(name))

    def _own_weights(self) -> dict[str, nn.Parameter]:
        """The decoder's weights by name: its cross-attention, its head, and no other that it shares; untied, all."""
        shared = {id(weight) for weight in self.encode.encoder.parameters()}
        return {
            name: weight
            for name, weight in self.decoder.named_parameters()
            if id(weight) not in shared and not any(part in name for part in _IDLE)
        }


def load_reconstruction(checkpoint: Path, engine: Engine = "auto") -> ReconstructionLoss:
    """Phase 1's encoder and decoder as a checkpoint of phase 1 or Joint left them; not to be trained further.

    Of Joint's encoder, only the modules that its decoder reads.
    """
    with safe_open(checkpoint / DECODER, "pt") as saved:
        built = json.loads(saved.metadata()[_BUILT])
    encoder = before_dense(load_encoder(checkpoint), built["modules"])
    loss = ReconstructionLoss(encoder, engine, built["tied"], built["kind"])
    loss.load_decoder(checkpoint)
    return loss.eval()


@contextmanager
def _left_alone(weights: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute something of which these weights get no gradient at all, so that AdamW passes them over."""
    learning = [weight for weight in weights if weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learning:
            weight.requires_grad_(True)


class MaskedLanguageLoss(nn.Module):
    """Cross-entropy of masked tokens, as BERT was trained: the control that adapts to the texts without a bottleneck.

    Args:
        encoder: its folder must still be on disk: a head for masked words that it brings is loaded from there, else
            the head is new. The layers behind the base model (pooling, bottleneck) play no part.
        engine: how it is computed.

    References:
        Gururangan et al. 2020, Don't Stop Pretraining, https://arxiv.org/abs/2004.10964

    Inputs:
        source: a batch of texts with masks.
        target: the same texts with the wanted token where one is masked, and padding elsewhere.

    Example:
        loss = MaskedLanguageLoss(encoder)
        masked, wanted = zip(*(texts[Key(0, row)] for row in rows))
        loss(source=loss.encode.batch(masked), target=loss.encode.batch(wanted))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto") -> None:
        super().__init__()
        config = encoder.transformers_model.config
        try:
            self.model = AutoModelForMaskedLM.from_pretrained(config._name_or_path)
        except ValueError as error:
            raise ModelError(
                f"base models of type '{config.model_type}' have no head for masked words; say "
                "`objective: reconstruction`"
            ) from error
        setattr(self.model, self.model.base_model_prefix, encoder.transformers_model)
        self.model.tie_weights()
        self.padding = int(encoder.tokenizer.pad_token_id)
        self.encode = with_engine(encoder, engine)
        self.head = PackedHead(self.model)

    def forward(self, source: AnyBatch, target: AnyBatch) -> dict[str, Tensor]:
        if isinstance(self.encode, LibraryEncoder):
            assert isinstance(source, dict)
            assert isinstance(target, dict)
            logits = self.model(**self.encode.on_device(source)).logits
            wanted = target["input_ids"].to(logits.device)
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=self.padding
            )  # fmt: skip
        else:
            assert isinstance(target, PackedBatch)
            given = Pass(self.training)
            wanted = torch.nonzero(target.ids != self.padding).flatten()
            with torch.autocast("cpu", enabled=False):
                states = self.encode.transformer(source, given).index_select(0, wanted)
                loss = self.head(states, target.ids[wanted], given)
        return {"loss": share_of_mean(loss, self.scored(target)) if self.training else loss}

    def scored(self, target: AnyBatch) -> int:
        """Tokens that are masked."""
        return int(((target.ids if isinstance(target, PackedBatch) else target["input_ids"]) != self.padding).sum())


class SiameseLoss(nn.Module):
    """L_cl: squared distance of the cosine of two vectors from their label, mean over the batch (eq. 3).

    Args:
        encoder: embeds both texts of a pair.
        engine: how it is computed.

    Inputs:
        texts: a batch of 2b texts, the left ones of all pairs and then the right ones.
        labels: (b,) label_{u,v} in [0, 1].
        classes: (2b,) the class of each text; only other losses on the same pairs need them.

    Example:
        loss = SiameseLoss(encoder)
        loss(texts=loss.encode.batch(left + right), labels=torch.tensor([1.0]))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto") -> None:
        super().__init__()
        self.encode = with_engine(encoder, engine)

    def forward(self, texts: AnyBatch, labels: Tensor, classes: Tensor | None = None) -> dict[str, Tensor]:
        vectors = self.encode(texts)
        loss = self.of(vectors, labels.to(vectors.device), None if classes is None else classes.to(vectors.device))
        return {"loss": share_of_mean(loss, len(labels)) if self.training else loss}

    def of(self, vectors: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
        """The loss of vectors (2b, d), the left ones of all pairs and then the right ones."""
        u, v = vectors.chunk(2)
        return squared_distance(u, v, labels)


class SupervisedContrastiveLoss(SiameseLoss):
    """SupCon on the texts of a batch of pairs: each is drawn to all texts of its class, away from all others.

    L = mean over texts i of −1/|P(i)| Σ_{p ∈ P(i)} log( exp(z_i·z_p / τ) / Σ_{a ≠ i} exp(z_i·z_a / τ) ), where z are
    vectors of length 1 and P(i) are the other texts of i's class; texts without any are left out.

    Args:
        encoder: embeds the texts.
        engine: how it is computed.
        temperature: τ.

    References:
        Khosla et al. 2020, Supervised Contrastive Learning, https://arxiv.org/abs/2004.11362, eq. 2

    Inputs:
        as for `SiameseLoss`, with classes. Which texts are a pair plays no part.

    Example:
        loss = SupervisedContrastiveLoss(encoder, temperature=0.1)
        loss(texts=loss.encode.batch(left + right), labels=same, classes=torch.tensor([0, 1, 0, 0]))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto", temperature: float = 0.1) -> None:
        super().__init__(encoder, engine)
        self.temperature = temperature

    def of(self, vectors: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
        assert classes is not None
        return supervised_contrast(vectors, classes, self.temperature)


class MultipleNegativesLoss(SiameseLoss):
    """Multiple-negatives ranking on a batch of pairs: of all right texts, the left one of a positive finds its own.

    L = mean over positive pairs i of −log( exp(cos(u_i, v_i) / τ) / Σ_j exp(cos(u_i, v_j) / τ) ), where j are i itself
    and the pairs whose right text is of another class than u_i: one of its own class is no negative.

    Args:
        encoder: embeds the texts.
        engine: how it is computed.
        temperature: τ; 1 / 20 is usual.

    References:
        Henderson et al. 2017, Efficient Natural Language Response Suggestion, https://arxiv.org/abs/1705.00652

    Inputs:
        as for `SiameseLoss`, with classes. Positives are pairs with label 1; the right texts of all pairs are ranked.

    Example:
        loss = MultipleNegativesLoss(encoder, temperature=0.05)
        loss(texts=loss.encode.batch(left + right), labels=same, classes=torch.tensor([0, 1, 0, 0]))["loss"]
    """

    def __init__(self, encoder: SentenceTransformer, engine: Engine = "auto", temperature: float = 0.05) -> None:
        super().__init__(encoder, engine)
        self.temperature = temperature

    def of(self, vectors: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
        assert classes is not None
        (u, v), (of_u, of_v) = vectors.chunk(2), classes.chunk(2)
        return ranking(u, v, labels, of_u, of_v, self.temperature)


def squared_distance(u: Tensor, v: Tensor, labels: Tensor) -> Tensor:
    """Eq. (3): mean of (label − cosine(u, v))² over b pairs; u, v: (b, d), labels: (b,)."""
    return nn.functional.mse_loss(torch.cosine_similarity(u.float(), v.float()), labels)


def rank_distance(u: Tensor, v: Tensor, labels: Tensor) -> Tensor:
    """1 − Spearman's correlation of cosine(u, v) with the labels of b pairs (released protocol); trains nothing.

    u, v: (b, d), labels: (b,). Where all cosines or all labels are the same, nothing is ranked, and it is 1.
    """
    from scipy.stats import spearmanr

    cosines, values = torch.cosine_similarity(u.float(), v.float()).cpu().numpy(), labels.cpu().numpy()
    if np.ptp(cosines) == 0 or (values == values[0]).all():
        return torch.tensor(1.0)
    return torch.tensor(1 - spearmanr(cosines, values).statistic)


def supervised_contrast(vectors: Tensor, classes: Tensor, temperature: float) -> Tensor:
    """SupCon of vectors (n, d) with classes (n,), mean over those that share theirs; 0 where none does."""
    unit = nn.functional.normalize(vectors.float(), dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    log_shares = scores.log_softmax(dim=1).masked_fill(itself, 0.0)
    alike = (classes[:, None] == classes) & ~itself
    others = alike.sum(dim=1)
    losses = -(log_shares * alike).sum(dim=1) / others.clamp(min=1)
    return losses.sum() / (others > 0).sum().clamp(min=1)


def ranking(u: Tensor, v: Tensor, labels: Tensor, classes_u: Tensor, classes_v: Tensor, temperature: float) -> Tensor:
    """Multiple-negatives ranking of b pairs, mean over those with label 1; u, v: (b, d), the rest (b,). 0 without."""
    cosine = nn.functional.normalize(u.float(), dim=1) @ nn.functional.normalize(v.float(), dim=1).T
    own = torch.eye(len(u), dtype=torch.bool, device=u.device)
    no_negative = (classes_u[:, None] == classes_v) & ~own
    log_shares = (cosine / temperature).masked_fill(no_negative, -torch.inf).log_softmax(dim=1).diagonal()
    positive = labels == 1
    return -(log_shares * positive).sum() / positive.sum().clamp(min=1)


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
