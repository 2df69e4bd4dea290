"""The pages of docs/ and the README name files that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w/.-]+\.(?:py|smk|yaml|lock|yml))`", page.read_text(encoding="utf-8"))
    roots = [PROJECT / "src/threephase", PROJECT, PROJECT / "config", PROJECT / "workflow/scripts"]
    roots += [PROJECT / "src/threephase/api", PROJECT / "src/threephase/data"]  # copied beside a model for others
    absent = [name for name in named if "<" not in name and not any((root / name).exists() for root in roots)]
    assert [name for name in absent if not name.startswith(("my-", "best.", "results/"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    linked = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [place for place in linked if not (page.parent / place).exists()] == []


def test_the_site_has_every_page_once_and_no_link_out_of_docs() -> None:
    def pages(entry: Any) -> list[str]:
        below = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
        return [entry] if isinstance(entry, str) else [page for part in below for page in pages(part)]

    nav = pages(yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(nav) == sorted(path.name for path in PAGES[1:])
    assert [path.name for path in PAGES[1:] if "](../" in path.read_text(encoding="utf-8")] == []
