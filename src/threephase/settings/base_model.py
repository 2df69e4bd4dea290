"""Settings of a base model: where it comes from."""

from pydantic import Field

from threephase.settings.common import Settings


class BaseModelSettings(Settings):
    """One base model of the grid (section 4.2): plain transformers or sentence-transformers, told apart by itself."""

    title: str | None = Field(None, description="Name in the tables; the key where absent.")
    package: str | None = Field(None, description="Installed Python package that `path` lies in.")
    path: str = Field(description="Folder of the model.")
