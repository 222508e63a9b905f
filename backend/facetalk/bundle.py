"""Model bundles: a folder with ``manifest.json`` and ``*.safetensors`` (``docs/bundle.md``)."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import Tensor

from facetalk.errors import UserError

FORMAT_VERSION = 1
KINDS = ("speech", "head", "motion", "topology", "mesh", "held-out")
MANIFEST_LIMIT = 1 << 20  # bytes
FILE_LIMIT = 1 << 30  # bytes; far above any bundle we make, far below a machine's memory


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes:
        folder: where it was read from.
        kind: one of ``KINDS``.
        name: what people call it.
        config: sizes and settings the model is built from.
        tensors: every tensor of every safetensors file, by name.
    """

    folder: Path
    kind: str
    name: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]

    def section(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name starts with ``prefix.``, with that start removed (a module's state dict)."""
        start = prefix + "."
        return {name[len(start) :]: tensor for name, tensor in self.tensors.items() if name.startswith(start)}

    def tensor(self, name: str, shape: tuple[int | None, ...]) -> Tensor:
        """One tensor, its shape checked; ``None`` stands for any size.

        Raises:
            UserError: it is missing or has another shape.
        """
        found = self.tensors.get(name)
        if found is None:
            raise UserError(f"{self.folder}: the tensor {name} is missing: get the bundle again.")
        fits = len(found.shape) == len(shape) and all(
            want is None or want == have for want, have in zip(shape, found.shape, strict=True)
        )
        if not fits:
            raise UserError(
                f"{self.folder}: the tensor {name} has shape {tuple(found.shape)} where {shape} is needed: "
                "get the bundle again."
            )
        return found


def read_bundle(folder: Path, kind: str) -> Bundle:
    """Read and check a bundle: version, kind, and the SHA-256 of every file.

    Raises:
        UserError: anything is missing, damaged, too large, or of another kind or version; it names the file.
    """
    manifest = read_manifest(folder)
    if manifest["format_version"] != FORMAT_VERSION:
        raise UserError(
            f"{folder / 'manifest.json'} has bundle format {manifest['format_version']}, this program reads "
            f"{FORMAT_VERSION}: use the version of FaceTalk that belongs to it."
        )
    if manifest["kind"] != kind:
        raise UserError(f"{folder} holds a {manifest['kind']} model where a {kind} model is needed: choose another.")
    tensors: dict[str, Tensor] = {}
    for file_name, digest in manifest["sha256"].items():
        content = _read_checked(folder, file_name, digest)
        if file_name.endswith(".safetensors"):
            try:
                tensors.update(load_tensors(content))
            except SafetensorError as error:
                raise UserError(f"{folder / file_name} is not a safetensors file: get the bundle again.") from error
    return Bundle(folder, kind, manifest["name"], manifest["config"], tensors)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a bundle says of itself; its weights are neither read nor checked.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / "manifest.json"
    try:
        if path.stat().st_size > MANIFEST_LIMIT:
            raise UserError(f"{path} is too large for a manifest: get the bundle again.")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: choose the folder of a FaceTalk bundle.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON: get the bundle again.") from error
    fields = {"format_version": int, "kind": str, "name": str, "config": dict, "sha256": dict}
    for field, kind in fields.items():
        if not isinstance(manifest, dict) or not isinstance(manifest.get(field), kind):
            raise UserError(f"{path} has no valid entry '{field}': get the bundle again.")
    return dict(manifest)


def write_bundle(
    folder: Path,
    *,
    kind: str,
    name: str,
    config: dict[str, Any],
    tensors: dict[str, Tensor],
    licence: str,
    attributions: list[str],
    training: dict[str, Any],
    texts: dict[str, str] | None = None,
) -> None:
    """Write a bundle, whole or not at all: it is made beside its place and moved there when complete.

    Args:
        folder: the bundle's folder; an older bundle there is replaced.
        kind: one of ``KINDS``.
        name: what people call it.
        config: sizes and settings the model is built from; JSON values.
        tensors: what goes into ``weights.safetensors``.
        licence: SPDX expression of the weights.
        attributions: one line for every source that must be named.
        training: how it was trained: data, steps, seconds, seed; JSON values.
        texts: further text files by name (licence notices).
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is not one of {KINDS}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        staged = Path(scratch) / folder.name
        staged.mkdir()
        contiguous = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        save_file(contiguous, staged / "weights.safetensors")
        for file_name, text in (texts or {}).items():
            (staged / file_name).write_text(text, encoding="utf-8")
        manifest = {
            "format_version": FORMAT_VERSION,
            "kind": kind,
            "name": name,
            "licence": licence,
            "attributions": attributions,
            "training": training,
            "config": config,
            "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(staged.iterdir())},
        }
        for path in staged.iterdir():
            path.chmod(0o644)  # safetensors keeps its files to their owner
        (staged / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        staged.rename(folder)


def _read_checked(folder: Path, file_name: str, digest: str) -> bytes:
    path = folder / file_name
    if Path(file_name).name != file_name:
        raise UserError(f"{folder / 'manifest.json'} names {file_name!r}, which lies outside the bundle: get it again.")
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise UserError(f"{path} is larger than a model bundle may be: get the bundle again.")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): get the bundle again.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{path} is damaged: its SHA-256 differs from the manifest's; get the bundle again.")
    return content
