"""Files that an installed package carries: found without importing it, so none of its code runs."""

from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threephase.errors import DataError


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}' is not installed; for the demo: pip install 'threephase[demo]'")
    return Path(spec.submodule_search_locations[0])


def package_version(package: str) -> dict[str, Any]:
    """Name and version of the distribution that an installed package came with."""
    distributions = packages_distributions().get(package, [])
    return {"package": package, "version": version(distributions[0]) if distributions else "unknown"}
