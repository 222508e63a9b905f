"""Import of published head models: from their authors' checkpoint files to a bundle (``docs/published-heads.md``).

The authors' keys become the normal form of ``published_networks``, sizes come from the tensors, and what the
configuration beside them says must agree.
"""

import math
import tokenize
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.head.anchor_blend import blend_of
from facetalk.head.published_archive import Checkpoint, again, epoch_in_name, read_checkpoint
from facetalk.head.published_keys import has_colour, normal_form
from facetalk.head.published_networks import PublishedNetworks

ANCHORS_LIMIT = 1 << 20  # bytes
CHECKPOINTS_LIMIT = 40  # files looked into
BOX = [[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]]  # of all three generations
LICENCE = "LicenseRef-published-head-noncommercial"
LICENCE_TEXT = """\
The weights in this folder were converted from files that the user obtained from the authors of {title}.
They are the user's own copy. The authors' terms go on to apply: non-commercial research use only, and no
redistribution. Do not share this folder or put it into a product; give others the authors' address instead.
"""


@dataclass(frozen=True)
class _Generation:
    """What sets one generation apart and leaves no trace in its tensors.

    Attributes:
        title: what people call it.
        attribution: whom to name.
        blend: settings of the blend where the configuration is silent.
        config_sizes: where its configuration states sizes: path of keys to one of ``_stated_sizes``.
    """

    title: str
    attribution: str
    blend: dict[str, float]
    config_sizes: dict[str, str]


_BACKWARD_SIZES = {
    "decoder.decoder_nloc": "anchors",
    "decoder.id.nloc": "anchors",
    "decoder.id.nsymm_pairs": "pairs",
    "decoder.id.lat_dim_glob": "global",
    "decoder.id.lat_dim_loc_geo": "local",
    "decoder.ex.lat_dim_ex": "expression",
    "decoder.ex.lat_dim_id": "compressed",
    "decoder.ex.hidden_dim": "deformation width",
    "decoder.id.gnn.hidden_dim_geo": "local width",
}
GENERATIONS = {
    "nphm": _Generation(
        "NPHM (2023)",
        "NPHM: Giebenhain, Kirschstein, Georgopoulos, Ruenz, Agapito, Niessner, CVPR 2023",
        {},
        {
            "decoder.decoder_nloc": "anchors",
            "decoder.decoder_nsymm_pairs": "pairs",
            "decoder.decoder_lat_dim_glob": "global",
            "decoder.decoder_lat_dim_loc": "local",
            "decoder.decoder_hidden_dim": "local width",
            "id_decoder.decoder_nloc": "anchors",
            "id_decoder.decoder_nsymm_pairs": "pairs",
            "id_decoder.decoder_lat_dim_glob": "global",
            "id_decoder.decoder_lat_dim_loc": "local",
            "ex_decoder.decoder_lat_dim_expr": "expression",
            "ex_decoder.decoder_hidden_dim": "deformation width",
        },
    ),
    "nphm-backward": _Generation(
        "NPHM with backward deformations (DPHM, 2024)",
        "DPHM: Tang, Dai, Nie, Markhasin, Thies, Niessner, CVPR 2024; NPHM: Giebenhain et al., CVPR 2023",
        {"nearest": 8, "spread": 4.0},
        _BACKWARD_SIZES,
    ),
    "mononphm": _Generation(
        "MonoNPHM (2024)",
        "MonoNPHM: Giebenhain, Kirschstein, Georgopoulos, Ruenz, Agapito, Niessner, CVPR 2024",
        {"nearest": 12, "spread": 3.75},
        {
            **_BACKWARD_SIZES,
            "decoder.id.lat_dim_glob_app": "global appearance",
            "decoder.id.gnn.hidden_dim_app": "colour width",
        },
    ),
}


def import_published_head(folder: Path, anchors: Path, output: Path) -> str:
    """Turn a published head model into a bundle.

    Args:
        folder: the model's folder as released: checkpoints in it, in ``checkpoints/``, or one folder further down.
        anchors: mean anchors of the model, ``.npy`` ``[A, 3]``; checkpoints do not hold them.
        output: the bundle's folder, which must not exist.

    Returns:
        One line that says what was imported.

    Raises:
        UserError: anything is missing, damaged, too large, hostile, or does not fit the rest.
    """
    _require_new(output)
    mean = read_anchors(anchors)
    family, found = _complete_model(folder)
    generation = GENERATIONS[family]
    tensors = normal_form(found, mean)
    blend = _blend_settings(generation, found)
    networks = _build(found, tensors, blend, anchors)
    _cross_check(generation, found, networks)
    write_bundle(
        output,
        kind="head",
        name=generation.title,
        config={"family": family, "parts": ["skin"], "box": BOX, "blend": blend},
        tensors=tensors,
        licence=LICENCE,
        attributions=[generation.attribution],
        training={"epochs": {checkpoint.role: checkpoint.epoch for checkpoint in found}},
        texts={"LICENSE.txt": LICENCE_TEXT.format(title=generation.title)},
    )
    identities, expressions = tensors["codes.identity"], tensors["codes.expression"]
    return (
        f"{generation.title}, {len(mean)} anchors, {len(identities)} identities of size {identities.shape[1]}, "
        f"{len(expressions)} expressions of size {expressions.shape[1]}"
    )


def read_anchors(path: Path) -> Tensor:
    """Mean anchors ``[A, 3]``, float32, of a ``.npy`` file.

    Raises:
        UserError: the file cannot be read, or holds something else.
    """
    advice = "give anchors_39.npy of NPHM or anchors_65.npy of MonoNPHM"
    try:
        if path.stat().st_size > ANCHORS_LIMIT:
            raise UserError(f"{path} is too large for mean anchors: {advice}.")
        # Mapped, a header that claims more than the file holds is refused before memory is taken.
        anchors = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or 'no array in it'}): {advice}.") from error
    except (ValueError, EOFError, OverflowError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} does not hold an array of numbers: {advice}.") from error
    fits = isinstance(anchors, np.ndarray) and anchors.ndim == 2 and anchors.shape[1] == 3 and anchors.dtype.kind == "f"
    if not fits or not len(anchors):
        raise UserError(f"{path} does not hold points, one row of three numbers each: {advice}.")
    mean = torch.from_numpy(np.array(anchors, dtype=np.float32))
    if not bool((mean.abs() < 2).all()):
        raise UserError(f"{path} holds points that lie on no head: {advice}.")
    return mean


def _require_new(output: Path) -> None:
    if output.exists():
        raise UserError(f"{output} exists already: name a folder that does not, or remove it first.")
    if not output.parent.is_dir():
        raise UserError(f"The folder {output.parent} does not exist: create it first.")


def _complete_model(folder: Path) -> tuple[str, list[Checkpoint]]:
    """The family of the model in a folder, and its one or two checkpoints."""
    best: dict[tuple[str, Path], Checkpoint] = {}
    for checkpoint in map(read_checkpoint, _candidates(folder)):
        place = (checkpoint.role, checkpoint.path.parent)
        if place not in best or checkpoint.epoch > best[place].epoch:
            best[place] = checkpoint
    by_role: dict[str, list[Checkpoint]] = {"identity": [], "expression": [], "backward": [], "unknown": []}
    for (role, _), checkpoint in best.items():
        by_role[role].append(checkpoint)
    for role in ("identity", "expression", "backward"):
        if len(by_role[role]) > 1:
            paths = " and ".join(str(checkpoint.path) for checkpoint in by_role[role])
            raise UserError(f"{folder} holds more than one model ({paths}): give a folder with one.")
    forward = by_role["identity"] + by_role["expression"]
    if by_role["backward"] and not forward:
        (checkpoint,) = by_role["backward"]
        return ("mononphm" if has_colour(checkpoint.entries) else "nphm-backward"), [checkpoint]
    if len(forward) == 2 and not by_role["backward"]:
        return "nphm", forward
    raise UserError(_what_is_missing(folder, by_role))


def _what_is_missing(folder: Path, by_role: dict[str, list[Checkpoint]]) -> str:
    if by_role["backward"]:
        return f"{folder} holds checkpoints of different generations: give a folder with one model."
    if by_role["identity"] or by_role["expression"]:
        missing = "expression" if by_role["identity"] else "identity"
        return f"{folder} holds half of an NPHM model: put the folder of its {missing} checkpoint there too."
    path = by_role["unknown"][0].path
    return f"{path} is no checkpoint of NPHM, DPHM or MonoNPHM: give the folder of one of these."


def _candidates(folder: Path) -> list[Path]:
    """Checkpoint files worth reading: of a ``checkpoints`` folder the latest, of other folders all."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give the folder of a published head model.")
    below = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name != "checkpoints"]
    found: list[Path] = []
    for experiment in [folder, *below]:
        found += sorted(experiment.glob("*.tar"))
        found += sorted((experiment / "checkpoints").glob("*.tar"), key=epoch_in_name)[-1:]
    if folder.name == "checkpoints":
        found = sorted(found, key=epoch_in_name)[-1:]
    if not found:
        raise UserError(f"{folder} holds no checkpoint (checkpoint_epoch_N.tar): give the folder of a published model.")
    if len(found) > CHECKPOINTS_LIMIT:
        raise UserError(f"{folder} holds {len(found)} checkpoints: give the folder of one model.")
    return found


def _build(
    found: list[Checkpoint], tensors: dict[str, Tensor], blend: dict[str, float], anchors: Path
) -> PublishedNetworks:
    """The networks, as proof that all tensors fit."""
    outputs = tensors["anchor_network.biases.2"].shape[-1]
    if outputs != 3 * len(tensors["anchor_mean"]):
        raise UserError(
            f"{anchors} has {len(tensors['anchor_mean'])} anchors where the model has {outputs // 3}: "
            "give the mean anchors that belong to it."
        )
    try:
        return PublishedNetworks(tensors, blend_of(blend))
    except KeyError as error:
        raise UserError(f"{found[0].path} lacks {error.args[0]}: {again(found[0].path)}.") from error
    except (ValueError, RuntimeError, IndexError) as error:
        names = " and ".join(checkpoint.path.name for checkpoint in found)
        raise UserError(
            f"{names} in {found[0].path.parent} hold no complete model ({error}): get the model again from its authors."
        ) from error


def _blend_settings(generation: _Generation, found: list[Checkpoint]) -> dict[str, float]:
    """Settings of the blend: the configuration's where it has them; they leave no trace in the tensors."""
    settings = dict(generation.blend)
    anchors = found[0].entries.get("id_decoder", {}).get("mlp_pos.4.bias")
    if not settings or anchors is None:
        return settings
    for ours, theirs in (("nearest", "decoder.id.nneigh"), ("spread", "decoder.id.blend_std")):
        stated = _stated(found[0].config, theirs)
        if stated is not None:
            settings[ours] = stated
    nearest, spread = settings["nearest"], settings["spread"]
    if nearest != int(nearest) or not 1 <= nearest <= len(anchors) // 3 or not 0.1 <= spread <= 100:
        raise UserError(
            f"configs.yaml beside {found[0].path} asks for {nearest:g} neighbours and a blend of {spread:g}, which "
            "cannot be: get it again from the model's authors."
        )
    return settings


def _cross_check(generation: _Generation, found: list[Checkpoint], networks: PublishedNetworks) -> None:
    """Refuse tensors that are not what the configuration beside them says."""
    sizes = _sizes(networks)
    for checkpoint in found:
        for path, what in generation.config_sizes.items():
            stated = _stated(checkpoint.config, path)
            if stated is not None and stated != sizes[what]:
                raise UserError(
                    f"configs.yaml beside {checkpoint.path} says {path} is {stated:g} but the weights have "
                    f"{sizes[what]}: get both again from the model's authors."
                )


def _sizes(networks: PublishedNetworks) -> dict[str, int]:
    identity, expression = networks.identity, networks.expression
    anchors = len(identity.anchor_mean)
    sizes = {
        "anchors": anchors,
        "pairs": identity.pairs,
        "global": identity.global_size,
        "local": identity.experts.inputs - 3 - identity.ambient - identity.global_size,
        "local width": identity.experts.weights[0].shape[1],
        "expression": expression.expression_size,
        "compressed": len(expression.compressor_bias),
        "deformation width": expression.deformation.weights[0].shape[1],
    }
    if identity.has_colour:
        sizes["global appearance"] = identity.global_appearance
        sizes["colour width"] = identity.colour_experts.weights[0].shape[1]
    return sizes


def _stated(config: dict[str, Any], path: str) -> float | None:
    """A number of a configuration by its dotted path; none if it is not there."""
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
