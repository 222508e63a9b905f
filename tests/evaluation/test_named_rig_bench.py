"""The benchmark of the named rig on the embedded models: what it finds of a short performance."""

import numpy as np
import pytest
import torch

from facetalk.animate import CAPTURED_RATE, Animator
from facetalk.errors import UserError
from facetalk.evaluation.named_rig_bench import (
    ARKIT,
    CORRECTED,
    REFERENCE,
    UNSEEN,
    NamedRigBench,
    bench_named_rig,
    bench_table,
)

FRAMES = 48


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


@pytest.fixture(scope="module")
def bench(animator: Animator) -> NamedRigBench:
    """A mouth that opens, rounds and shuts twice in a second."""
    controls = animator.head.config["rig_controls"]
    phase = torch.linspace(0.0, 4.0 * torch.pi, FRAMES)
    weights = torch.zeros(FRAMES, len(controls))
    weights[:, controls.index("jawOpen")] = 0.2 - 0.2 * phase.cos()
    weights[:, controls.index("mouthPucker")] = (0.4 * phase.sin()).clamp(min=0.0)
    weights[:, controls.index("tongueTipUp")] = 0.5
    told: list[str] = []
    codes = weights @ animator.head.rig_to_code().cpu()
    result = bench_named_rig(animator, codes, CAPTURED_RATE, lambda stage, fraction: told.append(stage))
    assert set(told) == {"keys", "weights", "compare"}
    return result


def test_correctives_bring_the_rig_near(bench: NamedRigBench) -> None:
    assert bench.frames == FRAMES // 2
    assert 0.02 < bench.errors[ARKIT, "lips"].mean() < 0.5
    assert bench.errors[CORRECTED, "lips"].mean() < 0.3 * bench.errors[ARKIT, "lips"].mean()
    assert bench.errors[CORRECTED, "lips"].max() < 0.5
    assert bench.errors[UNSEEN, "lips"].shape[0] == FRAMES // 4
    assert bench.errors[UNSEEN, "lips"].mean() < 0.1
    assert bench.errors[ARKIT, "tongue"].mean() > 1.0 > bench.errors[CORRECTED, "tongue"].mean()  # no such ARKit key


def test_lips_that_shut_stay_shut(bench: NamedRigBench) -> None:
    assert len(bench.openings[REFERENCE]) > 0
    assert np.abs(bench.openings[CORRECTED] - bench.openings[REFERENCE]).max() < 0.2


def test_an_eyeball_that_is_half_turned_is_flat(bench: NamedRigBench) -> None:
    assert 0.1 < bench.eye_error < 1.0


def test_the_table_holds_every_figure(bench: NamedRigBench) -> None:
    table = bench_table(bench, "cpu")
    assert table.row_count == len(bench.errors) + len(bench.openings) + 4


def test_codes_that_are_no_numbers_are_refused(animator: Animator) -> None:
    codes = torch.zeros(10, animator.head.expression_size)
    codes[3, 0] = torch.nan
    with pytest.raises(UserError, match="finite"):
        bench_named_rig(animator, codes, CAPTURED_RATE, lambda stage, fraction: None)
