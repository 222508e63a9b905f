"""The published networks against a point-by-point numpy reference, through the import."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from facetalk.bundle import read_bundle
from facetalk.head.anchor_blend import blend_of
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_networks import FAMILIES, PublishedNetworks
from facetalk.head.stacked_perceptrons import Perceptrons
from tests.head.tiny_published import AMBIENT, APPEARANCE_SIZE, IDENTITY_SIZE, Reference, TinyModel, tiny_model

EXACT = 1e-9  # float64; torch's softplus is linear from 20 on, which the reference's is not: 2e-11 a unit
POINTS = np.random.default_rng(1).uniform(-0.6, 0.6, (30, 3))
QUERIES = np.concatenate([POINTS, np.random.default_rng(2).uniform(-0.1, 0.1, (30, AMBIENT))], axis=1)
CODES = 0.3 * np.random.default_rng(3).normal(size=(2, IDENTITY_SIZE))
APPEARANCE = 0.3 * np.random.default_rng(4).normal(size=APPEARANCE_SIZE)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TinyModel, Reference, PublishedNetworks]:
    folder = tmp_path_factory.mktemp("tiny")
    model = tiny_model(request.param)
    import_published_head(model.write(folder), folder / "anchors.npy", folder / "bundle")
    bundle = read_bundle(folder / "bundle", "head")
    networks = PublishedNetworks(bundle.tensors, blend_of(bundle.config["blend"], floor=1e-6)).double()
    return model, Reference(model), networks


def agree(found: Tensor, wanted: object) -> None:
    np.testing.assert_allclose(found.numpy(), np.asarray(wanted), atol=EXACT, rtol=0)


def test_anchors_follow_the_code(pair: tuple[TinyModel, Reference, PublishedNetworks]) -> None:
    _, reference, networks = pair
    for code in CODES:
        agree(networks.identity.anchors(torch.from_numpy(code)), reference.anchors(code))


def test_distances_agree(pair: tuple[TinyModel, Reference, PublishedNetworks]) -> None:
    model, reference, networks = pair
    queries = POINTS if model.family == "nphm" else QUERIES
    for code in CODES:
        found = networks.identity(torch.from_numpy(queries), torch.from_numpy(code))
        agree(found, [reference.distance(query, code) for query in queries])


def test_offsets_and_ambient_coordinates_agree(pair: tuple[TinyModel, Reference, PublishedNetworks]) -> None:
    model, reference, networks = pair
    expression = model.table("exp")[2].astype(np.float64)
    for code in CODES:
        identity = torch.from_numpy(code)
        told = networks.expression.codes(
            identity, networks.identity.anchors(identity), torch.from_numpy(expression)[None]
        )
        found = networks.expression(torch.from_numpy(POINTS), told[0])
        agree(found, [reference.moved(point, code, expression) for point in POINTS])


def test_colours_agree(tmp_path: Path) -> None:
    model = tiny_model("mononphm", seed=5)
    import_published_head(model.write(tmp_path), tmp_path / "anchors.npy", tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle", "head")
    identity = PublishedNetworks(bundle.tensors, blend_of(bundle.config["blend"])).double().identity
    found = identity.colours(torch.from_numpy(QUERIES), torch.from_numpy(CODES[0]), torch.from_numpy(APPEARANCE))
    agree(found, [Reference(model).colour(query, CODES[0], APPEARANCE) for query in QUERIES])


def test_gradients_are_those_of_finite_differences(pair: tuple[TinyModel, Reference, PublishedNetworks]) -> None:
    model, _, networks = pair
    queries = torch.from_numpy(POINTS[:5] if model.family == "nphm" else QUERIES[:5])
    code = torch.from_numpy(CODES[0])
    assert torch.autograd.gradcheck(
        networks.identity, (queries.requires_grad_(True), code.requires_grad_(True)), eps=1e-7, atol=1e-5
    )


def test_layers_that_do_not_fit_are_refused() -> None:
    tensors = {
        "weights.0": torch.zeros(2, 6, 5),
        "biases.0": torch.zeros(2, 6),
        "weights.1": torch.zeros(2, 1, 7),
        "biases.1": torch.zeros(2, 1),
    }
    with pytest.raises(ValueError, match="layer 1 takes 7 values"):
        Perceptrons(tensors, torch.relu)
    assert Perceptrons({**tensors, "weights.1": torch.zeros(2, 1, 11)}, torch.relu).skip == 1
    with pytest.raises(ValueError, match="missing"):
        Perceptrons({"weights.0": tensors["weights.0"]}, torch.relu)
