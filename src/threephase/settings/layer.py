"""A layer of hyper-parameters: what one place of the config, or a study, gives to the phases."""

from typing import Any

from pydantic import Field

from threephase.settings.common import PhaseSettings, Settings
from threephase.settings.contrastive import ContrastiveSettings
from threephase.settings.dae import DaeSettings
from threephase.settings.finetune import FinetuneSettings
from threephase.settings.joint import JointSettings


class Layer(Settings):
    """Settings by phase; `all` stands for every phase. Its fields are the register of the phases that there are."""

    all: PhaseSettings = Field(PhaseSettings(), description="What every phase has, for all of them.")
    dae: DaeSettings = Field(DaeSettings(), description="Phase 1; Joint follows it.")
    cl: ContrastiveSettings = Field(ContrastiveSettings(), description="Phase 2; Joint's pairs follow it.")
    joint: JointSettings = Field(JointSettings(), description="Joint, where it differs from phases 1 and 2.")
    ft: FinetuneSettings = Field(FinetuneSettings(), description="Phase 3.")

    def given(self, phase: str) -> dict[str, Any]:
        """The settings that this layer gives to a phase."""
        own: dict[str, dict[str, Any]] = {name: block.model_dump(exclude_unset=True) for name, block in self}
        return own["all"] | getattr(self, phase).inherited(own) | own[phase]
