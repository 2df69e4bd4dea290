"""The phases by their names in the config. Only planning needs all of them; a phase's own script needs its own."""

from threephase.settings.common import PhaseSettings
from threephase.settings.contrastive import ContrastiveSettings
from threephase.settings.dae import DaeSettings
from threephase.settings.finetune import FinetuneSettings
from threephase.settings.joint import JointSettings

PHASES: dict[str, type[PhaseSettings]] = {
    "dae": DaeSettings,
    "cl": ContrastiveSettings,
    "joint": JointSettings,
    "ft": FinetuneSettings,
}
