"""The published heads' own tensor names, turned into the normal form of ``published_networks``."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.published_archive import Checkpoint, again

Entries = dict[str, dict[str, Tensor]]


def normal_form(found: list[Checkpoint], anchors: Tensor) -> dict[str, Tensor]:
    """Tensors as ``published_networks`` wants them, float32 and in memory, optimisers and validation codes left behind.

    Args:
        found: the identity and the expression checkpoint of NPHM 2023, or the one of a backward model.
        anchors: mean anchors ``[A, 3]``.

    Raises:
        UserError: a tensor is missing, of another shape than its neighbours, or not finite.
    """
    try:
        if len(found) == 1:
            tensors = dict(_backward_tensors(found[0].entries))
        else:
            tensors = dict(_forward_tensors(found[0].entries, found[1].entries))
    except KeyError as error:
        raise UserError(f"{found[0].path} lacks the entry {error.args[0]}: {again(found[0].path)}.") from error
    except (RuntimeError, IndexError) as error:
        raise UserError(f"{found[0].path} holds tensors that do not fit each other: {again(found[0].path)}.") from error
    tensors = {name: tensor.to(torch.float32, copy=True).contiguous() for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{found[0].path} holds values that are no numbers ({name}): {again(found[0].path)}.")
        if name.startswith("codes."):
            tensors[name] = looked_up(tensor) if tensor.dim() == 2 else tensor
    return {"anchor_mean": anchors, **tensors}


def looked_up(codes: Tensor) -> Tensor:
    """Rows of a code table ``[n, D]`` as the published models see them: longer than 1, they are shortened to it.

    The table is an embedding with ``max_norm`` 1, whose rows may exceed that until they are next used.
    """
    norms = codes.norm(dim=1, keepdim=True)
    return torch.where(norms > 1, codes / (norms + 1e-7), codes)


def _forward_tensors(identity: Entries, expression: Entries) -> Iterator[tuple[str, Tensor]]:
    """Of NPHM 2023, whose local networks are stacked already, coordinates first."""
    keys = identity["decoder_state_dict"]
    for layer in range(_count(keys, "ensembled_deep_sdf.lin{}.weight")):
        yield f"experts.weights.{layer}", keys[f"ensembled_deep_sdf.lin{layer}.weight"]
        yield f"experts.biases.{layer}", keys[f"ensembled_deep_sdf.lin{layer}.bias"]
    yield from _anchor_network(keys)
    yield from _expression_network(expression["decoder_state_dict"])
    yield "codes.identity", identity["latent_codes_state_dict"]["weight"]
    yield "codes.expression", expression["latent_codes_state_dict"]["weight"]


def _backward_tensors(entries: Entries) -> Iterator[tuple[str, Tensor]]:
    """Of the backward models, whose local networks stand one by one, coordinates last."""
    keys, tables = entries["id_decoder"], entries["latent_codes"]
    coordinates = entries["ex_decoder"]["defDeepSDF.lin6.weight"].shape[0]
    yield from _stacked(keys, "deepSDFensemble", "experts", coordinates)
    yield from _anchor_network(keys)
    yield from _expression_network(entries["ex_decoder"])
    yield "codes.identity", tables["codebook.geo.embedding.weight"]
    yield "codes.expression", tables["codebook.exp.embedding.weight"]
    if has_colour(entries):
        bottleneck = ("communcation_bottleneck1", "communcation_bottleneck2")  # the authors' spelling
        yield from _plain(keys, bottleneck, "colour_bottleneck")
        yield from _stacked(keys, "aggr_app", "colour_experts", keys[f"{bottleneck[1]}.weight"].shape[0])
        yield "codes.appearance", tables["codebook.app.embedding.weight"]


def has_colour(entries: Entries) -> bool:
    """Whether a backward checkpoint is MonoNPHM's."""
    return any(key.startswith("aggr_app.") for key in entries["id_decoder"])


def _stacked(keys: Mapping[str, Tensor], theirs: str, ours: str, coordinates: int) -> Iterator[tuple[str, Tensor]]:
    """Networks that stand one by one, stacked, and the last ``coordinates`` of their inputs moved to the front."""
    members = _count(keys, theirs + ".layers.{}.layers.0.weight")
    for layer in range(_count(keys, theirs + ".layers.0.layers.{}.weight", step=2)):
        names = [f"{theirs}.layers.{member}.layers.{2 * layer}" for member in range(members)]
        weights = torch.stack([keys[f"{name}.weight"] for name in names])
        yield f"{ours}.weights.{layer}", weights.roll(coordinates, dims=-1) if layer == 0 else weights
        yield f"{ours}.biases.{layer}", torch.stack([keys[f"{name}.bias"] for name in names])


def _anchor_network(keys: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield from _plain(keys, ("mlp_pos.0", "mlp_pos.2", "mlp_pos.4"), "anchor_network")


def _expression_network(keys: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield "compressor.weight", keys["compressor.0.weight"]
    yield "compressor.bias", keys["compressor.0.bias"]
    layers = _count(keys, "defDeepSDF.lin{}.weight")
    yield from _plain(keys, [f"defDeepSDF.lin{layer}" for layer in range(layers)], "deformation")


def _plain(keys: Mapping[str, Tensor], theirs: Sequence[str], ours: str) -> Iterator[tuple[str, Tensor]]:
    """Layers of a single network, as a stack of one."""
    for layer, name in enumerate(theirs):
        yield f"{ours}.weights.{layer}", keys[f"{name}.weight"][None]
        yield f"{ours}.biases.{layer}", keys[f"{name}.bias"][None]


def _count(keys: Mapping[str, Tensor], pattern: str, step: int = 1) -> int:
    """How many keys there are in an unbroken row that starts at 0."""
    found = 0
    while pattern.format(found * step) in keys:
        found += 1
    return found
