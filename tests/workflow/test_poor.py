"""A grid in a poor environment: it runs to its end, and nobody else may read what it wrote."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from running import write_config

pytestmark = pytest.mark.takes(seconds=120)


def test_a_grid_runs_in_a_poor_environment(tmp_path: Path, source_csv: Path, tiny_bert: Path) -> None:
    """No home, no temporary folder, ASCII, umask 077, few file handles, no streams but one, results a link, paths
    with blanks and é, a folder other than the one that is worked in.
    """

    def poor() -> None:
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        os.close(0)
        os.close(1)

    here, there = tmp_path / "un été", tmp_path / "l'été là-bas"
    here.mkdir()
    there.mkdir()
    (tmp_path / "far").mkdir()
    (there / "results").symlink_to(tmp_path / "far")
    (tmp_path / "file").touch()
    write_config(here, source_csv, tiny_bert, variants={"FT": ["ft"]}, grid=[{"seeds": [1]}])
    bare = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path / "none"), "LC_ALL": "C", "HOME": f"{tmp_path}/file/home"}
    bare |= {name: value for name, value in os.environ.items() if "PYTHON" in name}
    command = [Path(sys.executable).parent / "threephase", "run", "config.yaml", "--directory", str(there)]
    done = subprocess.run(
        [*command, "--cores", "2", "--", "results/tables/table3_accuracy.md"],
        cwd=here, env=bare, stderr=subprocess.PIPE, preexec_fn=poor, check=False,
    )  # fmt: skip
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, said
    assert "Traceback" not in said
    made = list((tmp_path / "far").rglob("*"))
    assert tmp_path / "far/tables/table3_accuracy.md" in made
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    assert not (tmp_path / "none").exists()
    assert {path.name for path in here.iterdir()} == {"config.yaml"}
