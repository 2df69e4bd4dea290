"""Decoders that rebuild a text from one vector of it: the base model's own, or a small one for any base model."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import DenoisingAutoEncoderLoss
from torch import Tensor, nn
from transformers import ElectraConfig, ElectraForCausalLM
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

from threephase.encoders.encoder import embedding_width, position_limit
from threephase.errors import ModelError, fault_of_machine
from threephase.settings.common import Decoder

logger = logging.getLogger(__name__)

# The small decoder: so shallow that most of what it says must come from the vector.
LAYERS = 1
HEAD_WIDTH = 64
INNER = 4  # times as wide as its states


def decoder_for(encoder: SentenceTransformer, wanted: Decoder, tied: bool) -> tuple[Any, Decoder]:
    """A decoder for an encoder's vectors, and which one "auto" came to: "own" or "small".

    Takes token ids (b, t) as `input_ids` and vectors (b, 1, d) as `encoder_hidden_states`, and gives `logits`
    (b, t, V). It draws its new layers from torch's generator.

    Args:
        encoder: its folder must still be on disk, for its own decoder is loaded from there.
        wanted: which one.
        tied: whether it shares the encoder's weights, a small one those of its words; else it begins with them.

    Raises ModelError where the encoder's own is wanted and cannot read the vector.
    """
    if wanted != "small":
        drawn, weights = torch.get_rng_state(), _weights(encoder)
        try:
            return _own(encoder, tied), "own"
        except ModelError as unfit:
            if wanted == "own":
                raise
            logger.info("%s", unfit)
        torch.set_rng_state(drawn)
        for module, name, weight in weights:  # the library ties by exchanging them
            setattr(module, name, weight)
    return _small(encoder, tied), "small"


def why_not_own(encoder: SentenceTransformer) -> str | None:
    """Why an encoder's own architecture has no decoder that reads its vectors; None where it has. Changes the encoder's
    weights for those of its folder.
    """
    try:
        _own(encoder, tied=True)
    except ModelError as unfit:
        return str(unfit)
    return None


def _own(encoder: SentenceTransformer, tied: bool) -> Any:
    """The decoder of the base model's own architecture: all of the encoder's layers, which also read one vector."""
    config = encoder.transformers_model.config
    width, kind = embedding_width(encoder), config.model_type
    if width != config.hidden_size:
        raise ModelError(
            f"the decoder of a base model of type '{kind}' reads vectors as wide as its states, {config.hidden_size}, "
            f"but these are {width} wide; only `decoder: small` can read them"
        )
    try:
        with _unsaid(DenoisingAutoEncoderLoss.__module__):
            decoder = DenoisingAutoEncoderLoss(
                encoder, None if tied else config._name_or_path, tie_encoder_decoder=tied
            ).decoder
        fault = _fault_of(decoder, width)
    except Exception as error:
        if fault_of_machine(error):
            raise
        fault = "no decoder"
    if fault:
        raise ModelError(f"base models of type '{kind}' have {fault}; only `decoder: small` can rebuild their texts")
    return decoder


@contextmanager
def _unsaid(library: str) -> Iterator[None]:
    """Keep a library's own lines on what fails from the log: here it is no error."""
    speaker = logging.getLogger(library)
    speaker.disabled = True
    try:
        yield
    finally:
        speaker.disabled = False


def _fault_of(decoder: nn.Module, width: int) -> str | None:
    """What keeps a decoder from learning to rebuild texts from a vector, found by trying; None if nothing does."""
    vector = torch.linspace(-1, 1, width).view(1, 1, -1).requires_grad_()
    one, other = (
        decoder(input_ids=torch.tensor([ids]), encoder_hidden_states=vector, use_cache=False).logits
        for ids in ([0, 0], [0, 1])
    )
    said = nn.functional.cross_entropy(one[:, 0], torch.tensor([1]))
    (gradient,) = torch.autograd.grad(said, vector, allow_unused=True)
    if gradient is None or not gradient.any():
        return "a decoder that never reads the vector"
    if not torch.equal(one[:, 0], other[:, 0]):
        return "a decoder that sees the words it has to say"
    return None


def _weights(encoder: SentenceTransformer) -> list[tuple[nn.Module, str, nn.Parameter]]:
    return [
        (module, name, weight)
        for module in encoder.transformers_model.modules()
        for name, weight in module.named_parameters(recurse=False)
    ]


def _small(encoder: SentenceTransformer, tied: bool) -> ElectraForCausalLM:
    """A decoder of one new layer, with the encoder's word embeddings, for vectors of any width.

    ELECTRA's, since its words may be narrower than its states, as those of ALBERT are.
    """
    words: Tensor = encoder.transformers_model.get_input_embeddings().weight
    width = int(encoder.transformers_model.config.hidden_size)
    heads = next(count for count in range(max(1, width // HEAD_WIDTH), 0, -1) if width % count == 0)
    decoder = ElectraForCausalLM(
        ElectraConfig(
            vocab_size=len(words), embedding_size=words.shape[1], hidden_size=width, num_hidden_layers=LAYERS,
            num_attention_heads=heads, intermediate_size=INNER * width, type_vocab_size=1,
            max_position_embeddings=_positions(encoder), pad_token_id=None, is_decoder=True, add_cross_attention=True,
        )
    )  # fmt: skip
    read = embedding_width(encoder)
    for layer in decoder.electra.encoder.layer if read != width else ():
        for name in ("key", "value"):
            setattr(layer.crossattention.self, name, nn.Linear(read, width))
    own = words if tied else nn.Parameter(words.detach().clone())
    decoder.electra.embeddings.word_embeddings.weight = own
    decoder.generator_lm_head.weight = own
    return decoder.eval()


def _positions(encoder: SentenceTransformer) -> int:
    """Tokens of the longest text that the encoder takes."""
    length = min(encoder.max_seq_length or VERY_LARGE_INTEGER, position_limit(encoder) or VERY_LARGE_INTEGER)
    if length == VERY_LARGE_INTEGER:
        raise ModelError("the base model does not say how long a text may be; give `max_length` a number")
    return length
