import pytest
import torch

from facetalk.head.contact import TOUCHING_LIPS
from facetalk.head.rim_gap import gaps
from tests.head.rim_bars import LINE, MILLIMETRE, RADIUS, bars


@pytest.mark.parametrize("depth", [True, False])
@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize("gap", [-1.0, 0.0, 1.5])
def test_gaps_are_measured_along_the_height_however_the_seam_slopes(gap: float, slope: float, depth: bool) -> None:
    found = gaps(bars(gap * MILLIMETRE, slope)[None], LINE, depth) / MILLIMETRE
    assert torch.allclose(found, torch.full_like(found, gap), atol=0.01)


@pytest.mark.parametrize("aside", [-2.0, 2.0])
def test_rims_are_compared_where_they_are_and_not_by_their_columns(aside: float) -> None:
    posed = bars(MILLIMETRE, slope=0.5)
    posed[0] += aside * MILLIMETRE * torch.tensor([1.0, 0.5, 0.0])  # along the seam: nothing comes nearer
    found = gaps(posed[None], LINE, depth=True)[0, :, 3:-3] / MILLIMETRE
    assert torch.allclose(found, torch.ones_like(found), atol=0.01)


def test_a_lip_that_hangs_before_the_other_is_no_crossing_and_a_lid_is() -> None:
    posed = bars(-MILLIMETRE, forwards=3.0 * RADIUS)[None]
    assert (gaps(posed, LINE, depth=True) > TOUCHING_LIPS).all()
    assert (gaps(posed, LINE, depth=False) < 0.0).all()


def test_what_bulges_into_the_other_rim_crosses_it_wherever_the_lines_are() -> None:
    posed = bars(MILLIMETRE)
    posed[0, LINE + 2, :, 1] -= 4.0 * MILLIMETRE  # before the line of touch
    for depth in (True, False):
        assert (gaps(posed[None], LINE, depth) < 0.0).all()
