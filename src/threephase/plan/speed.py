"""Seconds that a training takes: by the pace measured here, or by what a kind of GPU is said to do."""

from dataclasses import dataclass

from threephase.plan.calibration import Pace
from threephase.plan.work import Work

# Peak of dense matrix products in half precision, operations a second, as their maker states it.
GPUS = {
    "h200": 989e12,
    "h100": 989e12,
    "a100": 312e12,
    "l40s": 362e12,
    "rtx4090": 165e12,
    "v100": 125e12,
    "l4": 121e12,
    "t4": 65e12,
}
# Assumed of a GPU, not measured: the share of its peak that short, padded texts reach; seconds that the libraries
# need to start the kernels of one layer forward and backward, and of a step besides; seconds of a job besides steps.
SHARE, A_LAYER, A_STEP, AROUND = 0.25, 1.0e-3, 5e-3, 20.0
# What the libraries' own batches need, with padding, in multiples of packed ones: measured on a CPU (docs/scale.md).
UNPACKED = 6.0
# Layers that a step passes, in multiples of the encoder's: a decoder's also attend to the vector.
PASSES = {"dae": 2.5, "cl": 1.0, "joint": 3.5, "ft": 1.0}

# Seconds of jobs that train no network, besides passes, as the demo's took them on two cores.
DATA, AUDIT, MODEL, TEST, PROBE, TABLE, BASELINE = 3.0, 2.0, 6.0, 1.5, 2.5, 0.5, 2.0
TAKEN = 4.0  # of a training that is taken over from another variant's: its pairs are drawn before it is seen
PICTURES = 20.0  # of a dataset with a base model, with the maps that they show
START = 10.0  # of a run: Snakemake itself, and the libraries of its first jobs


@dataclass(frozen=True)
class Measured:
    """The pace of a phase, measured at one piece of work and carried over to others by their operations."""

    pace: Pace
    at: Work

    def seconds(self, work: Work, phase: str, layers: int) -> float:
        """Of a training, at the most: early stopping is not foreseen."""
        of_steps = work.steps * self.pace.step * work.of_a_step / self.at.of_a_step
        return of_steps + work.evaluations * self.forward(work.validation) + self.pace.around

    def forward(self, operations: float) -> float:
        """Of passes without training."""
        return self.pace.validation * operations / self.at.validation

    def memory(self, work: Work) -> float:
        """Bytes at the most."""
        more = work.weights + work.activations - self.at.weights - self.at.activations
        return max(self.pace.memory + more, 0.0)


@dataclass(frozen=True)
class Assumed:
    """A kind of GPU."""

    kind: str

    def seconds(self, work: Work, phase: str, layers: int) -> float:
        """Of a training, at the most: a step takes its operations, or the starting of its kernels if that is longer."""
        starting = A_STEP + PASSES[phase] * layers * A_LAYER * bool(work.tokens)  # a frozen encoder is not passed
        of_steps = work.steps * max(starting, work.of_a_step / (SHARE * GPUS[self.kind]))
        return of_steps + work.evaluations * self.forward(work.validation) + AROUND

    def forward(self, operations: float) -> float:
        """Of passes without training."""
        return operations / (SHARE * GPUS[self.kind])

    def memory(self, work: Work) -> float:
        """Bytes at the most."""
        return work.weights + UNPACKED * work.activations


Speed = Measured | Assumed
