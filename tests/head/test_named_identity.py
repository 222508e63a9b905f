import pytest
import torch

from facetalk import presets
from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.head.identity_preset import load_identity
from facetalk.head.named_identity import named_identity

BUNDLE = presets.HEAD.rpartition("/")[2]


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(presets.preset(presets.HEAD), torch.device("cpu"))


def test_a_preset_wears_its_hair(head: Head) -> None:
    code = named_identity(head, BUNDLE, "greta")
    assert head.hair_style(code) == load_identity("greta").hair == "bun"
    assert code[: head.shape_size].tolist() == pytest.approx(load_identity("greta").code[: head.shape_size])


def test_other_names_are_the_heads_own(head: Head) -> None:
    assert not bool(named_identity(head, BUNDLE, "average").any())
    assert torch.equal(named_identity(head, BUNDLE, "random-3"), head.sample_identity(3))
    with pytest.raises(UserError, match="no identity named 'nobody'"):
        named_identity(head, BUNDLE, "nobody")


def test_a_preset_of_another_head_is_refused(head: Head) -> None:
    with pytest.raises(UserError, match="was made for the head"):
        named_identity(head, "another", "greta")
