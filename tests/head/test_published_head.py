"""A published head as an animator's program uses it: distances, identities, poses, colours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.head.meshing import marching_cubes
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.head.published_networks import FAMILIES
from facetalk.head.published_points import POSE_TOLERANCE
from tests.head.tiny_published import ANCHORS, EXPRESSION, IDENTITY_SIZE, Reference, TinyModel, tiny_model

CPU = torch.device("cpu")
SINGLE = 2e-5


def load(model: TinyModel, folder: Path) -> PublishedHead:
    import_published_head(model.write(folder), folder / "anchors.npy", folder / "bundle")
    return PublishedHead.load(folder / "bundle", CPU)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyModel, PublishedHead]:
    model = tiny_model(request.param)
    return model, load(model, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module", params=["nphm-backward", "mononphm"])
def backward(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PublishedHead:
    return load(tiny_model(request.param), tmp_path_factory.mktemp("tiny"))


def inside(head: PublishedHead, count: int) -> Tensor:
    share = torch.rand(count, 3, generator=torch.Generator().manual_seed(0))
    return head.box[0] + (head.box[1] - head.box[0]) * share


def motion(head: PublishedHead, frames: int) -> Tensor:
    """Expression codes ``[T, E]`` that go round between two scans'."""
    turn = torch.linspace(0, 3, frames)[:, None]
    return 0.5 * torch.sin(turn) * head.expression(1) + 0.5 * torch.cos(turn) * head.expression(2)


def test_it_answers_to_the_contract(pair: tuple[TinyModel, PublishedHead]) -> None:
    head: ParametricHead = pair[1]
    assert head.parts == ("skin",)
    assert head.identity_size == IDENTITY_SIZE
    assert head.expression_size == EXPRESSION
    torch.testing.assert_close(head.box, torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]]))
    assert head.anchors(torch.zeros(IDENTITY_SIZE)).shape == (ANCHORS, 3)


def test_distances_are_the_canonical_head_s(pair: tuple[TinyModel, PublishedHead]) -> None:
    model, head = pair
    reference, points, code = Reference(model), inside(head, 20), head.identity("subject-1")
    flat = np.pad(points.double().numpy(), ((0, 0), (0, 0 if model.family == "nphm" else 2)))
    wanted = [reference.distance(query, code.double().numpy(), floor=1e-30) for query in flat]
    found = head.signed_distance(points, code)
    assert found.shape == (20, 1)
    np.testing.assert_allclose(found[:, 0].numpy(), wanted, atol=SINGLE)


def test_distances_can_be_fitted_through(pair: tuple[TinyModel, PublishedHead]) -> None:
    _, head = pair
    points = inside(head, 10).requires_grad_(True)
    code = head.identity("subject-1").clone().requires_grad_(True)
    head.signed_distance(points, code).sum().backward()
    assert points.grad is not None
    assert code.grad is not None
    for gradient in (points.grad, code.grad):
        assert bool(gradient.isfinite().all())
        assert float(gradient.abs().max()) > 0


def test_a_distance_field_gives_what_is_wanted(pair: tuple[TinyModel, PublishedHead]) -> None:
    _, head = pair
    code, points = head.identity("subject-2"), inside(head, 20)
    wanted = (torch.arange(20) % 2 == 0)[:, None]
    found = head.distance_field(code)(points, wanted)
    torch.testing.assert_close(found[wanted], head.signed_distance(points, code)[wanted], atol=SINGLE, rtol=0)
    assert bool(found[~wanted].isposinf().all())


def test_it_can_be_meshed(pair: tuple[TinyModel, PublishedHead]) -> None:
    _, head = pair
    code = head.identity("subject-2")
    middle = head.signed_distance(inside(head, 500), code).median()  # random weights need not enclose anything
    mesh = marching_cubes(
        lambda points: head.signed_distance(points, code)[:, 0] - middle, head.box, 24, overestimate=9.0
    )
    assert len(mesh.triangles) > 100
    found = head.signed_distance(torch.from_numpy(mesh.vertices).float(), code)[:, 0] - middle
    assert float(found.abs().median()) < 0.01


def test_identities_have_names(pair: tuple[TinyModel, PublishedHead]) -> None:
    model, head = pair
    assert head.identity_names == ("average", *(f"subject-{row}" for row in range(5)))
    assert not bool(head.identity("average").any())
    raw = torch.from_numpy(model.table("geo"))
    torch.testing.assert_close(head.identity("subject-0"), raw[0])
    torch.testing.assert_close(head.identity("subject-4"), raw[4] / raw[4].norm())
    drawn = head.identity("random-7")
    assert torch.equal(drawn, head.identity("random-7"))
    assert not torch.equal(drawn, head.identity("random-8"))
    assert 0 < float(drawn.norm()) <= 1 + 1e-6
    for name in ("subject-5", "random-x", "nobody", "subject-", "random-99999999999"):
        with pytest.raises(UserError, match="choose average, subject-0 to subject-4, or random-N"):
            head.identity(name)
    with pytest.raises(UserError, match="There is no expression 6"):
        head.expression(6)


def test_the_prior_grows_from_the_mean_face(pair: tuple[TinyModel, PublishedHead]) -> None:
    _, head = pair
    subjects = torch.stack([head.identity_prior(head.identity(f"subject-{row}")) for row in range(5)])
    assert float(head.identity_prior(head.identity("average"))) == 0.0
    assert float(subjects.mean()) == pytest.approx(1.0, abs=0.05)
    assert float(head.identity_prior(3 * head.identity("subject-2"))) == pytest.approx(9 * float(subjects[2]), rel=1e-5)


def test_a_forward_model_moves_canonical_points(tmp_path: Path) -> None:
    model = tiny_model("nphm")
    head, reference = load(model, tmp_path), Reference(model)
    points, code, expressions = inside(head, 12), head.identity("subject-3"), motion(head, 3)
    mobility = torch.linspace(0, 1, 12)
    posed = head.prepare(points, torch.zeros(12).long(), code, mobility).pose(expressions)
    assert bool(posed.converged.all())
    for frame, expression in enumerate(expressions):
        offsets = [
            reference.moved(point, code.double().numpy(), expression.double().numpy())
            for point in points.double().numpy()
        ]
        wanted = points.numpy() + mobility[:, None].numpy() * np.stack(offsets)
        np.testing.assert_allclose(posed.points[frame].numpy(), wanted, atol=SINGLE)
    with pytest.raises(UserError, match="no field of posed space"):
        head.posed_distance(points, code, expressions[0])


def test_a_backward_model_is_inverted(backward: PublishedHead) -> None:
    points, code, expressions = inside(backward, 300), backward.identity("subject-3"), motion(backward, 6)
    posed = backward.prepare(points, torch.zeros(300).long(), code).pose(expressions)
    assert posed.points.shape == (6, 300, 3)
    told = backward.expression_codes(code, expressions)
    back = torch.stack([backward.to_canonical(one)(frame) for one, frame in zip(told, posed.points, strict=True)])
    errors = (back - points).norm(dim=2)
    assert torch.equal(posed.converged, errors <= POSE_TOLERANCE * 1.01)
    assert float(posed.converged.float().mean()) > 0.99
    assert float((posed.points - points).norm(dim=2).mean()) > 0.02


def test_poses_do_not_depend_on_how_frames_are_cut(backward: PublishedHead) -> None:
    points, code, expressions = inside(backward, 100), backward.identity("subject-1"), motion(backward, 6)
    prepared = backward.prepare(points, torch.zeros(100).long(), code)
    whole = prepared.pose(expressions)
    halves = [prepared.pose(half) for half in expressions.split(3)]
    apart = (torch.cat([half.points for half in halves]) - whole.points).norm(dim=2)
    assert float(apart[whole.converged].max()) < 10 * POSE_TOLERANCE
    none = prepared.pose(expressions[:0])
    assert none.points.shape == (0, 100, 3)
    assert none.converged.shape == (0, 100)


def test_some_points_are_posed_as_among_all(backward: PublishedHead, tmp_path: Path) -> None:
    some = torch.tensor([7, 3, 40, 41])
    for head in (backward, load(tiny_model("nphm"), tmp_path)):
        points, code, expressions = inside(head, 50), head.identity("subject-1"), motion(head, 3)
        prepared = head.prepare(points, torch.zeros(50).long(), code, torch.linspace(0, 1, 50))
        few, all_of_them = prepared.subset(some).pose(expressions), prepared.pose(expressions)
        assert torch.equal(few.converged, all_of_them.converged[:, some])
        apart = (few.points - all_of_them.points[:, some]).norm(dim=2)[few.converged]
        assert float(apart.max()) < 10 * POSE_TOLERANCE


def test_mobility_holds_points_still(backward: PublishedHead) -> None:
    points, code, expressions = inside(backward, 50), backward.identity("subject-1"), motion(backward, 2)
    parts, half = torch.zeros(50).long(), torch.full((50,), 0.5)
    free = backward.prepare(points, parts, code).pose(expressions).points
    held = backward.prepare(points, parts, code, half).pose(expressions).points
    torch.testing.assert_close(held - points, 0.5 * (free - points))


def test_a_field_that_folds_is_reported_point_by_point(tmp_path: Path) -> None:
    head = load(tiny_model("nphm-backward"), tmp_path)
    last = head.networks.expression.deformation.weights[-1]
    last *= 60  # offsets of half a metre, many times over: no head, and hardly any map
    points, code = inside(head, 200), head.identity("subject-1")
    posed = head.prepare(points, torch.zeros(200).long(), code).pose(motion(head, 2))
    told = head.expression_codes(code, motion(head, 2))
    back = torch.stack([head.to_canonical(one)(frame) for one, frame in zip(told, posed.points, strict=True)])
    errors = (back - points).norm(dim=2)
    assert bool(posed.points.isfinite().all())
    assert not bool(posed.converged.all())
    assert float(errors[posed.converged].max()) < 1.1 * POSE_TOLERANCE
    assert float(errors[~posed.converged].min()) > 0.9 * POSE_TOLERANCE


def test_posed_space_has_distances(backward: PublishedHead) -> None:
    model = tiny_model(backward.family)
    reference, points, code = Reference(model), inside(backward, 15), backward.identity("subject-2")
    expression = backward.expression(2)
    exact = code.double().numpy()
    queries = [
        np.pad(point, (0, 2)) + reference.moved(point, exact, expression.double().numpy())
        for point in points.double().numpy()
    ]
    found = backward.posed_distance(points, code, expression)
    np.testing.assert_allclose(found.numpy(), [reference.distance(query, exact) for query in queries], atol=SINGLE)
    points.requires_grad_(True)
    (gradient,) = torch.autograd.grad(backward.posed_distance(points, code, expression).sum(), points)
    assert float(gradient.norm(dim=1).min()) > 0
    if backward.has_colour:
        appearance = backward.appearance("subject-3")
        shade = [reference.colour(query, exact, appearance.double().numpy()) for query in queries]
        colours = backward.colours(points.detach(), code, appearance, expression)
        np.testing.assert_allclose(colours.numpy(), np.clip((np.stack(shade) + 1) / 2, 0, 1), atol=SINGLE)
    else:
        with pytest.raises(UserError, match="knows no colours"):
            backward.appearance("average")


def test_canonical_points_have_colours(tmp_path: Path) -> None:
    model = tiny_model("mononphm")
    head, reference = load(model, tmp_path), Reference(model)
    points, code, appearance = inside(head, 10), head.identity("subject-0"), head.appearance("random-1")
    wanted = [
        reference.colour(np.pad(point, (0, 2)), code.double().numpy(), appearance.double().numpy())
        for point in points.double().numpy()
    ]
    found = head.colours(points, code, appearance)
    np.testing.assert_allclose(found.numpy(), np.clip((np.stack(wanted) + 1) / 2, 0, 1), atol=SINGLE)


def test_a_bundle_of_another_head_is_refused(tmp_path: Path) -> None:
    for config in ({}, {"family": "other", "parts": [], "box": [], "blend": {}}):
        write_bundle(
            tmp_path / "other",
            kind="head",
            name="other",
            config=config,
            tensors={"weight": torch.zeros(1)},
            licence="MIT",
            attributions=[],
            training={},
        )
        with pytest.raises(UserError, match="does not hold a published head"):
            PublishedHead.load(tmp_path / "other", CPU)


@pytest.mark.parametrize("family", ["nphm", "nphm-backward"])
def test_a_motion_goes_on_from_stretch_to_stretch(family: str, tmp_path: Path) -> None:
    head = load(tiny_model(family), tmp_path)
    points = inside(head, 20)
    codes = 0.3 * torch.randn(6, head.expression_size, generator=torch.Generator().manual_seed(0))
    prepared = head.prepare(points, torch.zeros(20, dtype=torch.long), head.identity("subject-1"))
    whole = prepared.pose(codes)
    first, going_on = prepared.follow(codes[:2])
    rest, _ = going_on.follow(codes[2:])
    assert torch.equal(torch.cat([first.points, rest.points]), whole.points)
    assert torch.equal(torch.cat([first.converged, rest.converged]), whole.converged)
    none, same = prepared.follow(codes[:0])
    assert none.points.shape == (0, 20, 3)
    assert same is prepared


def test_a_head_that_was_taught_no_rig_says_so(tmp_path: Path) -> None:
    head = load(tiny_model("nphm"), tmp_path)
    with pytest.raises(UserError, match=r"training\.published_rig"):
        head.rig_to_code()
