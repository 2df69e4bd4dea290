"""The report's page: one file, whatever texts hold is text, and it looks right in a browser."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from threephase.report.page import rendered, write_report
from threephase.tables.legend import LEGEND

HOSTILE = "<script>document.title = 'taken'</script><img src=https://example.org/x.png>"
WIDE = " | ".join(f"column {number}" for number in range(30))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "verdict.md").write_text(f"# What came out\n\n**topics**: it helps {HOSTILE}\n")
    (tmp_path / "table4.md").write_text(
        f"Table 4. {HOSTILE}\n\n| {WIDE} |\n|{'---|' * 30}\n"
        f"| {' | '.join(['9', HOSTILE] * 15)} |\n| {' | '.join(['10'] * 30)} |\n\n{LEGEND} bold: best.\n"
    )
    (tmp_path / "table4.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='2000' height='50'/>")
    (tmp_path / "table6.md").write_text(f"Table 6.\n\n| a |\n|---|\n| 1 |\n\n{LEGEND} bold: best.\n")
    files = [tmp_path / name for name in ("table4.md", "table4.csv", "table4.svg", "table6.md")]
    assert write_report("A grid", tmp_path / "verdict.md", files, tmp_path / "report.html") == 2
    return tmp_path / "report.html"


def test_hostile_labels_and_sentences_are_shown_as_text(page: Path) -> None:
    html = page.read_text()
    assert "<script>document" not in html
    assert "<img src=https" not in html
    assert html.count("&lt;script&gt;document") == 1 + 1 + 15
    assert html.count("<script>") == 1  # the page's own, which sorts


def test_tables_share_one_legend(page: Path) -> None:
    assert page.read_text().count(f"{LEGEND} bold: best.") == 1


def test_markdown_that_would_leave_the_page_does_not(page: Path) -> None:
    for link in ("[x](javascript:alert(1))", "![x](data:text/html;base64,AA==)"):
        assert "href" not in rendered(link)
        assert "src" not in rendered(link)


def test_the_figure_is_inside_the_page(page: Path) -> None:
    encoded = base64.b64encode(page.with_name("table4.svg").read_bytes()).decode()
    assert f'src="data:image/svg+xml;base64,{encoded}"' in page.read_text()


# In a frame of so many pixels, since a window of headless Chromium has a least width of its own.
LOOKED_AT = """<!doctype html><iframe id="page" src="report.html" style="width: {width}px; height: 800px"></iframe>
<pre id="found"></pre><script>
document.getElementById("page").onload = event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const column = () => [...page.querySelector("tbody").rows].map(row => row.cells[0].textContent);
  const button = page.querySelector("th button");
  button.click(); const up = column(); button.click(); const down = column();
  document.getElementById("found").textContent = JSON.stringify({{
    sideways: root.scrollWidth - root.clientWidth, title: page.title, up, down,
    asked: event.target.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
  }});
}};
</script>"""


@pytest.mark.parametrize("width", [400, 1000, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_requests_errors_or_sideways_scrolling(page: Path, width: int, scheme: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    frame = page.with_name("frame.html")
    frame.write_text(LOOKED_AT.format(width=width))
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}",
         "--allow-file-access-from-files", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
         "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.split('<pre id="found">')[1].split("</pre>")[0])
    assert found == {"sideways": 0, "title": "A grid", "up": ["9", "10"], "down": ["10", "9"], "asked": []}
    assert "CONSOLE" not in done.stderr
