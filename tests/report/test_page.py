"""The report's page: one file, whatever texts hold is text, and it looks right in a browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from threephase.report.inlined import inlined
from threephase.report.page import NO_RUN, TITLES, rendered, write_report
from threephase.report.pictures import write_folder
from threephase.report.runs import Runs
from threephase.tables.legend import LEGEND

HOSTILE = "<script>document.title = 'taken'</script><img src=https://example.org/x.png>"  # as in reported.py
WIDE = " | ".join(f"column {number}" for number in range(30))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, runs: Runs, embeddings: dict[str, Path]) -> Path:
    """A report of a table that is hostile and wide, and of pictures and rows to read of hostile classes and texts."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "verdict.md").write_text(f"# What came out\n\n**topics**: it helps {HOSTILE}\n")
    (folder / "table4_ablation.md").write_text(
        f"Table 4. {HOSTILE}\n\n| {WIDE} |\n|{'---|' * 30}\n"
        f"| {' | '.join(['9', HOSTILE] * 15)} |\n| {' | '.join(['10'] * 30)} |\n\n{LEGEND} bold: best.\n"
    )
    (folder / "table4_ablation.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' width='2000pt' height='50pt' viewBox='0 0 2000 50'/>"
    )
    (folder / "table6.md").write_text(f"Table 6.\n\n| a |\n|---|\n| 1 |\n\n{LEGEND} bold: best.\n")
    write_folder(runs, embeddings, 1, folder / "pictures/topics/tiny")
    files = [folder / name for name in ("table4_ablation.md", "table4.csv", "table4_ablation.svg", "table6.md")]
    written = write_report(
        "A grid", folder / "verdict.md", files, folder / "report.html", [folder / "pictures/topics/tiny"],
        f"variants: {HOSTILE}\n",
    )  # fmt: skip
    assert written == 2
    return folder / "report.html"


def test_hostile_labels_and_sentences_are_shown_as_text(page: Path) -> None:
    html = page.read_text()
    assert "<script>document" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;document") > 1 + 1 + 15 + 1 + 1  # pictures and rows have it too
    assert html.count("<script>") == 1  # the page's own, which sorts and searches


def test_the_page_has_every_picture_with_its_files(page: Path) -> None:
    html = page.read_text()
    titles = re.findall(r"<figure id=[^>]+>\s*<h3>([^<]+)</h3>", html)
    assert titles == [
        "Accuracy against training time", "Label efficiency", "Learning curves",
        "Class sizes before and after the correction", "Recall of each class", "Which classes are taken for which",
        "Calibration", "Maps of the test texts after each phase",
    ]  # fmt: skip
    linked = re.findall(r'href="(pictures/[^"]+)"', html)
    assert len(linked) == 3 * len(titles) + 2  # and the lists
    assert all((page.parent / file).exists() for file in linked)


def test_the_page_says_how_it_came_about(page: Path) -> None:
    text = " ".join(re.sub("<[^>]+>", "", page.read_text()).split())
    assert "Partial: 1 run" in text
    assert "dae: 2 × 15.0 s = 30.0 s" in text
    assert "dae.cl.ft · 3-Phase: 2 × 15.0 s = 30.0 s" in text
    assert "Joint, seed 1: joint: the loss is nan" in text
    assert "Limited: train 40 of 90." in text


def test_pictures_that_a_page_has_no_room_for_are_named(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threephase.report.page.PICTURE_BYTES", 1)
    small = page.with_name("small.html")
    write_report("A grid", page.with_name("verdict.md"), [], small, [page.parent / "pictures/topics/tiny"])
    html = small.read_text()
    assert "<svg" not in html
    assert html.count("no room for more pictures") == 8


def test_tables_share_one_legend(page: Path) -> None:
    assert page.read_text().count(f"{LEGEND} bold: best.") == 1


def test_tables_stand_under_titles_not_under_names_of_files(page: Path) -> None:
    html = page.read_text()
    tables = html[html.index('<section id="tables">') : html.index('<section id="tables">') + 2000]
    assert re.findall(r"<h3>([^<]+)</h3>", tables)[0] in TITLES.values()
    assert all(f"<h3>{name}</h3>" not in html for name in TITLES)


def test_markdown_that_would_leave_the_page_does_not(page: Path) -> None:
    for link in ("[x](javascript:alert(1))", "![x](data:text/html;base64,AA==)"):
        assert "href" not in rendered(link)
        assert "src" not in rendered(link)


def test_no_line_ends_within_an_interval_or_before_a_sign() -> None:
    html = rendered("| a |\n|---|\n| 89.0 [-87.1, +90.9] (10) ▲ |\n")
    assert "89.0 [-87.1,\u00a0+90.9] (10)\u00a0▲" in html


def test_cells_without_a_score_say_why() -> None:
    table = "| Dataset | Base model | Joint | Recall: FT |\n|---|---|---|---|\n| a | b | – | – |\n| a | c | – | 1 |\n"
    html = rendered(table, {("a", "b", "FT"): 'Failed, seed 1: "nan"'})
    assert html.count(f'<td title="{NO_RUN}">') == 2
    assert '<td title="Failed, seed 1: &quot;nan&quot;">' in html
    assert "title" not in rendered(table)


def test_an_inlined_figure_takes_the_colour_of_the_page_and_names_its_own_parts(tmp_path: Path) -> None:
    (tmp_path / "figure.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='9pt' height='9pt'>"
        "<metadata>x</metadata><style>*{fill: red}</style><!-- --><defs><path id='m1' style='stroke: #000000'/></defs>"
        "<use xlink:href='#m1' clip-path='url(#c1)' style='fill: #00000f'/>"
        "<text>url(#c1) &lt;b&gt; #000000</text></svg>"
    )
    assert str(inlined(tmp_path / "figure.svg", "own", 'a "b"')) == (
        '<svg role="img" aria-label="a &quot;b&quot;" style="width: 9pt"><defs><path id="own-m1" '
        'style="stroke: currentColor" /></defs><use href="#own-m1" clip-path="url(#own-c1)" style="fill: #00000f" />'
        "<text>url(#c1) &lt;b&gt; #000000</text></svg>"
    )


WIDTHS = (400, 1000, 1600)
# In frames of so many pixels, since a window of headless Chromium has a least width of its own.
FRAME = '<iframe src="report.html" style="width: {}px; height: 2300px"></iframe>'
LOOKED_AT = """<!doctype html><div style="width: 3100px">FRAMES</div><pre id="found"></pre><script>
const looked = frame => {
  const page = frame.contentDocument, root = page.documentElement;
  const rows = () => [...page.querySelector("tbody").rows];
  const column = () => rows().filter(row => !row.hidden).map(row => row.cells[0].textContent);
  const button = page.querySelector("th button"), search = page.querySelector("input[type=search]");
  button.click(); const up = column(); button.click(); const down = column();
  search.value = "TAKEN"; search.oninput(); const left = column();
  search.value = ""; search.oninput();
  return {
    sideways: root.scrollWidth - root.clientWidth, title: page.title, up, down, left,
    asked: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
  };
};
onload = () => {
  document.getElementById("found").textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(looked));
};
</script>"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_requests_errors_or_sideways_scrolling(page: Path, scheme: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    frame = page.with_name(f"{scheme}.html")
    frame.write_text(LOOKED_AT.replace("FRAMES", "".join(map(FRAME.format, WIDTHS))))
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}",
         "--allow-file-access-from-files", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
         "--enable-logging=stderr", "--virtual-time-budget=3000", "--hide-scrollbars", "--window-size=3120,2400",
         f"--screenshot={page.with_name(f'{scheme}.png')}", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.split('<pre id="found">')[1].split("</pre>")[0])
    shown = {"sideways": 0, "title": "A grid", "up": ["9", "10"], "down": ["10", "9"], "left": ["9"], "asked": []}
    assert found == [shown] * len(WIDTHS)
    assert "CONSOLE" not in done.stderr
