"""The phases by their names in the config. Only planning needs all of them; a phase's own job needs its own."""

from threephase.settings.common import PhaseSettings
from threephase.settings.layer import Layer

# A phase's settings and its work lie in modules of one name, here and in `phases/`.
PHASES: dict[str, type[PhaseSettings]] = {
    name: type(field.get_default()) for name, field in Layer.model_fields.items() if name != "all"
}


def module_of(phase: str) -> str:
    """The name of the modules that hold a phase's settings and its work."""
    return PHASES[phase].__module__.rpartition(".")[2]
