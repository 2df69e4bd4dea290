"""Jobs that start from a process with the libraries loaded: their output, exit codes, signals and end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from venv import EnvBuilder

import psutil
import pytest

import threephase
from threephase.jobs.warm import FOLDER, LIBRARIES, WORKFLOW

HANDS_OVER = "from threephase.jobs.warm import run_warm\nrun_warm()\n"
WAITS = "from threephase.jobs.warm import run_warm\nrun_warm(patient=True)\n"


class Jobs:
    """Scripts run as Snakemake runs them, within one workflow."""

    def __init__(self, folder: Path, workflow: int) -> None:
        self.folder = folder
        self.place = folder / "server"
        self.environment = os.environ | {FOLDER: str(self.place), WORKFLOW: str(workflow)}

    def start(self, code: str, hands_over: str = HANDS_OVER) -> subprocess.Popen:
        script = self.folder / f"script{len(list(self.folder.glob('script*')))}.py"
        script.write_text(hands_over + code)
        return subprocess.Popen(
            [sys.executable, str(script)], env=self.environment, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, code: str) -> tuple[int, str]:
        job = self.start(code)
        said, _ = job.communicate(timeout=60)
        return job.returncode, said


def eventually(happens: Callable[[], bool], seconds: float = 60) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if happens():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def workflow() -> Iterator[subprocess.Popen]:
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, workflow: subprocess.Popen) -> Jobs:
    """A workflow whose first job has run for itself and started the server."""
    made = Jobs(tmp_path_factory.mktemp("w"), workflow.pid)
    assert made.run("import sys; print('torch' in sys.modules)") == (0, "False\n")
    assert eventually((made.place / "socket").exists)
    assert made.place.stat().st_mode & 0o777 == 0o700
    return made


def test_a_later_job_has_the_libraries_and_not_the_project(jobs: Jobs) -> None:
    code = "import os, sys; print('torch' in sys.modules, 'threephase.training.loop' in sys.modules, os.getcwd())"
    assert jobs.run(code) == (0, f"True False {jobs.folder}\n")


def test_a_later_job_need_not_do_again_what_every_model_that_is_loaded_asks_for(jobs: Jobs) -> None:
    code = (
        "import gc; from transformers import conversion_mapping\n"
        "print(conversion_mapping._checkpoint_conversion_mapping_cache is None, gc.get_freeze_count() > 100_000)"
    )
    assert jobs.run(code) == (0, "False True\n")


def test_the_package_is_the_one_of_the_jobs_own_path(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    other = jobs.folder / "other/threephase"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(f"__path__.append({str(Path(threephase.__file__).parent)!r})\nOTHER = True\n")
    monkeypatch.setitem(jobs.environment, "PYTHONPATH", str(other.parent))
    code = "import sys, threephase; print('torch' in sys.modules, threephase.OTHER)"
    assert jobs.run(code) == (0, "True True\n")


def test_exit_codes_and_errors_come_through(jobs: Jobs) -> None:
    assert jobs.run("raise SystemExit(3)")[0] == 3
    failing = jobs.start("raise ValueError('what went wrong')")
    _, complaint = failing.communicate(timeout=60)
    assert failing.returncode == 1
    assert "ValueError: what went wrong" in complaint
    assert jobs.run("import os; os.kill(os.getpid(), 9)")[0] == 1


def test_a_killed_job_takes_its_fork_with_it_and_a_signal_reaches_it(jobs: Jobs) -> None:
    waits = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(100)"
    for number in (signal.SIGKILL, signal.SIGTERM):
        (jobs.folder / "pid").unlink(missing_ok=True)
        job = jobs.start(waits)
        assert eventually(lambda: (jobs.folder / "pid").exists() and (jobs.folder / "pid").read_text() != "")
        fork = int((jobs.folder / "pid").read_text())
        assert fork != job.pid
        job.send_signal(number)
        assert job.wait(timeout=60) != 0
        assert eventually(lambda: not Path(f"/proc/{fork}").exists())  # noqa: B023


def test_a_download_is_no_fork_for_what_is_loaded_there_knows_no_hub(jobs: Jobs) -> None:
    code = (
        "from threephase.jobs.frame import job\n"
        "with job('log.txt', 1, 'title', online=True):\n"
        "    import os; from huggingface_hub.constants import HF_HUB_OFFLINE\n"
        "    open('download', 'w').write(f'{os.getpid()} {HF_HUB_OFFLINE}')\n"
    )
    script = jobs.folder / "download.py"
    script.write_text(code)
    environment = {name: value for name, value in jobs.environment.items() if name != "HF_HUB_OFFLINE"}
    with subprocess.Popen([sys.executable, str(script)], env=environment, cwd=jobs.folder) as job:
        assert job.wait(timeout=60) == 0
    assert (jobs.folder / "download").read_text() == f"{job.pid} False"


def test_threads_are_those_of_the_job(jobs: Jobs) -> None:
    code = (
        "from threephase.jobs.frame import job\n"
        "with job('log.txt', 2, 'title'):\n"
        "    import torch\n"
        "    print(torch.get_num_threads())\n"
    )
    assert jobs.run(code)[0] == 0
    assert (jobs.folder / "log.txt").read_text() == "2\n"


def test_what_a_job_starts_finds_the_package_where_the_scripts_path_alone_has_it(
    tmp_path_factory: pytest.TempPathFactory, workflow: subprocess.Popen
) -> None:
    """As in a conda environment that Snakemake made: the package is not installed and PYTHONPATH is taken away."""
    folder = tmp_path_factory.mktemp("b")
    EnvBuilder(symlinks=True).create(folder / "bare")
    for library in LIBRARIES:
        (folder / "libraries" / library.replace(".", "/")).mkdir(parents=True, exist_ok=True)
    (folder / "libraries/psutil").symlink_to(Path(psutil.__file__).parent)  # the one that a job needs to begin
    path = [str(folder / "libraries"), str(Path(threephase.__file__).parents[1])]
    script = folder / "script.py"
    script.write_text(
        f"import subprocess, sys\nsys.path += {path}\n"
        "from threephase.jobs.frame import job\n"
        "with job('log.txt', 1, 'title'):\n"
        "    warm = 'sentence_transformers' in sys.modules\n"
        "    print(warm, subprocess.call([sys.executable, '-c', 'import threephase']), flush=True)\n"
    )
    place = folder / "server"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {FOLDER: str(place), WORKFLOW: str(workflow.pid)}
    for said in ("False 0\n", "True 0\n"):
        subprocess.run([folder / "bare/bin/python", script], env=environment, cwd=folder, check=True, timeout=60)
        assert (folder / "log.txt").read_text() == said
        assert eventually((place / "socket").exists)


def test_jobs_that_need_the_libraries_wait_for_a_server_and_run_alone_once_it_is_gone(
    tmp_path: Path, workflow: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken/pandas.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError")
    for path, shown in (("", "True\n"), (str(broken.parent), "False\n")):
        jobs = Jobs(tmp_path / shown.strip(), workflow.pid)
        jobs.folder.mkdir()
        monkeypatch.setitem(jobs.environment, "PYTHONPATH", path)
        started = [jobs.start("import sys; print('torch' in sys.modules)", WAITS) for _ in range(2)]
        assert [job.communicate(timeout=60)[0] for job in started] == [shown, shown]


def test_a_job_that_waits_is_stopped_by_one_line(tmp_path: Path, workflow: subprocess.Popen) -> None:
    jobs = Jobs(tmp_path, workflow.pid)
    jobs.place.mkdir(mode=0o700)
    (jobs.place / "process").write_text(str(workflow.pid))  # a server that is never ready
    begins = (
        "open('begun', 'w'); from threephase.jobs.frame import job\nwith job('log', 1, 'title', models=True): pass\n"
    )
    job = jobs.start(begins, hands_over="")
    assert eventually((tmp_path / "begun").exists)
    time.sleep(1)
    job.send_signal(signal.SIGINT)
    said = job.communicate(timeout=60)
    assert (job.returncode, "".join(said)) == (1, "✗ title: stopped by Ctrl-C\n")


def test_the_server_goes_with_the_workflow(jobs: Jobs, workflow: subprocess.Popen) -> None:
    workflow.kill()
    workflow.wait()
    assert eventually(lambda: not jobs.place.exists(), 10)
    assert jobs.run("import sys; print('torch' in sys.modules)") == (0, "False\n")


OFFERS = """
import os, sys
from pathlib import Path
from threephase.jobs.warm import FOLDER, offer_server
offer_server()
folder = Path(os.environ[FOLDER])
print(folder, folder.exists())
folder.mkdir()
(folder / "socket").touch()
"""


def test_a_workflow_names_a_new_folder_makes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    said = {subprocess.check_output([sys.executable, "-c", OFFERS], env=environment, text=True) for _ in range(2)}
    assert len(said) == 2
    assert all(line.startswith(f"{tmp_path}/threephase-") and line.endswith(" False\n") for line in said)
    assert not list(tmp_path.iterdir())


def open_to_others(place: Path) -> None:
    place.chmod(0o750)


def elsewhere(place: Path) -> None:
    place.rename(place.with_name("real"))
    place.symlink_to("real")


def somebody_elses(place: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(place, 65534, 65534)


@pytest.mark.parametrize("change", [open_to_others, elsewhere, somebody_elses])
def test_a_folder_that_another_user_may_have_made_is_told_nothing(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    jobs = Jobs(tmp_path, os.getpid())
    with listening(jobs.place) as listener:
        change(jobs.place)
        assert jobs.run("print('for itself')") == (0, "for itself\n")
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_server_that_goes_without_an_answer_costs_nothing(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, os.getpid())
    with listening(jobs.place) as listener:
        job = jobs.start("print('for itself')")
        listener.setblocking(True)
        listener.accept()[0].close()
        assert job.communicate(timeout=60)[0] == "for itself\n"
        assert job.returncode == 0


def listening(place: Path) -> socket.socket:
    """Somebody's socket where a server's would be."""
    place.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "socket"))
    listener.listen()
    listener.setblocking(False)
    return listener
