"""What comes of QuadriFlow's quads, without QuadriFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk import presets
from facetalk.errors import UserError
from facetalk.topology.mesh_shape import turned_over
from facetalk.topology.opening_rows import with_openings
from facetalk.topology.quad_template import ATTEMPTS, OpenedSkin, dressed, faults, fewest_faults, require_quads
from facetalk.topology.skin_openings import SkinOpening
from facetalk.topology.template import Template
from facetalk.topology.template_file import write_template
from facetalk.topology.template_rims import SKIN, border_loops, template_rims


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


@pytest.fixture(scope="module")
def opened(template: Template) -> OpenedSkin:
    """The template's own outer skin, its openings taken out and put back."""
    rims = template_rims(template)
    kept = (template.parts[template.quads] == SKIN).all(axis=1)
    kept[np.concatenate([rim.quads for rim in rims])] = False
    openings = []
    for rim in rims:
        rings = tuple(template.vertices[ring].astype(np.float64) for ring in rim.rings(template))
        openings.append(SkinOpening(rim.line(template), rings, 0, rim.line(template), rim.quads))
    used, quads = np.unique(template.quads[kept], return_inverse=True)
    vertices = template.vertices[used].astype(np.float64)
    return OpenedSkin(*with_openings(vertices, quads.reshape(-1, 4).astype(np.int64), openings))


def test_rows_behind_lips_and_lids_are_those_of_the_template(template: Template, opened: OpenedSkin) -> None:
    assert sorted(map(len, border_loops(opened.quads)))[:2] == [28, 28]
    rims = template_rims(template)
    for ring in (ring for rim in rims for ring in rim.rings(template)):
        distance = np.linalg.norm(opened.vertices[:, None] - template.vertices[ring], axis=2).min(axis=0)
        assert distance.max() < 0.002, "half a millimetre"
    assert len(opened.edges) == sum(len(rim.loop) for rim in rims)
    assert turned_over(opened.vertices, opened.quads).mean() < 0.01


def test_a_dressed_skin_knows_what_the_template_knows(template: Template, opened: OpenedSkin) -> None:
    made = dressed(template, "mine", opened)
    assert (made.parts == SKIN).sum() == len(opened.vertices)
    assert set(made.groups) == set(template.groups)
    for part in ("eyeballs", "upper_teeth", "tongue"):
        ours, theirs = made.groups[part], template.groups[part]
        np.testing.assert_array_equal(made.vertices[ours], template.vertices[theirs])
    outer = len(np.unique(template.quads[(template.parts[template.quads] == SKIN).all(axis=1)]))
    for group in ("lip_upper", "lid_lower_left", "jaw"):
        assert 0.7 < len(made.groups[group]) / len(template.groups[group]) < 1.4, f"{group} of {outer}"
    for mark, vertex in made.landmarks.items():
        assert np.linalg.norm(made.vertices[vertex] - template.vertices[template.landmarks[mark]]) < 1e-3
    assert np.abs(made.colors.max() - template.colors.max()) < 1e-3


def test_uvs_stay_within_one_island(template: Template, opened: OpenedSkin) -> None:
    made = dressed(template, "mine", opened)
    skin = (made.parts[made.quads] == SKIN).all(axis=1)
    spread = np.ptp(made.uv[skin], axis=1).max(axis=1)
    own = np.ptp(template.uv[(template.parts[template.quads] == SKIN).all(axis=1)], axis=1).max(axis=1)
    assert spread.max() < 1.5 * own.max()


def test_a_template_survives_its_file(template: Template, opened: OpenedSkin, tmp_path: Path) -> None:
    made = dressed(template, "mine", opened)
    write_template(tmp_path / "mine", made, "facetalk template --quads 4000")
    again = Template.load(tmp_path / "mine")
    assert again.name == "mine"
    np.testing.assert_array_equal(again.quads, made.quads)
    np.testing.assert_array_equal(again.uv, made.uv)
    assert again.landmarks == made.landmarks
    assert set(again.hair) == set(template.hair)


def folded(count: int) -> OpenedSkin:
    """A strip of quads, so many of which are turned over."""
    line = np.arange(20.0)
    vertices = np.concatenate([np.stack([line, 0 * line + y, 0 * line], axis=1) for y in (0.0, 1.0)])
    start = np.arange(19)
    quads = np.stack([start, start + 1, start + 21, start + 20], axis=1)
    vertices[5 : 5 + count, 0] -= 3.0 if count else 0.0
    return OpenedSkin(vertices, quads, np.zeros(0, np.int64), np.zeros(0, np.int64))


def made_of(results: list[OpenedSkin | Exception]) -> tuple[Callable[[int], OpenedSkin], list[int]]:
    asked: list[int] = []

    def cover(quads: int) -> OpenedSkin:
        result = results[len(asked)]
        asked.append(quads)
        if isinstance(result, Exception):
            raise result
        return result

    return cover, asked


def test_the_first_without_fault_counts() -> None:
    whole, wrong = folded(0), folded(2)
    assert faults(whole.vertices, whole.quads) == 0 < faults(wrong.vertices, wrong.quads)
    cover, asked = made_of([ValueError("two borders touch"), wrong, whole])
    assert fewest_faults(cover, 5000, [], lambda fraction: None) is whole
    assert len(asked) == 3
    assert asked[0] == 5000


def test_faults_on_other_heads_count_too() -> None:
    folding, whole = folded(0), folded(0)
    whole = whole._replace(vertices=2.0 * whole.vertices)  # told from the other by its size
    turned = folded(2).vertices

    def carry(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        return turned if vertices is folding.vertices else vertices

    cover, asked = made_of([folding, whole])
    assert fewest_faults(cover, 5000, [carry], lambda fraction: None) is whole
    assert len(asked) == 2


def test_when_nothing_comes_of_any_number_that_is_said() -> None:
    cover, _ = made_of([ValueError("two borders touch"), *[UserError("QuadriFlow gave up.")] * (len(ATTEMPTS) - 1)])
    with pytest.raises(UserError, match="two borders touch"):
        fewest_faults(cover, 5000, [], lambda fraction: None)


@pytest.mark.parametrize("quads", [0, 200, 10**6])
def test_too_few_and_too_many_quads_are_refused(quads: int) -> None:
    with pytest.raises(UserError, match="cannot cover a face"):
        require_quads(quads)
