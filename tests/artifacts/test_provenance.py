"""What is recorded of the code and the machine behind a result."""

from importlib.metadata import PackageNotFoundError

import pytest

from threephase import __version__
from threephase.artifacts import provenance


def test_the_version_is_the_codes_own_installed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", absent)
    recorded = provenance.provenance(provenance.Clock())["versions"]
    assert (recorded["threephase"], recorded["numpy"]) == (__version__, "absent")
