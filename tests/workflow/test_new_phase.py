"""A phase is settings, phase, rule and a line in two registers: one is added that way, and variants run with it.

Theirs is also the grid that has none of the paper's variants, and comes to its end.
"""

import json
from pathlib import Path

import pandas as pd
import pytest
from checkouts import Checkout
from running import write_config

pytestmark = pytest.mark.takes(seconds=40)

SETTINGS = '''"""Settings of a toy phase."""

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings


class ToySettings(PhaseSettings):
    """A phase that draws all vectors to the origin."""

    epochs: Count = Field(1, description="Passes over the texts.", json_schema_extra={"source": "This test"})
'''
PHASE = '''"""A toy phase: draw the vectors of all texts to the origin."""

from functools import partial
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from threephase.artifacts.folders import fingerprint
from threephase.data.store import Splits
from threephase.encoders.engines import AnyEncoder, embed, with_engine
from threephase.encoders.tokens import tokenise
from threephase.phases.run import Phase, Prepared
from threephase.settings.toy import ToySettings
from threephase.training.batches import ShuffledBatches
from threephase.training.task import Measured, Task


class Norm(nn.Module):
    """The mean squared length of vectors."""

    def __init__(self, encode: AnyEncoder) -> None:
        super().__init__()
        self.encode = encode

    def forward(self, texts: Any) -> dict[str, Tensor]:
        return {"loss": self.encode(texts).pow(2).sum(1).mean()}


class Items:
    def __init__(self, texts: Any) -> None:
        self.texts = texts

    def __getitem__(self, key: Any) -> Any:
        return self.texts[key.row]


def collate(encode: AnyEncoder, texts: list[Any]) -> dict[str, Any]:
    return {"texts": encode.batch(texts)}


def validate(encode: AnyEncoder, texts: Any) -> Measured:
    return Measured(embed(encode, texts, 32).pow(2).sum(1).mean().item())


def texts_of(data: Splits, settings: ToySettings) -> list[str]:
    return data.read("train").texts


def prepare(encoder: SentenceTransformer, data: Splits, settings: ToySettings, seed: int) -> Prepared:
    texts, held_out = texts_of(data, settings), data.read("validation").texts
    encode = with_engine(encoder, settings.engine)
    task = Task(
        model=Norm(encode),
        train=Items(tokenise(encoder, texts)),
        batches=ShuffledBatches(len(texts), settings.batch_size, seed, "toy-order"),
        validate=partial(validate, encode, tokenise(encoder, held_out)),
        collate=partial(collate, encode),
        epochs=settings.epochs,
        evaluations=1,
    )
    return Prepared(task, seen=fingerprint(texts, held_out), report={"texts": len(texts)})


TOY = Phase("toy", ToySettings, texts_of, prepare)
'''
RULE = """

use rule cl as toy with:
    wildcard_constraints:
        recipe=Recipe.pattern("toy"),
"""


def add_a_phase(checkout: Checkout) -> None:
    """What CONTRIBUTING.md says."""
    package = checkout.folder / "src/threephase"
    (package / "settings/toy.py").write_text(SETTINGS)
    (package / "phases/toy.py").write_text(PHASE)
    checkout.edit("rules/phases.smk", lambda text: text + RULE)
    field = '    ft: FinetuneSettings = Field(FinetuneSettings(), description="Phase 3.")\n'
    own = '    toy: ToySettings = Field(ToySettings(), description="A toy.")\n'
    checkout.edit(
        "src/threephase/settings/layer.py",
        lambda text: text.replace(field, field + own).replace(
            "\n\nclass Layer", "from threephase.settings.toy import ToySettings\n\n\nclass Layer"
        ),
    )
    checkout.edit(
        "src/threephase/phases/all.py",
        lambda text: text.replace("JOINT, FT)", "JOINT, FT, TOY)").replace(
            "\n\nPHASES", "\nfrom threephase.phases.toy import TOY\n\nPHASES"
        ),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, source_csv: Path, tiny_bert: Path) -> Path:
    """A finished grid of variants with a phase of one's own, and what its terminal showed."""
    checkout = Checkout.fresh(tmp_path_factory.mktemp("project"))
    add_a_phase(checkout)
    variants = {"Toy": ["toy", "ft"], "Toy twice": ["toy", {"toy": {"tag": "more", "epochs": 2}}, "ft"]}
    write_config(checkout.folder, source_csv, tiny_bert, variants=variants, grid=[{"seeds": [1]}])
    (checkout.folder / "terminal.txt").write_text(checkout.snakemake())
    return checkout.folder


def test_a_phase_of_ones_own_runs_as_the_others_do(finished: Path) -> None:
    said = (finished / "terminal.txt").read_text()
    assert "✓ toy  · topics · tiny · Toy and 1 more · seed 1 · toy · best validation loss" in said
    folder = finished / "results/checkpoints/topics/tiny/seed1"
    assert json.loads((folder / "toy.toy-more/settings.json").read_text())["asked"]["epochs"] == 2
    results = pd.read_csv(finished / "results/tables/results.csv")
    assert results["recipe"].tolist() == ["toy.ft", "toy.toy-more.ft"]


@pytest.mark.parametrize("table", ["table3_accuracy", "table4_ablation", "table6_precision_recall", "table7_f1"])
def test_a_grid_without_the_papers_variants_has_tables_of_what_there_is(finished: Path, table: str) -> None:
    lines = (finished / f"results/tables/{table}.md").read_text().splitlines()
    assert "Toy" in lines[2]
    assert [line for line in lines if line.startswith("| topics")]
