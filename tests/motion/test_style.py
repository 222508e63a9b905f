import pytest
import torch

from facetalk.errors import UserError
from facetalk.motion.style import ANY_STYLE, CONDITIONS, STYLE_SIZE, Style, leave_out

FULL = Style(lips=1.5, jaw=0.5, upper_face=2.0, emotion="sad", strength=0.7, recorded=True)


def test_what_is_left_to_the_model_is_all_zeros() -> None:
    assert torch.equal(ANY_STYLE.vector(), torch.zeros(STYLE_SIZE))


def test_typical_and_neutral_are_not_the_same_as_left_out() -> None:
    for style in (Style(lips=1.0), Style(emotion="neutral"), Style(recorded=False)):
        assert style.vector().abs().sum() > 0


def test_every_condition_has_a_place_of_its_own() -> None:
    vectors = torch.stack(
        [
            Style(lips=2.0).vector(),
            Style(jaw=2.0).vector(),
            Style(upper_face=2.0).vector(),
            Style(emotion="angry", strength=1.0).vector(),
            Style(recorded=True).vector(),
        ]
    )
    assert ((vectors != 0).sum(dim=0) <= 1).all()
    whole = Style(lips=2.0, jaw=2.0, upper_face=2.0, emotion="angry", strength=1.0, recorded=True)
    assert torch.equal(vectors.sum(dim=0), whole.vector())


def test_conditions_are_left_out_one_by_one() -> None:
    left_out = torch.eye(len(CONDITIONS), dtype=torch.bool)
    expected = [
        Style(None, 0.5, 2.0, "sad", 0.7, True),
        Style(1.5, None, 2.0, "sad", 0.7, True),
        Style(1.5, 0.5, None, "sad", 0.7, True),
        Style(1.5, 0.5, 2.0, None, 0.7, True),
        Style(1.5, 0.5, 2.0, "sad", 0.7, None),
    ]
    found = leave_out(FULL.vector().expand(len(CONDITIONS), -1), left_out)
    assert torch.equal(found, torch.stack([style.vector() for style in expected]))


@pytest.mark.parametrize(
    ("style", "word"),
    [
        (Style(lips=0.0), "lips"),
        (Style(upper_face=99.0), "upper face"),
        (Style(emotion="hungry"), "no emotion hungry"),
        (Style(emotion="sad", strength=1.5), "strength"),
        (Style(jaw=float("nan")), "jaw"),
    ],
)
def test_a_senseless_style_is_one_sentence(style: Style, word: str) -> None:
    with pytest.raises(UserError, match=word):
        style.require_sensible()
