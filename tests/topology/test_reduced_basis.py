"""A basis asks few points, keeps its word about the others, and knows what it does not know."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.parametric_head import Posed
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.head.published_points import POSE_TOLERANCE
from facetalk.topology import basis_building
from facetalk.topology.basis_building import TOLERANCE, build_basis, principal_modes, sample_points
from facetalk.topology.reduced_basis import Basis, ReducedPoints
from tests.head.tiny_published import tiny_model
from tests.topology.waving_sheet import LIPS, Crackle, WavingSheet, codes, waving_sheet

NONE = torch.empty(0, dtype=torch.long)


@pytest.fixture(scope="module")
def reduced() -> ReducedPoints:
    sheet = waving_sheet()
    basis = build_basis(sheet, codes(240, seed=0), codes(100, seed=1), NONE)
    assert basis is not None
    return ReducedPoints.of(sheet, basis)


def distances(found: Posed, wanted: Posed) -> Tensor:
    return (found.points - wanted.points).norm(dim=2)


def test_unseen_frames_keep_the_tolerance_and_every_bound(reduced: ReducedPoints) -> None:
    unseen = codes(150, seed=2)
    decoded = reduced.decode(unseen)
    off = distances(decoded.posed, reduced.whole.pose(unseen)).amax(dim=1)
    assert float(off.max()) <= TOLERANCE
    assert bool((off <= decoded.bounds + 1e-6).all())
    assert float(decoded.bounds.max()) <= TOLERANCE
    assert bool(decoded.posed.converged.all())


def test_few_points_are_asked(reduced: ReducedPoints) -> None:
    sheet = reduced.whole
    assert isinstance(sheet, WavingSheet)
    sheet.asked.clear()
    reduced.pose(codes(10, seed=3))
    assert 0 < sum(sheet.asked) <= 10 * 0.15 * len(sheet.points)


def test_points_that_no_mode_follows_are_found_and_asked(reduced: ReducedPoints) -> None:
    assert set(LIPS.tolist()) <= set(reduced.basis.asked.tolist())
    unseen = codes(30, seed=4)
    there, wanted = (each.pose(unseen).points[:, LIPS] for each in (reduced, reduced.whole))
    assert torch.allclose(there, wanted, atol=1e-7)


def test_what_must_be_asked_is_asked() -> None:
    rim = torch.tensor([3, 77, 500])
    sheet = waving_sheet()
    basis = build_basis(sheet, codes(240, seed=0), codes(100, seed=1), rim)
    assert basis is not None
    assert set(rim.tolist()) <= set(basis.asked.tolist())
    assert len(basis.asked.unique()) == len(basis.asked)


def test_a_frame_beyond_all_experience_is_left_to_the_head(reduced: ReducedPoints) -> None:
    motion = codes(4, seed=5)
    motion[2] = 6.0
    decoded, wanted = reduced.decode(motion), reduced.whole.pose(motion)
    assert torch.equal(decoded.posed.points[2], wanted.points[2])
    assert (decoded.bounds == 0.0).tolist() == [False, False, True, False]
    assert float(distances(decoded.posed, wanted).max()) <= TOLERANCE


def test_the_certificate_is_what_the_frames_say(reduced: ReducedPoints) -> None:
    held_out = codes(100, seed=1)[1::2]
    decoded, figures = reduced.decode(held_out), reduced.basis.certificate
    off = distances(decoded.posed, reduced.whole.pose(held_out))
    assert figures.frames == 50
    assert figures.maximum == pytest.approx(float(off.max()), abs=1e-6)
    assert figures.mean == pytest.approx(float(off.mean()), abs=1e-6)
    assert figures.referred == pytest.approx(float((decoded.bounds == 0.0).float().mean()))
    assert figures.bounded == 1.0


def test_frames_may_come_in_pieces(reduced: ReducedPoints) -> None:
    motion = codes(70, seed=6)
    pieces = torch.cat([reduced.pose(piece).points for piece in motion.split(9)])
    assert torch.allclose(pieces, reduced.pose(motion).points, atol=1e-6)


def test_motion_without_modes_gets_no_basis() -> None:
    assert (
        build_basis(
            Crackle(torch.randn(500, 3, generator=torch.Generator().manual_seed(0))),
            codes(160, seed=0),
            codes(40, seed=1),
            NONE,
        )
        is None
    )


@dataclass(frozen=True)
class SheetWithLosses(WavingSheet):
    """A sheet one of whose points is never found."""

    def pose(self, expressions: Tensor) -> Posed:
        posed = super().pose(expressions)
        posed.converged[:, self.points[:, 0] == self.points[:, 0].max()] = False
        return posed


def test_points_that_are_lost_are_no_samples_and_stay_marked() -> None:
    sheet = SheetWithLosses(**vars(waving_sheet()))
    basis = build_basis(sheet, codes(240, seed=0), codes(100, seed=1), NONE)
    assert basis is not None
    lost = (~sheet.pose(codes(1, seed=0)).converged[0]).nonzero()[:, 0]
    assert not set(lost.tolist()) & set(basis.asked[: basis.probes].tolist())
    decoded = ReducedPoints.of(sheet, basis).decode(codes(5, seed=7))
    assert torch.equal(decoded.posed.converged, sheet.pose(codes(5, seed=7)).converged)
    assert float(decoded.bounds.min()) > 0.0, "the head itself would lose them too"


def test_poses_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basis_building, "MEMORY_LIMIT", 1000)
    with pytest.raises(UserError, match="too many for a reduced basis"):
        build_basis(waving_sheet(), codes(240, seed=0), codes(100, seed=1), NONE)


def test_a_backward_head_is_posed_without_finding_all_its_roots(tmp_path: Path) -> None:
    model = tiny_model("nphm-backward")
    import_published_head(model.write(tmp_path), tmp_path / "anchors.npy", tmp_path / "bundle")
    head = PublishedHead.load(tmp_path / "bundle", torch.device("cpu"))
    line = torch.linspace(0.1, 0.6, 10)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1).reshape(-1, 3)
    points = head.box[0] + (head.box[1] - head.box[0]) * grid
    whole = head.prepare(points, torch.zeros(len(points)).long(), head.identity("subject-1"))

    def motion(seed: int, count: int) -> Tensor:
        share = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed))
        return 0.1 * share @ torch.stack([head.expression(1), head.expression(2)])

    basis = build_basis(whole, motion(0, 80), motion(1, 40), NONE)
    assert basis is not None
    assert len(basis.asked) < 0.3 * len(points)
    assert basis.foresight.shape == (head.expression_size + 1, 3 * len(basis.asked))
    unseen = motion(2, 12)
    reduced, wanted = ReducedPoints.of(whole, basis).pose(unseen), whole.pose(unseen)
    assert bool(wanted.converged.all())
    assert float(distances(reduced, wanted).max()) <= TOLERANCE + POSE_TOLERANCE


def test_what_was_foreseen_in_vain_is_followed_instead(reduced: ReducedPoints) -> None:
    class LostWhenForeseen(WavingSheet):
        def pose_near(self, expressions: Tensor, foreseen: Tensor) -> Posed:
            posed = self.pose(expressions)
            posed.points[1], posed.converged[1] = foreseen[1], False
            return posed

    few = LostWhenForeseen(**vars(reduced.few))
    count = len(reduced.basis.asked)
    motion = codes(3, seed=9)
    basis = replace(reduced.basis, foresight=torch.zeros(motion.shape[1] + 1, 3 * count))
    found = basis.ask(few, motion)
    assert bool(found.converged.all())
    assert torch.allclose(found.points, reduced.few.pose(motion).points)


def test_samples_lie_where_modes_differ() -> None:
    points = torch.arange(100.0)
    bumps = torch.stack([torch.exp(-((points - at) ** 2) / 20.0) for at in (20.0, 70.0)])
    modes = torch.zeros(2, 100, 3)
    modes[..., 0] = bumps
    samples = sample_points(modes.flatten(1), 2)
    assert samples[:2].tolist() == [20, 70]
    assert len(samples.unique()) == len(samples) == 4


def test_modes_span_what_they_were_made_of() -> None:
    span = torch.randn(3, 60, generator=torch.Generator().manual_seed(0))
    frames = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)) @ span
    modes = principal_modes(frames, 3)
    assert torch.allclose(modes @ modes.T, torch.eye(3), atol=1e-5)
    assert torch.allclose(frames @ modes.T @ modes, frames, atol=1e-4)


def test_a_basis_survives_as_tensors(reduced: ReducedPoints) -> None:
    again = Basis.of_tensors(reduced.basis.tensors(), torch.device("cpu"))
    assert again.certificate == reduced.basis.certificate
    motion = codes(20, seed=8)
    assert torch.equal(replace(reduced, basis=again).pose(motion).points, reduced.pose(motion).points)
