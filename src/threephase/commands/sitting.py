"""A grid that is packed dataset by dataset: each runs in a folder of its own, whose weights go when it is packed."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from threephase.artifacts import layout
from threephase.commands.run import command
from threephase.errors import InterruptionError, UserError
from threephase.experiment.asked import Asked
from threephase.experiment.reading import load, merged
from threephase.experiment.shipped import SHIPPED
from threephase.reproduction.packing import of_what_exists, pack, refuse_set_otherwise
from threephase.reproduction.sittings import sittings, write_grid
from threephase.training.stopping import asked_to_stop

# All that is packed: the runs, the probes, and the audits of the datasets, of which Table 1 is made.
TARGETS = ("results", "probes", "table1")
PAUSE = 0.2  # seconds between two looks whether a run has ended


class Sittings:
    """What is missing of a grid, to be run dataset by dataset.

    Args:
        configs: the grid's config files.
        changes: keys of its top level, laid over them.
        code: gives the digest of a step's code by its name.
        place: where each dataset has a folder while it runs, and what it asks for beside that.
        folder: of the compact form.
        cores: as Snakemake takes them.

    Raises CheckpointError where packed runs could not stand beside those of this config.
    """

    def __init__(
        self,
        configs: Sequence[Path],
        changes: Mapping[str, Any],
        code: Callable[[str], str],
        place: Path,
        folder: Path,
        cores: str,
    ) -> None:
        self.configs = configs
        self.changes = changes
        self.given = merged(configs, dict(changes))
        self.config = load(self.given, SHIPPED)
        self.code = code
        self.place = place
        self.folder = folder
        self.cores = cores
        self.datasets = list(dict.fromkeys(layout.dataset_of(run.dataset) for run in self.config.runs()))
        self.unfinished: list[str] = []
        refuse_set_otherwise(self.config, SHIPPED, folder)

    def sit(self, dataset: str) -> None:
        """Run what is missing of a dataset, pack what was done, and take its folder away if that is all.

        Raises InterruptionError where a signal asked to stop; the same sitting goes on later. Raises UserError for a
        dataset that the grid has not.
        """
        if dataset not in self.datasets:
            raise UserError(f"{dataset}: no dataset of the grid; it has {', '.join(self.datasets)}")
        overlay, here = self.place / f"{dataset}.yaml", self.place / dataset
        missing = self._missing(dataset)
        if missing:
            print(f"{dataset}: {len(missing['grid'])} runs in {here}", flush=True)
            write_grid(missing, overlay)
            self._run(overlay, here)
            if self._any_done(here / "results"):
                packed = pack(self.given, SHIPPED, self.code, here / "results", self.folder)
                print(f"{self.folder}: {packed.runs} of {packed.of} runs, {packed.size / 1e6:.1f} MB", flush=True)
        if self._missing(dataset):
            self.unfinished.append(dataset)
            return
        overlay.unlink(missing_ok=True)
        shutil.rmtree(here, ignore_errors=True)

    def _missing(self, dataset: str) -> dict[str, Any] | None:
        return sittings(self.config, self.folder).get(dataset)

    def _run(self, overlay: Path, here: Path) -> None:
        options = ["--quiet", "host", "--cores", self.cores, "--keep-going", "--directory", str(here)]
        laid_over = [f"{key}={as_yaml(value)}" for key, value in self.changes.items()]
        changes = ["--config", *laid_over] if laid_over else []
        called = command([*map(str, self.configs), str(overlay), *options, *changes, "--", *TARGETS])
        here.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(called) as process, asked_to_stop() as asked:
            while process.poll() is None and not asked:
                time.sleep(PAUSE)
            if asked == ["SIGTERM"]:  # a terminal interrupts both; a request to end may come to this process alone
                process.terminate()
            process.wait()
        if asked:
            raise InterruptionError("stopped; the same command goes on")

    def _any_done(self, results: Path) -> bool:
        asked = Asked(of_what_exists(self.config), lambda _: "", results)
        return bool(asked.runs_of(self.config.variants))


def as_yaml(value: Any) -> str:
    """A value as Snakemake's `--config` reads it: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
