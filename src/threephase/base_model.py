"""Base models made ready: any model folder becomes an encoder folder that phase 1, 2 or 3 can start from."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoConfig, AutoModelForMaskedLM

from threephase.checkpoint import ORIGIN, read_json, verify, write_json
from threephase.data.sources import package_folder, package_version
from threephase.encoder import load_encoder, save_encoder, without_normalize
from threephase.errors import ModelError
from threephase.settings.base_model import BaseModelSettings


def make_base_model(
    settings: BaseModelSettings, folder: Path, code: str = "", raw: str | None = None, downloaded: Path | None = None
) -> None:
    """Write the base model into `folder` as an encoder; `origin.json` says from where, by which settings and code.

    `raw` is the hash of the user's own files, `downloaded` the folder that a hub's model was downloaded into.

    A sentence-transformers model keeps its own modules but Normalize; a plain transformers model gets CLS
    pooling. A head for masked words that the model brings stays in the folder, for phase 1's decoder.
    """
    source, origin = _locate(settings, downloaded)
    plain = not (source / "modules.json").exists()
    save_encoder(_plain_encoder(source) if plain else without_normalize(load_encoder(source)), folder)
    architectures = AutoConfig.from_pretrained(source).architectures or []
    if any(name.endswith("ForMaskedLM") for name in architectures):
        AutoModelForMaskedLM.from_pretrained(source).save_pretrained(folder)
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
    if not (source / "config.json").is_file():
        raise ModelError(f"{source}: holds no config.json, so it is no model folder; check `models` in the config")
    return source, origin


def _plain_encoder(source: Path) -> SentenceTransformer:
    try:
        transformer = Transformer(str(source))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"{source}: cannot be loaded as a model: {error}") from error
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="cls")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu")
