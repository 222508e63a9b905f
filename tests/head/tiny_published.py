"""Tiny published models of random weights, nested as released, and what they say, point by point in numpy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

Array = NDArray[Any]
Groups = dict[str, dict[str, Array]]

ANCHORS, PAIRS, SETS = 14, 4, 11
GLOBAL, LOCAL, EXPRESSION, COMPRESSED, AMBIENT = 5, 3, 4, 6, 2
APPEARANCE_GLOBAL, APPEARANCE_LOCAL, BOTTLENECK = 4, 2, 7
IDENTITY_SIZE = GLOBAL + (ANCHORS + 1) * LOCAL
APPEARANCE_SIZE = APPEARANCE_GLOBAL + (ANCHORS + 1) * APPEARANCE_LOCAL
WIDTH, DEFORMATION_WIDTH = 18, 24
BLENDS = {"nphm-backward": (8, 4.0), "mononphm": (12, 3.75)}


@dataclass(frozen=True)
class TinyModel:
    """A model as its checkpoints, by experiment, group and key, with its mean anchors ``[A, 3]`` and configurations."""

    family: str
    experiments: dict[str, Groups]
    configs: dict[str, dict[str, Any]]
    anchors: Array

    def write(self, folder: Path) -> Path:
        """Write the released files; the mean anchors lie beside them. Returns the model's folder."""
        released = folder / "released"
        for name, groups in self.experiments.items():
            content: dict[str, Any] = {"epoch": 20, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
            content["optimizer_lat"] = ({"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []},)
            for group, arrays in groups.items():
                content[group] = {key: torch.from_numpy(array) for key, array in arrays.items()}
            (released / name / "checkpoints").mkdir(parents=True, exist_ok=True)
            torch.save(content, released / name / "checkpoints/checkpoint_epoch_20.tar")
            (released / name / "configs.yaml").write_text(yaml.safe_dump(self.configs[name]))
        np.save(folder / "anchors.npy", self.anchors)
        return released

    def table(self, name: str) -> Array:
        """A code table: ``geo``, ``exp`` or ``app``."""
        if self.family == "nphm":
            return self.experiments[{"geo": "identity", "exp": "expression"}[name]]["latent_codes_state_dict"]["weight"]
        return self.experiments["model"]["latent_codes"][f"codebook.{name}.embedding.weight"]


def tiny_model(family: str, seed: int = 0) -> TinyModel:
    """A model of one family; the same seed gives the same weights."""
    random = np.random.default_rng(seed)
    anchors = random.uniform(-0.3, 0.3, (ANCHORS, 3)).astype(np.float32)
    inputs = 3 + GLOBAL + LOCAL
    told = 3 + COMPRESSED + EXPRESSION
    codes = {"geo": _codes(random, 5, IDENTITY_SIZE), "exp": _codes(random, 6, EXPRESSION)}
    mlp_pos = [(WIDTH, GLOBAL), (WIDTH, WIDTH), (3 * ANCHORS, WIDTH)]
    if family == "nphm":
        widths = [(WIDTH, inputs), (WIDTH - inputs, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH), (1, WIDTH)]
        identity = _layers(random, "ensembled_deep_sdf.lin{}", widths, sets=SETS) | _anchor_layers(random, mlp_pos)
        narrow = _layers(random, "defDeepSDF.lin{}", _deformation(told, 3, wide=False)) | _compressor(random)
        experiments = {
            "identity": {"decoder_state_dict": identity, "latent_codes_state_dict": {"weight": codes["geo"]}},
            "expression": {"decoder_state_dict": narrow, "latent_codes_state_dict": {"weight": codes["exp"]}},
        }
        sizes = {"decoder_nloc": ANCHORS, "decoder_nsymm_pairs": PAIRS, "decoder_lat_dim_loc": LOCAL}
        configs = {
            "identity": {"decoder": sizes},
            "expression": {"id_decoder": sizes, "ex_decoder": {"decoder_lat_dim_expr": EXPRESSION}},
        }
        return TinyModel(family, experiments, configs, anchors)
    local = [(WIDTH, inputs + AMBIENT), *[(WIDTH, WIDTH)] * 3, (1, WIDTH)]
    decoder = _networks(random, "deepSDFensemble", local) | _anchor_layers(random, mlp_pos)
    nearest, spread = BLENDS[family]
    config = {"decoder": {"id": {"nloc": ANCHORS, "nneigh": nearest, "blend_std": spread, "lat_dim_loc_geo": LOCAL}}}
    if family == "mononphm":
        codes["app"] = _codes(random, 5, APPEARANCE_SIZE)
        colour = [(WIDTH, APPEARANCE_GLOBAL + APPEARANCE_LOCAL + BOTTLENECK), *[(WIDTH, WIDTH)] * 3, (3, WIDTH)]
        decoder |= _networks(random, "aggr_app", colour)
        decoder |= _layers(random, "communcation_bottleneck1", [(BOTTLENECK, WIDTH)])
        decoder |= _layers(random, "communcation_bottleneck2", [(BOTTLENECK, BOTTLENECK)])
    groups = {
        "id_decoder": decoder,
        "ex_decoder": _layers(random, "defDeepSDF.lin{}", _deformation(told, 3 + AMBIENT, wide=True))
        | _compressor(random),
        "latent_codes": {f"codebook.{name}.embedding.weight": table for name, table in codes.items()},
    }
    return TinyModel(family, {"model": groups}, {"model": config}, anchors)


def _codes(random: np.random.Generator, rows: int, size: int) -> Array:
    """Rows of all lengths from short to beyond 1."""
    directions = random.normal(size=(rows, size))
    lengths = np.linspace(0.2, 1.4, rows)[:, None]
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True) * lengths).astype(np.float32)


def _layers(
    random: np.random.Generator, name: str, shapes: list[tuple[int, int]], sets: int | None = None
) -> dict[str, Array]:
    stack = () if sets is None else (sets,)
    arrays = {}
    for layer, shape in enumerate(shapes):
        bound = np.sqrt(6 / shape[1])
        arrays[f"{name.format(layer)}.weight"] = random.uniform(-bound, bound, (*stack, *shape)).astype(np.float32)
        arrays[f"{name.format(layer)}.bias"] = random.uniform(-0.1, 0.1, (*stack, shape[0])).astype(np.float32)
    return arrays


def _anchor_layers(random: np.random.Generator, shapes: list[tuple[int, int]]) -> dict[str, Array]:
    arrays = _layers(random, "{}", shapes)
    return {f"mlp_pos.{2 * int(key[0])}{key[1:]}": 0.1 * array for key, array in arrays.items()}


def _networks(random: np.random.Generator, name: str, shapes: list[tuple[int, int]]) -> dict[str, Array]:
    arrays = {}
    for member in range(SETS):
        for key, array in _layers(random, "{}", shapes).items():
            arrays[f"{name}.layers.{member}.layers.{2 * int(key[0])}{key[1:]}"] = array
    return arrays


def _deformation(told: int, outputs: int, wide: bool) -> list[tuple[int, int]]:
    width = DEFORMATION_WIDTH
    narrow, entry = (width, width + told) if wide else (width - told, width)
    return [(width, told), (width, width), (narrow, width), (width, entry), *[(width, width)] * 2, (outputs, width)]


def _compressor(random: np.random.Generator) -> dict[str, Array]:
    return _layers(random, "compressor.{}", [(COMPRESSED, IDENTITY_SIZE + 3 * ANCHORS)])


class Reference:
    """The same models in float64, one point at a time and in the authors' order of things."""

    def __init__(self, model: TinyModel) -> None:
        self.family = model.family
        groups = [group for experiment in model.experiments.values() for group in experiment.values()]
        self.arrays = {key: array.astype(np.float64) for group in groups for key, array in group.items()}
        self.mean = model.anchors.astype(np.float64)

    def anchors(self, code: Array) -> Array:
        """Anchors ``[A, 3]``."""
        values = code[:GLOBAL]
        for layer in (0, 2):
            values = np.maximum(self._linear(f"mlp_pos.{layer}", values), 0)
        return self.mean + self._linear("mlp_pos.4", values).reshape(-1, 3)

    def moved(self, point: Array, code: Array, expression: Array) -> Array:
        """Offset, then ambient coordinates."""
        compressed = self._linear("compressor.0", np.concatenate([code, self.anchors(code).ravel()]))
        inputs = np.concatenate([point, compressed, expression])
        values = inputs
        for layer in range(7):
            if layer == 3:
                values = np.concatenate([values, inputs]) / np.sqrt(2)
            values = self._linear(f"defDeepSDF.lin{layer}", values)
            values = values if layer == 6 else _softplus(values)
        return values

    def distance(self, query: Array, code: Array, floor: float = 1e-6) -> float:
        """Signed distance; ``floor`` is that of NPHM's blend."""
        return float(
            sum(weight * self._expert(network, query, code)[0] for network, weight in self._blend(query, code, floor))
        )

    def colour(self, query: Array, code: Array, appearance: Array) -> Array:
        """Colour, about -1 to 1."""
        colour = np.zeros(3)
        for network, weight in self._blend(query, code, 0.0):
            hidden = self._expert(network, query, code)[1]
            feature = np.maximum(self._linear("communcation_bottleneck1", hidden), 0)
            feature = self._linear("communcation_bottleneck2", feature)
            start = APPEARANCE_GLOBAL + network * APPEARANCE_LOCAL
            local = appearance[start : start + APPEARANCE_LOCAL]
            values = np.concatenate([appearance[:APPEARANCE_GLOBAL], local, feature])
            for layer in range(5):
                values = self._linear(f"aggr_app.layers.{_set_of(network)}.layers.{2 * layer}", values)
                values = values if layer == 4 else np.maximum(values, 0)
            colour += weight * values
        return colour

    def _blend(self, query: Array, code: Array, floor: float) -> list[tuple[int, float]]:
        distances = np.linalg.norm(query[:3] - self.anchors(code), axis=1)
        if self.family == "nphm":
            kernel = np.append(np.exp(-((distances + 1e-5) ** 2) / 0.01), np.exp(-0.2 / 0.01))
            return list(enumerate(kernel / (kernel.sum() + floor)))
        nearest, spread = BLENDS[self.family]
        chosen = np.argsort(distances)[:nearest]
        width = distances[chosen[7]] / spread
        kernel = np.exp(-((np.append(distances[chosen], 0.75) / width) ** 2) / 2)
        return list(zip([*chosen.tolist(), ANCHORS], kernel / (kernel.sum() + 1e-8), strict=True))

    def _expert(self, network: int, query: Array, code: Array) -> tuple[float, Array]:
        delta = query.copy()
        if network < ANCHORS:
            delta[:3] -= self.anchors(code)[network]
        if network < 2 * PAIRS and network % 2:
            delta[0] *= -1
        start = GLOBAL + network * LOCAL
        codes = [code[:GLOBAL], code[start : start + LOCAL]]
        member = _set_of(network)
        forward = self.family == "nphm"
        inputs = np.concatenate([delta, *codes] if forward else [*codes, delta])
        values = hidden = inputs
        for layer in range(5):
            if forward and layer == 2:
                values = np.concatenate([values, inputs]) / np.sqrt(2)
            if forward:
                name = f"ensembled_deep_sdf.lin{layer}"
                values = self.arrays[f"{name}.weight"][member] @ values + self.arrays[f"{name}.bias"][member]
            else:
                values = self._linear(f"deepSDFensemble.layers.{member}.layers.{2 * layer}", values)
            if layer < 4:
                hidden, values = values, _softplus(values)
        return float(values[0]), hidden

    def _linear(self, name: str, values: Array) -> Array:
        return self.arrays[f"{name}.weight"] @ values + self.arrays[f"{name}.bias"]


def _set_of(network: int) -> int:
    return network // 2 if network < 2 * PAIRS else network - PAIRS


def _softplus(values: Array) -> Array:
    return np.logaddexp(0, 100 * values) / 100
