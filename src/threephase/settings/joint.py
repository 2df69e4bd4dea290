"""Settings of Joint, which does phases 1 and 2 at once."""

from typing import Any

from pydantic import Field

from threephase.settings.common import Count, PhaseSettings
from threephase.settings.contrastive import PairSettings
from threephase.settings.dae import ReconstructionSettings


class JointSettings(PairSettings, ReconstructionSettings, PhaseSettings):
    """Joint: the losses of phases 1 and 2 summed (section 3.3.1, eq. 11).

    What is not set for `joint` itself is as for phase 1 (the optimiser too) and, for the pairs, as for phase 2.
    """

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

    @classmethod
    def inherited(cls, dae: dict[str, Any], cl: dict[str, Any]) -> dict[str, Any]:
        """What settings made for phases 1 and 2 mean for Joint."""
        pairs = {key: value for key, value in cl.items() if key in PairSettings.model_fields}
        if "batch_size" in cl:
            pairs["pair_batch_size"] = cl["batch_size"]
        return dae | pairs
