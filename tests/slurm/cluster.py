"""A real SLURM on this machine: munge, slurmctld and slurmd from Debian's packages, on loopback, for the tests."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
# Where SLURM's own tools look: the executor's inner `srun` forgets SLURM_CONF.
CONF = Path("/etc/slurm/slurm.conf")
PARTITION = "tests"
OURS = "# Made by the tests of threephase\n"

TEMPLATE = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
ReturnToService=2
MinJobAge=3600
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why no cluster can be started here; None if one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=f"/usr/sbin:/usr/bin:{os.environ['PATH']}") is None]
    if absent:
        return f"needs {', '.join(absent)} (Debian's packages slurm-wlm and munge)"
    if os.getuid() != 0:
        return "needs root, to start SLURM's daemons"
    if CONF.exists() and not CONF.read_text().startswith(OURS):
        return f"{CONF} is there: this machine belongs to a cluster"
    return None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """A cluster of this one machine while the block runs."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    port = 30000 + os.getpid() % 20000
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 1000
    CONF.parent.mkdir(exist_ok=True)
    CONF.write_text(
        OURS
        + TEMPLATE.format(
            host=socket.gethostname(), port=port, next_port=port + 1, folder=folder, cpus=os.cpu_count(),
            memory=memory, partition=PARTITION,
        )
    )  # fmt: skip
    munged = [
        "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
    ]  # fmt: skip
    environment = os.environ | {"PATH": f"/usr/sbin:/usr/bin:{os.environ['PATH']}"}
    daemons = []
    try:
        for command in (munged, ["slurmctld", "-D", "-i"], ["slurmd", "-D"]):
            with (folder / f"{command[0]}.out").open("w") as out:
                daemons.append(subprocess.Popen(command, stdout=out, stderr=out, env=environment))
            time.sleep(0.5)
        wait_until_up()
        yield
    finally:
        subprocess.run(["scancel", f"--partition={PARTITION}"], capture_output=True)
        end = time.monotonic() + 15
        while time.monotonic() < end and subprocess.run(["pgrep", "slurmstepd"], capture_output=True).returncode == 0:
            time.sleep(0.5)
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=10)
            daemon.kill()
        CONF.unlink()


@contextlib.contextmanager
def drained() -> Iterator[None]:
    """The node begins no job while the block runs."""
    update = ["scontrol", "update", f"NodeName={socket.gethostname()}"]
    subprocess.run([*update, "State=DRAIN", "Reason=test"], check=True)
    try:
        yield
    finally:
        subprocess.run([*update, "State=RESUME"], check=True)


def wait_until_up(seconds: float = 60) -> None:
    """Return once the node takes jobs."""
    end = time.monotonic() + seconds
    while "idle" not in subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True).stdout:
        if time.monotonic() > end:
            raise TimeoutError("SLURM's node does not come up")
        time.sleep(0.2)


def jobs(*fields: str) -> list[list[str]]:
    """All jobs that SLURM knows, also those that have ended: the fields asked for, as `squeue` calls them."""
    told = subprocess.run(
        ["squeue", "--noheader", "--states=all", "--Format=" + ",".join(f"{field}:200" for field in fields)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [
        [line[place * 200 : (place + 1) * 200].strip() for place in range(len(fields))] for line in told.splitlines()
    ]
