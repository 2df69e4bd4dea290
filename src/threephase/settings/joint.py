"""Settings of Joint, which does phases 1 and 2 at once."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings
from threephase.settings.contrastive import PairSettings
from threephase.settings.dae import ReconstructionSettings


class JointSettings(PairSettings, ReconstructionSettings, PhaseSettings):
    """Joint: the losses of phases 1 and 2 summed (section 3.3.1, eq. 11).

    What is not set for `joint` itself is as for phase 1 (the optimiser too) and, for the pairs, as for phase 2.
    """

    batch_sizes: ClassVar[tuple[str, ...]] = ("batch_size", "pair_batch_size")

    evaluations: Count = Field(
        5,
        description="How often the summed validation loss is measured; the best state is kept.",
        json_schema_extra={"source": "Released code keeps the last"},
    )
    pair_batch_size: Count = Field(
        32,
        description="Pairs per step; phase 2's batch_size unless set.",
        json_schema_extra={"source": "Table 5"},
    )
    schedule: Literal["summed", "alternating"] = Field(
        "summed",
        description="Both losses in every step, or a step of one and then a step of the other.",
        json_schema_extra={"source": "Eq. 11; released code alternates"},
    )
    steps: Literal["longer", "shorter"] = Field(
        "longer",
        description="As many steps as the longer of both streams has (the other starts again), or as the shorter.",
        json_schema_extra={"source": "Section 3.3.1; released code has shorter"},
    )
    warmup_of: Literal["steps", "streams"] = Field(
        "steps",
        description="What `warmup` is a share of: the steps, or the steps of both streams added up, of which the "
        "training may not reach the end.",
        json_schema_extra={"source": "This project; released code has streams"},
    )
    pair_labels: Literal["label", "zero"] = Field(
        "label",
        description="'zero' gives every pair the label value 0.",
        json_schema_extra={"source": "Released code has zero"},
    )

    @classmethod
    def inherited(cls, layer: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """What settings made for phases 1 and 2 mean for Joint."""
        dae, cl = layer["dae"], layer["cl"]
        pairs = {key: value for key, value in cl.items() if key in PairSettings.model_fields}
        batch_size = (layer["all"] | cl).get("batch_size")  # Table 5 has one for all phases
        if batch_size is not None:
            pairs["pair_batch_size"] = batch_size
        return {key: value for key, value in dae.items() if key in cls.model_fields} | pairs
