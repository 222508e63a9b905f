"""What the benchmark of memory says of processes whose memory is known."""

import subprocess
import sys

import pytest

from facetalk.evaluation.memory_bench import PeakMemory, WatchedChildren, bench_table
from facetalk.take import CACHE, TakeSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory a process has held")


def test_a_childs_peak_is_its_own() -> None:
    ballast = bytearray(300 << 20)  # ours: a child that is only begun shares it
    with WatchedChildren() as children:
        hold = "held = b'x' * (100 << 20); del held; import time; time.sleep(0.5)"
        subprocess.run([sys.executable, "-c", hold], check=True)
    del ballast
    assert 100 < children.peak < 200


def test_no_child_has_held_nothing() -> None:
    with WatchedChildren() as children:
        pass
    assert children.peak == 0.0


def test_the_table_compares_both() -> None:
    table = bench_table(
        PeakMemory(1.0, 500.0, 100.0, 1_000_000, 9.0),
        PeakMemory(60.0, 600.0, 150.0, 2_000_000, 99.0),
        TakeSettings(form=CACHE),
    )
    ratios = dict(zip(table.columns[0].cells, table.columns[3].cells, strict=True))
    assert ratios["peak of our process"] == "1.20"
    assert ratios["peak of Blender"] == "1.50"
    assert ratios["peak of both"] == "1.25"
