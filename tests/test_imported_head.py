"""Heads that are not ours perform: tiny published ones of random weights, and our own in disguise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk import imported_head, presets
from facetalk.animate import Animator
from facetalk.cli import main
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.errors import UserError
from facetalk.evaluation.stranger_head import Disguise, StrangerHead
from facetalk.head.head import MILLIMETRES, UNITS_PER_METRE, to_blender
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.head.similarity import Similarity
from facetalk.imported_head import ImportedHead, translation
from facetalk.take import COMPACT, TakeSettings
from facetalk.topology.surface_landing import LandedTemplate
from facetalk.topology.tensor_cache import TensorCache
from facetalk.topology.wrap import wrap
from tests.head.tiny_published import tiny_model
from training.published_rig import write_rigged
from training.rig import RIG_CONTROLS

CPU = torch.device("cpu")
CLIP = Clip((0.1 * np.sin(np.arange(SAMPLE_RATE // 2) / 9.0)).astype(np.float32))
HERE = Similarity(np.eye(3), 1.0, np.zeros(3))


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


def published(family: str, folder: Path) -> Path:
    model = tiny_model(family)
    for groups in model.experiments.values():
        for arrays in groups.values():
            for key in arrays:
                if key.startswith("defDeepSDF.lin6."):
                    arrays[key] *= 0.02  # expressions of centimetres, not of metres
    released = model.write(folder / "files")
    import_published_head(released, folder / "files/anchors.npy", folder / "published")
    return folder / "published"


def rigged(family: str, folder: Path) -> Path:
    bundle = published(family, folder)
    size = PublishedHead.load(bundle, CPU).expression_size
    rig = 0.2 * torch.randn(len(RIG_CONTROLS), size, generator=torch.Generator().manual_seed(0))
    write_rigged(bundle, presets.preset(presets.HEAD), rig, folder / "rigged")
    return folder / "rigged"


@pytest.fixture
def landed(animator: Animator, monkeypatch: pytest.MonkeyPatch) -> LandedTemplate:
    """Noise has no face: the template is said to have landed where it lies on our mean head."""
    head, template = animator.head, animator.template
    vertices = wrap(head, head.identity("average"), template).astype(np.float64)
    settled = np.ones(len(vertices), np.bool_)
    found = LandedTemplate(vertices, vertices, settled, np.zeros(head.shape_size), HERE, 0.0)
    monkeypatch.setattr(imported_head, "landed_once", lambda *arguments, **named: found)
    return found


def all_frames(head: ImportedHead, settings: TakeSettings) -> NDArray[np.float32]:
    return np.concatenate([batch.vertices for batch in head.frames(CLIP, settings)])


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("family", ["nphm", "nphm-backward", "mononphm"])
def test_a_published_head_performs(family: str, animator: Animator, tmp_path: Path) -> None:
    head = ImportedHead.load(animator, rigged(family, tmp_path))
    settings = TakeSettings(identity="subject-1", fps=10.0)
    rest, frames = head.mesh("subject-1"), all_frames(head, settings)
    assert frames.shape == (head.frame_count(CLIP, 10.0), *rest.vertices.shape)
    assert np.isfinite(frames).all()
    assert rest.hair is None
    np.testing.assert_array_equal(frames, all_frames(head, settings))
    still = all_frames(head, replace(settings, intensity=0.0))
    np.testing.assert_allclose(still, np.broadcast_to(rest.vertices, still.shape), atol=2e-5)
    assert np.abs(frames - still).max() > 1e-3
    assert head.roots.asked > 0
    assert head.models[-1] == "rigged"


@pytest.mark.parametrize("family", ["nphm", "mononphm"])
def test_its_skin_goes_where_its_own_codes_say(
    family: str, animator: Animator, landed: LandedTemplate, tmp_path: Path
) -> None:
    folder = rigged(family, tmp_path)
    head, plain = ImportedHead.load(animator, folder), PublishedHead.load(folder, CPU)
    weights = torch.zeros(1, len(RIG_CONTROLS))
    weights[0, RIG_CONTROLS.index("jawOpen")] = 0.5
    (batch,) = head.poses(weights @ animator.head.rig_to_code(), TakeSettings("average", fps=50.0), rate=50)
    tip = animator.template.landmarks["nose_tip"]
    points = torch.from_numpy(landed.vertices[[tip]]).float()
    posed = plain.prepare(points, torch.zeros(1, dtype=torch.long), plain.identity("average")).pose(
        weights @ plain.rig_to_code()
    )
    np.testing.assert_allclose(batch.vertices[0, tip], to_blender(posed.points[0, 0]).numpy(), atol=2e-5)


def test_a_perfectly_landed_stranger_performs_as_ours(
    animator: Animator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = Similarity(Rotation.from_rotvec([0.1, -0.2, 0.3]).as_matrix(), 1.2, np.array([0.1, -0.2, 0.3]))
    stranger = StrangerHead(animator.head, Disguise.drawn(animator.head.expression_size, place, 0.0, seed=1))
    identity, template = stranger.identity("random-2"), animator.template
    truth = stranger.truth(template, identity)
    back = Similarity(place.rotation.T, 1.0 / place.scale, -place.rotation.T @ place.translation / place.scale)
    shape = identity[: animator.head.shape_size].double().numpy()
    found = LandedTemplate(truth, truth, np.ones(len(truth), np.bool_), shape, back, 0.0)
    monkeypatch.setattr(imported_head, "landed_once", lambda *arguments, **named: found)
    head = ImportedHead(animator, stranger, "stranger", [], TensorCache(tmp_path))
    weights = torch.zeros(4, len(RIG_CONTROLS))
    for frame, poses in enumerate(({}, {"jawOpen": 0.7}, {"eyeBlink_L": 1.0}, {"eyeLookOut_L": 1.0, "jawOpen": 0.2})):
        for control, weight in poses.items():
            weights[frame, RIG_CONTROLS.index(control)] = weight
    codes = weights @ animator.head.rig_to_code()
    posed = np.concatenate([batch.vertices for batch in head.poses(codes, TakeSettings("random-2", fps=50.0), rate=50)])
    wanted = to_blender(torch.from_numpy(stranger.true_poses(template, identity, codes))).numpy()
    apart = np.linalg.norm(posed - wanted, axis=2) * MILLIMETRES * UNITS_PER_METRE
    # Lips and lids are kept in touch point by point, and those here are not all of them.
    assert np.median(apart) < 0.01
    assert np.quantile(apart, 0.99) < 0.1
    assert apart.max() < 0.6
    balls = template.groups["eyeballs"]
    assert np.linalg.norm(posed[3, balls] - posed[0, balls], axis=1).max() > 1e-3


@pytest.mark.usefixtures("landed")
def test_a_take_of_a_published_head_can_be_compact(animator: Animator, tmp_path: Path) -> None:
    head = ImportedHead.load(animator, rigged("nphm", tmp_path))
    take = head.keyed(CLIP, TakeSettings("average", fps=10.0, form=COMPACT, tolerance_mm=0.5))
    assert 1 <= len(take.names) <= head.frame_count(CLIP, 10.0)
    assert take.error_mm <= 0.5


def test_codes_mean_what_the_rig_says(animator: Animator, tmp_path: Path) -> None:
    plain = PublishedHead.load(rigged("nphm", tmp_path), CPU)
    weights = torch.rand(5, len(RIG_CONTROLS), generator=torch.Generator().manual_seed(1))
    own = weights @ animator.head.rig_to_code()
    wanted = weights @ plain.rig_to_code()
    torch.testing.assert_close(own @ translation(animator.head, plain, "it"), wanted, atol=1e-3, rtol=1e-3)


def test_a_head_without_the_rig_is_refused(animator: Animator, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.published_rig"):
        ImportedHead.load(animator, published("nphm", tmp_path))


def test_a_head_with_another_rig_is_refused(animator: Animator, tmp_path: Path) -> None:
    plain = PublishedHead.load(rigged("nphm", tmp_path), CPU)
    plain.rig_controls = tuple(f"old {name}" for name in plain.rig_controls)
    with pytest.raises(UserError, match="taught another rig, without"):
        ImportedHead(animator, plain, "it", [], TensorCache(tmp_path))


@pytest.mark.usefixtures("landed")
def test_what_a_published_head_lacks_is_said(animator: Animator, tmp_path: Path) -> None:
    head = ImportedHead.load(animator, rigged("nphm", tmp_path))
    with pytest.raises(UserError, match="has no hair styles"):
        head.mesh("average", "bob")
    with pytest.raises(UserError, match="no identity named 'mia'"):
        head.mesh("mia")


def test_a_head_of_noise_is_refused_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rigged("nphm", tmp_path)
    marks = tmp_path / "marks.txt"
    marks.write_text("nose_tip 0 0 0.28\nleft_eye_outer 0.18 0.07 0.1\nright_eye_outer -0.18 0.07 0.1\n")
    with pytest.raises(SystemExit) as stopped:
        main(["head", "land", str(folder), "--landmarks", str(marks), "--device", "cpu"])
    assert stopped.value.code == 1
    assert "No face is found on this head" in capsys.readouterr().err


@pytest.mark.usefixtures("landed")
def test_the_command_says_how_the_template_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["head", "land", str(rigged("nphm", tmp_path)), "--identity", "subject-1", "--device", "cpu"])
    assert stopped.value.code == 0
    assert "lie on its surface" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda folder: ["--head", str(folder / "none")], "none"),
        (lambda folder: ["--head", str(presets.preset(presets.HEAD))], "does not hold a published head"),
        (lambda folder: ["--motion", str(presets.preset(presets.HEAD))], "head"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_bundle(
    options: Callable[[Path], list[str]], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    soundfile.write(tmp_path / "line.wav", CLIP.samples, SAMPLE_RATE)
    with pytest.raises(SystemExit) as stopped:
        main(["animate", str(tmp_path / "line.wav"), "--blend", str(tmp_path / "line.blend"), *options(tmp_path)])
    assert stopped.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "line.blend").exists()
