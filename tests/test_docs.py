"""The pages of docs/ and the README name files that there are."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w/.-]+\.(?:py|smk|yaml|lock|yml))`", page.read_text(encoding="utf-8"))
    roots = [PROJECT / "src/threephase", PROJECT, PROJECT / "config", PROJECT / "workflow/scripts"]
    roots += [PROJECT / "src/threephase/api", PROJECT / "src/threephase/data"]  # copied beside a model for others
    absent = [name for name in named if "<" not in name and not any((root / name).exists() for root in roots)]
    assert [name for name in absent if not name.startswith(("my-", "best.", "results/"))] == []
