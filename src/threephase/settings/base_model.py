"""Settings of a base model: where it comes from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from threephase.settings.common import Settings, refuse_leaving, refuse_odd_hub


class BaseModelSettings(Settings):
    """One base model of the grid (section 4.2): plain transformers or sentence-transformers, told apart by itself."""

    title: str | None = Field(None, description="Name in the tables; the key where absent.")
    hub: str | None = Field(None, description="Model of a Hugging Face hub, `owner/name`; needs network once.")
    revision: str | None = Field(
        None, description="Branch, tag or commit of the hub's model; its newest where absent. The commit is recorded."
    )
    package: str | None = Field(None, description="Installed Python package that `path` lies in.")
    path: str | None = Field(None, description="Folder of the model.")
    normalize: Literal["drop", "keep"] = Field(
        "drop",
        description="What becomes of Normalize, which a sentence-transformers model may bring. 'keep': bottleneck and "
        "projection go in before it, and decoder and head read vectors of length 1. Released code keeps it.",
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.hub is None) == (self.path is None):
            raise ValueError("name one place: `hub: owner/name`, or `path` (with `package`, inside that package)")
        if self.hub is None and self.revision is not None:
            raise ValueError("`revision` belongs to a hub's model; name it under `hub`, or drop `revision`")
        if self.path is not None and (not self.path.strip() or "\0" in self.path):
            raise ValueError(f"path: {self.path!r} is no name of a folder; name one")
        if self.path is not None and self.package is not None:
            refuse_leaving(self.package, self.path)
        if self.hub is not None:
            refuse_odd_hub(self.hub)
        if self.hub is not None and self.package is not None:
            raise ValueError("`hub` and `package` are two sources; name one")
        return self
