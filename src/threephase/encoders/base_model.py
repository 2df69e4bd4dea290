"""Base models made ready: any model folder becomes an encoder folder that phase 1, 2 or 3 can start from."""

import logging
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModelForMaskedLM

from threephase.artifacts.folders import ORIGIN, read_json, verify, write_json
from threephase.data.packages import package_folder, package_version
from threephase.encoders.decoder import why_not_own
from threephase.encoders.encoder import load_encoder, save_encoder, without_normalize
from threephase.encoders.sound import (
    MODULES,
    NO_CODE,
    SAFETENSORS,
    accounted,
    padded,
    read_safely,
    reads_from_left_to_right,
    refuse_unsound,
    transformer_folder,
)
from threephase.errors import ModelError, looked_for
from threephase.settings.base_model import BaseModelSettings

logger = logging.getLogger(__name__)


def make_base_model(
    settings: BaseModelSettings, folder: Path, code: str = "", raw: str | None = None, downloaded: Path | None = None
) -> None:
    """Write the base model into `folder` as an encoder; `origin.json` says from where, by which settings and code.

    `raw` is the hash of the user's own files, `downloaded` the folder that a hub's model was downloaded into.

    A sentence-transformers model keeps its own modules, Normalize only if the settings say so; a plain transformers
    model gets CLS pooling, one that reads from left to right its last token. A head for masked words that the model
    brings stays in the folder, for phase 1's decoder. A pooler that it does not bring is the same each time. Whether
    the model's own decoder can read its vectors is tried, and stands in `origin.json`.

    Raises ModelError for a model that is not what its files say.
    """
    source, origin = _locate(settings, downloaded)
    plain = not (source / MODULES).exists()
    transformer = transformer_folder(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = _plain_encoder(source) if plain else load_encoder(source)
        if filler := padded(encoder):
            logger.info("%s: its tokenizer has no token to pad with; '%s' serves", source, filler)
        refuse_unsound(encoder, source, transformer)
        architectures = encoder.transformers_model.config.architectures or []  # saving names it anew
        save_encoder(encoder if settings.normalize == "keep" else without_normalize(encoder), folder)
        if any(name.endswith("ForMaskedLM") for name in architectures):
            model, missing, _ = accounted(AutoModelForMaskedLM, transformer)
            if not missing:  # else the architecture's name is all that there is of the head
                model.save_pretrained(folder)
        unfit = why_not_own(load_encoder(folder))
    if unfit:
        logger.info("%s; `decoder: auto` takes a small one", unfit)
    origin["own_decoder"] = unfit or "reads the vector"
    origin |= {"kind": "transformers" if plain else "sentence-transformers"}
    asked = {"settings": settings.model_dump(exclude={"title"}), "code": code, "raw": raw}
    write_json(folder / ORIGIN, {**origin, **asked})


def _locate(settings: BaseModelSettings, downloaded: Path | None) -> tuple[Path, dict[str, Any]]:
    if downloaded is not None:
        verify(downloaded, closing=ORIGIN)
        return downloaded, read_json(downloaded / ORIGIN)
    assert settings.path is not None  # the settings refuse a model without hub and path
    origin: dict[str, Any] = {"path": settings.path}
    root = Path()
    if settings.package:
        root = package_folder(settings.package)
        origin |= package_version(settings.package)
    source = root / settings.path
    if not source.is_dir():
        raise ModelError(f"{source}: is no folder; check `models` in the config{looked_for(source)}")
    return source, origin


def _plain_encoder(source: Path) -> SentenceTransformer:
    with read_safely(source):
        transformer = Transformer(
            str(source),
            model_kwargs={**SAFETENSORS, "dtype": torch.float32},
            processor_kwargs=dict(NO_CODE),
            config_kwargs=dict(NO_CODE),
        )
        pooling = "lasttoken" if reads_from_left_to_right(transformer) else "cls"
    if pooling != "cls":
        logger.info("%s: reads from left to right, so that the vector of its last token is taken", source)
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling)]
    return SentenceTransformer(modules=modules, device="cpu")
