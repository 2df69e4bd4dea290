"""Print the graph of a workflow as JSON: rule, inputs and outputs of every job. Usage: graph.py CONFIGFILE…

A program of its own, since Snakemake changes the working directory and lives once in a process. No command of
Snakemake prints the inputs of jobs that have not run.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(
        ResourceSettings(cores=1),
        ConfigSettings(configfiles=[Path(name) for name in sys.argv[1:]]),
        snakefile=Path("Snakefile"),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        workflow.dag().printrulegraph()  # builds the graph on its way
    jobs = [(job.rule.name, list(job.input), list(job.output)) for job in workflow._workflow.dag.jobs]
print(json.dumps(jobs))
