"""Agreement with reference outputs of the published models' own code; skipped where these data are absent.

``FACETALK_GOLDEN`` names their folder. Every variant goes through the import: small weights come as tensors, full ones
from a recipe of random numbers, micro ones as the checkpoints themselves.
"""

import hashlib
import json
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from facetalk.bundle import read_bundle
from facetalk.head.anchor_blend import KernelBlend, blend_of
from facetalk.head.meshing import marching_cubes
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_keys import looked_up
from facetalk.head.published_networks import PublishedNetworks

DEFAULT = Path(__file__).resolve().parents[3] / "shared/golden"
GOLDEN = Path(os.environ.get("FACETALK_GOLDEN", DEFAULT))
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="FACETALK_GOLDEN names no folder of reference outputs")

VARIANTS = {"small": "io.npz", "full": "io_full.npz", "micro": "io_micro.npz"}
MODELS = {"nphm": "anchors_39.npy", "dphm_backward": "anchors_39.npy", "mononphm": "anchors_65.npy"}
SINGLE, DOUBLE, GRADIENT = 5e-6, 1e-12, 2e-4  # the tolerances stated with the data

Nested = dict[str, dict[str, Tensor]]


@cache
def outputs(model: str, variant: str) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / model / VARIANTS[variant], allow_pickle=False) as arrays:
        return dict(arrays)


def recipe_weights(keys: list[list[Any]], recipe: dict[str, Any], network: str) -> dict[str, Tensor]:
    """Random weights as the data's README prescribes, their hash checked."""
    random = np.random.RandomState(recipe[f"{network}_seed"])
    digest = hashlib.sha256()
    weights = {}
    for key, shape in keys:
        gain = next(gain for gain in recipe["gains"] if gain["key_contains"] in key)
        scale = gain["bias_amplitude"] if key.endswith("bias") else gain["weight_gain"] * np.sqrt(6 / shape[-1])
        values = (random.uniform(-1, 1, shape) * scale).astype("<f4")
        digest.update(key.encode() + values.tobytes())
        weights[key] = torch.from_numpy(values)
    assert digest.hexdigest() == recipe[f"sha256_{network}"]
    return weights


def nested(flat: dict[str, Tensor]) -> Nested:
    entries: Nested = {}
    for name, tensor in flat.items():
        group, _, key = name.partition(".")
        entries.setdefault(group, {})[key] = tensor
    return entries


def full_checkpoints(model: str) -> dict[str, Nested]:
    files = json.loads((GOLDEN / model / "keys.json").read_text())["files"]
    recipe = json.loads((GOLDEN / model / "config.json").read_text())["full"]["recipe"]
    codes = {"geo": "z_id", "exp": "z_ex", "app": "z_app"}
    tables = {
        name: torch.from_numpy(outputs(model, "full")[array])
        for name, array in codes.items()
        if array in outputs(model, "full")
    }
    if model == "nphm":
        return {
            network: {
                "decoder_state_dict": recipe_weights(files[network]["decoder_state_dict"], recipe, network),
                "latent_codes_state_dict": {"weight": tables[table]},
            }
            for network, table in (("identity", "geo"), ("expression", "exp"))
        }
    (groups,) = files.values()
    return {
        "model": {
            "id_decoder": recipe_weights(groups["id_decoder"], recipe, "identity"),
            "ex_decoder": recipe_weights(groups["ex_decoder"], recipe, "expression"),
            "latent_codes": {f"codebook.{name}.embedding.weight": table for name, table in tables.items()},
        }
    }


def write_model(model: str, variant: str, folder: Path) -> None:
    """A model's folder as released, with its configuration."""
    config = json.loads((GOLDEN / model / "config.json").read_text())[variant]["config"]
    stems = ["identity", "expression"] if model == "nphm" else ["model"]
    if variant == "small":
        states = {
            stem: nested(
                load_file(GOLDEN / model / (f"state_{stem}.safetensors" if model == "nphm" else "state.safetensors"))
            )
            for stem in stems
        }
    else:
        states = full_checkpoints(model) if variant == "full" else {}
    for stem in stems:
        experiment = folder / stem
        (experiment / "checkpoints").mkdir(parents=True)
        (experiment / "configs.yaml").write_text(yaml.safe_dump(config[stem] if model == "nphm" else config))
        path = experiment / "checkpoints/checkpoint_epoch_2500.tar"
        if variant == "micro":
            name = f"checkpoint_micro_{stem}.tar" if model == "nphm" else "checkpoint_micro.tar"
            shutil.copyfile(GOLDEN / model / name, path)
        else:
            torch.save({"epoch": 2500, **states[stem]}, path)


@pytest.fixture(scope="module", params=[(model, variant) for model in MODELS for variant in VARIANTS], ids="-".join)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, NDArray[Any]], PublishedNetworks]:
    """Reference outputs, and the networks of the imported bundle with the published blend."""
    model, variant = request.param
    folder = tmp_path_factory.mktemp("golden")
    write_model(model, variant, folder / "released")
    import_published_head(folder / "released", GOLDEN / MODELS[model], folder / "bundle")
    bundle = read_bundle(folder / "bundle", "head")
    return outputs(model, variant), PublishedNetworks(bundle.tensors, blend_of(bundle.config["blend"], floor=1e-6))


def canonical(networks: PublishedNetworks, arrays: dict[str, Tensor], case: int) -> dict[str, Tensor]:
    """What the identity network gives at points that nothing deforms."""
    points, code, identity = arrays["points"], arrays["z_id"][case], networks.identity
    found = {"anchors": identity.anchors(code)}
    if not identity.ambient:
        found["sdf"] = identity(points, code)
        found["sdf_eval_chunk"] = found["sdf"].clone()
        # The published code sets what its local networks say at the last point of a chunk to 1.
        found["sdf_eval_chunk"][-1] = identity.blend(points[-1:], found["anchors"]).sum()
        return found
    flat = torch.cat([points, torch.zeros_like(arrays["ambient_in"])], dim=1)
    found["sdf_canonical"] = identity(flat, code)
    found["sdf_canonical_ambient"] = identity(torch.cat([points, arrays["ambient_in"]], dim=1), code)
    if identity.has_colour:
        found["color_canonical"] = identity.colours(flat, code, arrays["z_app"][case])
    return found


def posed(networks: PublishedNetworks, arrays: dict[str, Tensor], case: int) -> dict[str, Tensor]:
    """What the expression network gives, and the fields of posed space."""
    code, points = arrays["z_id"][case], arrays["points"].clone().requires_grad_(True)
    told = networks.expression.codes(code, networks.identity.anchors(code), arrays["z_ex"][case : case + 1])[0]
    moved = networks.expression(points, told)
    found = {"offsets": moved[:, :3]}
    if not networks.identity.ambient:
        return {**found, "points_posed": points + moved}
    queries = torch.cat([points + moved[:, :3], moved[:, 3:]], dim=1)
    distances = networks.identity(queries, code)
    (gradient,) = torch.autograd.grad(distances.sum(), points, retain_graph=True)
    found |= {"ambient": moved[:, 3:], "queries_canonical": queries, "sdf_posed": distances, "sdf_posed_grad": gradient}
    if networks.identity.has_colour:
        found["color_posed"] = networks.identity.colours(queries, code, arrays["z_app"][case])
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_every_array_agrees(imported: tuple[dict[str, NDArray[Any]], PublishedNetworks], dtype: torch.dtype) -> None:
    reference, networks = imported
    networks.to(dtype)
    inputs = ("points", "z_id", "z_ex", "z_app", "ambient_in")
    arrays = {name: torch.from_numpy(reference[name]).to(dtype) for name in inputs if name in reference}
    suffix = "_f64" if dtype == torch.float64 else ""
    wanted = {name for name in reference if name.endswith("_f64") == bool(suffix) and name not in inputs}
    compared = set()
    for case in range(len(reference["z_id"])):
        for name, value in {**canonical(networks, arrays, case), **posed(networks, arrays, case)}.items():
            error = float((value.detach() - torch.from_numpy(reference[name + suffix][case])).abs().max())
            tolerance = DOUBLE if suffix else GRADIENT if name == "sdf_posed_grad" else SINGLE
            assert error <= tolerance, f"{name}, case {case}: {error:.1e}"
            compared.add(name + suffix)
    assert compared == wanted


@pytest.mark.parametrize("model", MODELS)
def test_codes_are_looked_up_as_published(model: str) -> None:
    with np.load(GOLDEN / model / "codebook_lookup.npz", allow_pickle=False) as tables:
        names = sorted(name.removesuffix("_raw") for name in tables if name.endswith("_raw"))
        assert names == (["app", "exp", "geo"] if model == "mononphm" else ["exp", "geo"])
        for name in names:
            raw = torch.from_numpy(tables[f"{name}_raw"])
            assert bool((raw.norm(dim=1) > 1).any())
            torch.testing.assert_close(looked_up(raw), torch.from_numpy(tables[f"{name}_looked_up"]), atol=1e-7, rtol=0)


def test_the_normalised_blend_has_the_same_signs() -> None:
    reference = outputs("nphm", "small")
    points, anchors = torch.from_numpy(reference["points"]), torch.from_numpy(reference["anchors"][1])
    published, normalised = KernelBlend()(points, anchors), KernelBlend(floor=0.0)(points, anchors)
    torch.testing.assert_close(normalised.sum(dim=1), torch.ones(len(points)))
    shrunk = published.sum(dim=1, keepdim=True)
    torch.testing.assert_close(normalised * shrunk, published)
    assert float(shrunk.min()) < 0.01


def test_the_grid_and_the_surface_are_the_published_ones() -> None:
    with np.load(GOLDEN / "meshing/ellipsoid.npz", allow_pickle=False) as reference:
        data = dict(reference)
    resolution = int(data["resolution"])
    box = torch.from_numpy(np.stack([data["box_min"], data["box_max"]]))
    values = torch.from_numpy(data["sdf"]).double()

    def sampled(points: Tensor) -> Tensor:
        places = (points - box[0]) / (box[1] - box[0]) * (resolution - 1)
        assert float((places - places.round()).abs().max()) < 1e-9
        x, y, z = places.round().long().unbind(1)
        return values[(x * resolution + y) * resolution + z]

    at_samples = sampled(torch.from_numpy(data["grid_points_sample"]))
    assert torch.equal(at_samples, values[torch.from_numpy(data["grid_points_sample_index"])])
    mesh = marching_cubes(sampled, box, resolution, overestimate=50.0)
    assert mesh.vertices.shape == data["vertices"].shape
    apart = np.linalg.norm(mesh.vertices[:, None] - data["vertices"], axis=2)
    assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-6
    assert len(mesh.triangles) == len(data["faces"])
    volumes = [
        np.einsum("fi,fi->", vertices[faces[:, 0]], np.cross(vertices[faces[:, 1]], vertices[faces[:, 2]])) / 6
        for vertices, faces in ((mesh.vertices, mesh.triangles), (data["vertices"], data["faces"]))
    ]
    assert volumes[0] == pytest.approx(volumes[1], rel=1e-6)
    assert volumes[0] > 0
