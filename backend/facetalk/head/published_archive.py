"""Checkpoint files of the published heads, read as what they may be: hostile.

A checkpoint is a torch archive, that is a zip file with a pickle inside. Sizes are checked before it is opened, the
pickle is searched for code before it is read, and torch reads nothing but weights.
"""

import pickle
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from facetalk.errors import UserError

ARCHIVE_LIMIT = 2 << 30  # bytes; with optimisers, the largest published checkpoint has a tenth
PICKLE_LIMIT = 16 << 20  # bytes of an archive's index
VALUES_LIMIT = 100_000_000  # in all tensors of a checkpoint; the largest published model has a seventh
TEXT_LIMIT = 1 << 20  # bytes of configs.yaml

# What the pickle of a checkpoint may name. All other names are code that has no business there.
HARMLESS_NAMES = re.compile(
    r"collections OrderedDict|torch Size|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage"
)
UNCHECKABLE_OPCODES = {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}  # they name code in ways torch.save never does


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint file, its tensors mapped from disk.

    Attributes:
        path: the file.
        role: ``identity`` or ``expression`` (NPHM 2023), ``backward``, or ``unknown``.
        epoch: of its training.
        entries: tensors by group and the authors' key, without optimisers.
        config: its ``configs.yaml``, empty if there is none.
    """

    path: Path
    role: str
    epoch: int
    entries: dict[str, dict[str, Tensor]]
    config: dict[str, Any]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file; nothing in it is run, and its tensors stay on disk until they are used.

    Raises:
        UserError: the file is damaged, too large, no torch archive, or holds anything but weights.
    """
    _check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, TypeError, KeyError, OSError, AttributeError) as error:
        raise UserError(f"{path} is no readable checkpoint: {again(path)}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no checkpoint of a head model: {again(path)}.")
    entries = {str(group): _tensors_of(path, value) for group, value in content.items() if "optim" not in str(group)}
    entries = {group: tensors for group, tensors in entries.items() if tensors}
    if sum(tensor.numel() for tensors in entries.values() for tensor in tensors.values()) > VALUES_LIMIT:
        raise UserError(f"{path} holds more weights than any published head: {again(path)}.")
    epoch = content.get("epoch")
    number = epoch if isinstance(epoch, int) else epoch_in_name(path)
    return Checkpoint(path, _role(entries), number, entries, _read_config(path))


def epoch_in_name(path: Path) -> int:
    """The N of ``checkpoint_epoch_N.tar``; -1 for other names."""
    match = re.search(r"epoch_(\d{1,9})\b", path.stem)
    return int(match[1]) if match else -1


def _check_archive(path: Path) -> None:
    """Refuse an archive that is damaged, too large, packed, or names code."""
    try:
        if path.stat().st_size > ARCHIVE_LIMIT:
            raise UserError(f"{path} is larger than any published head: {again(path)}.")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            if archive.testzip() is not None:
                raise UserError(f"{path} is damaged: {again(path)}.")
            for member in members:
                if member.filename.endswith(".pkl"):
                    _refuse_code(path, archive.read(member))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or no torch checkpoint: {again(path)}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {again(path)}.") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    indices = [member for member in members if member.filename.endswith(".pkl")]
    if len(set(names)) < len(names) or not indices:
        raise UserError(f"{path} is no torch checkpoint: {again(path)}.")
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    # Stored members cannot be larger than the archive unless they overlap, which a bomb may do.
    size = sum(member.file_size for member in members)
    if packed or size > ARCHIVE_LIMIT or any(member.file_size > PICKLE_LIMIT for member in indices):
        raise UserError(f"{path} would unpack to more than any published head: {again(path)}.")


def _refuse_code(path: Path, content: bytes) -> None:
    """Refuse a pickle that names anything but tensors and dictionaries; torch alone would let ``bytearray`` pass."""
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in UNCHECKABLE_OPCODES or (
                opcode.name == "GLOBAL" and not HARMLESS_NAMES.fullmatch(str(argument))
            ):
                named = str(argument or opcode.name).replace(" ", ".")
                raise UserError(
                    f"{path} holds code ({named:.80}), not only weights: do not use it, and get the file from the "
                    "model's authors."
                )
    except ValueError as error:
        raise UserError(f"{path} is damaged: {again(path)}.") from error


def _tensors_of(path: Path, value: object) -> dict[str, Tensor]:
    """The tensors of one entry by name, checked; a one-element tuple stands for what it holds."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Mapping):
        return {}
    tensors = {}
    for name, tensor in value.items():
        if not isinstance(tensor, Tensor):
            continue
        usable = tensor.layout == torch.strided and tensor.device.type == "cpu" and tensor.is_floating_point()
        # An expanded tensor takes no room on disk and any amount of it in memory.
        if not usable or tensor.numel() > VALUES_LIMIT or tensor.numel() * 2 > tensor.untyped_storage().nbytes():
            raise UserError(f"{path} holds {name!s:.80}, which is no plain tensor of weights: {again(path)}.")
        tensors[str(name).removeprefix("module.")] = tensor
    return tensors


def _read_config(path: Path) -> dict[str, Any]:
    """The ``configs.yaml`` beside a checkpoint or beside its ``checkpoints`` folder; empty if there is none."""
    places = [path.parent, path.parent.parent] if path.parent.name == "checkpoints" else [path.parent]
    file = next((place / "configs.yaml" for place in places if (place / "configs.yaml").is_file()), None)
    if file is None:
        return {}
    try:
        if file.stat().st_size > TEXT_LIMIT:
            raise UserError(f"{file} is too large for a configuration: {again(file)}.")
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): {again(file)}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{file} is not valid YAML: {again(file)}.") from error
    if not isinstance(config, dict):
        raise UserError(f"{file} is no configuration of a head model: {again(file)}.")
    return config


def _role(entries: dict[str, dict[str, Tensor]]) -> str:
    if "id_decoder" in entries and "ex_decoder" in entries:
        return "backward"
    keys = entries.get("decoder_state_dict", {})
    if "ensembled_deep_sdf.lin0.weight" in keys:
        return "identity"
    return "expression" if "defDeepSDF.lin0.weight" in keys else "unknown"


def again(path: Path) -> str:
    """What to do about a damaged file."""
    return f"get {path.name} again from the model's authors"
