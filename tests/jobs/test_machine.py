"""What the machine lacks is said in one line with its remedy; each lack is caused for real."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TRAINING = """
import os, resource, sys
from pathlib import Path
from threephase.jobs.frame import job

dataset, parent, out, log, lack = sys.argv[1:]
with job(log, 1, "ft · topics"):
    from threephase.phases.finetune import FT
    from threephase.phases.run import run_phase
    if lack == "memory":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), -1))
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), 4096))
    settings = FT.settings(batch_size=4096, max_length=16, precision="fp32", head_hidden=1 << 15, max_epochs=1)
    run_phase(FT, Path(dataset), Path(parent), settings, 1, Path(out), "ft")
"""

WRITING = """
import os, sys
from pathlib import Path
from threephase.artifacts.folders import writing
from threephase.jobs.frame import job

out, log = sys.argv[1:]
with job(log, 1, "ft · topics"):
    if os.getuid() == 0:
        os.seteuid(65534)  # root may write anywhere; nobody may not
    with writing(Path(out)):
        pass
"""


def closing_line(program: str, *arguments: object) -> str:
    """What a job that fails says last on the terminal."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("lack", "said"),
    [
        ("memory", "out of memory; lower `batch_size` and `eval_batch_size`"),
        ("files", "too many open files; raise the limit (ulimit -n 4096)"),
    ],
)
def test_a_lack_is_named(lack: str, said: str, tmp_path: Path, dataset: Path, base_models: dict[str, Path]) -> None:
    line = closing_line(TRAINING, dataset, base_models["bert"], tmp_path / "out", tmp_path / "log", lack)
    assert line.startswith("✗ ft · topics: ")
    assert said in line, (tmp_path / "log").read_text()
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_elses_is_named() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        line = closing_line(WRITING, Path(folder) / "out", os.devnull)
        Path(folder).chmod(0o755)
    assert line.startswith(f"✗ ft · topics: {folder}/.out.")
    assert "no permission (Permission denied); change that, or work in another folder (--directory)" in line
