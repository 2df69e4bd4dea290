"""The report's page: one file, and hostile texts are text."""

from pathlib import Path

from threephase.report.page import write_report

HOSTILE = "<script>alert(1)</script>"


def written(folder: Path) -> str:
    (folder / "verdict.md").write_text(f"It helps {HOSTILE}")
    (folder / "classes.csv").write_text(f'label,recall\n{HOSTILE},0.5\n"a ""quoted"", one",1\n')
    (folder / "scores.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    files = [folder / name for name in ("classes.csv", "scores.svg", "verdict.md")]
    assert write_report("A grid", folder / "verdict.md", files, folder / "report.html") == 1
    return (folder / "report.html").read_text()


def test_hostile_labels_and_sentences_are_shown_as_text(tmp_path: Path) -> None:
    html = written(tmp_path)
    assert HOSTILE not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert html.count("<script>") == 1


def test_the_page_asks_for_no_other_file(tmp_path: Path) -> None:
    html = written(tmp_path)
    assert "http://" not in html
    assert "https://" not in html
    assert html.count("src=") == 1
    assert 'src="data:image/svg+xml;base64,' in html
