"""All phases by name, for what trains them in turn; a phase's own job loads its own alone."""

from threephase.phases.contrastive import CL
from threephase.phases.dae import DAE
from threephase.phases.finetune import FT
from threephase.phases.joint import JOINT
from threephase.phases.run import Phase

PHASES: dict[str, Phase] = {phase.name: phase for phase in (DAE, CL, JOINT, FT)}
