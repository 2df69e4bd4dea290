"""The audit of one dataset with the base models that will read it, as a file for programs and one for people."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from threephase.artifacts.folders import DATASET, read_json, write_json, writing_file
from threephase.artifacts.inert import in_markdown
from threephase.audit.findings import audit, findings, token_lengths
from threephase.data.sources import read_source
from threephase.data.splits import split
from threephase.encoders.encoder import load_encoder, resolve_max_length
from threephase.encoders.tokens import count_tokens
from threephase.settings.common import MaxLength
from threephase.settings.dataset import DatasetSettings, Fold, Limits


class Reader(NamedTuple):
    """A base model that reads the dataset, and its length rule."""

    folder: Path
    max_length: MaxLength


def audit_dataset(
    settings: DatasetSettings,
    data: Path,
    downloaded: Path | None,
    readers: dict[str, Reader],
    ratios: dict[str, tuple[float, float]],
    out: Path,
) -> list[str]:
    """Write `out` (.json, and beside it .md) and return the findings.

    The raw rows are split once more without limits: lengths and repeats are those of the whole dataset. What splits
    share is that of the split in `data`, of repeated ones the first.
    `ratios` are the (minratio, maxratio) of the variants' imbalance corrections.
    """
    made = read_json(data / DATASET)
    fold = Fold(**made["split"]) if "split" in made else None
    raw = read_source(settings.source, downloaded).splits
    whole = split(raw, settings.model_copy(update={"limits": Limits()}), fold)
    found = audit(whole, ratios)
    found["tokens"] = {}
    for name, reader in readers.items():
        encoder = load_encoder(reader.folder)
        max_length = resolve_max_length(reader.max_length, encoder, whole.splits["train"]["text"])
        found["tokens"][name] = token_lengths(whole, partial(count_tokens, encoder), max_length)
    lines = findings(found, made)
    body = "\n".join(f"- {in_markdown(line)}" for line in lines) or "Nothing to remark."
    with writing_file(out.with_suffix(".md")) as beside:
        beside.write_text(f"# Audit of {out.stem}\n\n{body}\n", encoding="utf-8")
    with writing_file(out) as beside:
        write_json(beside, found)
    return lines
