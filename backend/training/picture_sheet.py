"""Sheets of pictures: posed heads, each rendered by Blender from some sides, joined into one picture with captions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.export.blender_process import BlenderProcess
from facetalk.output_file import written_whole
from facetalk.service import stream
from facetalk.take import FrameBatch, TakeSettings
from facetalk.topology.template import FaceMesh
from training.uv_checker import wear_checker

ENGINE = "CYCLES"
SAMPLES = "12"  # rays per pixel: at a tile's size, twice as many look no better
SMALL = 384  # pixels: a whole head in a tile of this size needs no subdivision, which takes most of the time
SILENCE = Clip(np.zeros(SAMPLE_RATE // 10, np.float32))
CAPTION_SIZE = 13  # pixels
CAPTION_INSET = 7
CAPTION_COLOR = (222, 224, 228)


@dataclass(frozen=True)
class Shot:
    """One picture of a sitting.

    Attributes:
        caption: a word or two.
        pose: index into the sitting's poses.
        view: a name in the add-on's ``stage.VIEWS``.
        close_up: the vertex group that is looked at; the head if None.
        wires: whether the mesh's edges are drawn.
    """

    caption: str
    pose: int
    view: str
    close_up: str | None = None
    wires: bool = False

    @property
    def options(self) -> list[str]:
        """What Blender is told, but for pose, view and path."""
        return [*([f"--close-up={self.close_up}"] if self.close_up else []), *(["--wires"] if self.wires else [])]


@dataclass(frozen=True)
class Sitting:
    """A head in some poses, and the pictures taken of it.

    Attributes:
        face: its mesh and hair; pictures of the whole head are framed on them.
        poses: vertices of the face ``[P, V, 3]``, metres.
        shots: the pictures, in their order on the sheet.
        checkered: whether all is covered with squares by its UVs, in place of its materials.
    """

    face: FaceMesh
    poses: NDArray[np.float32]
    shots: tuple[Shot, ...]
    checkered: bool = False


@dataclass(frozen=True)
class _PosesAsFrames:
    """A sitting as a take with a frame for every pose, for Blender is handed takes."""

    sitting: Sitting
    device: torch.device
    models: Sequence[str] = ()

    def mesh(self, identity: str, hair: str | None = None) -> FaceMesh:
        del identity, hair
        return self.sitting.face

    def frame_count(self, clip: Clip, fps: float) -> int:
        del clip, fps
        return len(self.sitting.poses)

    def frames(
        self, clip: Clip, settings: TakeSettings, progress: stream.Progress | None = None
    ) -> Iterator[FrameBatch]:
        del clip, settings, progress
        yield FrameBatch(0, self.sitting.poses)


def write_sheet(path: Path, sittings: Iterable[Sitting], columns: int, tile: int) -> int:
    """Render the shots of all sittings and join them, row by row.

    Args:
        path: the .png to write.
        sittings: what is shown.
        columns: pictures in a row.
        tile: width and height of a picture in pixels.

    Returns:
        how many pictures the sheet has.

    Raises:
        UserError: Blender cannot make a picture.
    """
    tiles: list[tuple[str, Image.Image]] = []
    for sitting in sittings:
        captions = [shot.caption for shot in sitting.shots]
        tiles += zip(captions, take_pictures(sitting, tile), strict=True)
    with written_whole(path) as staged:
        join(tiles, columns).save(staged, optimize=True)
    return len(tiles)


def take_pictures(sitting: Sitting, size: int) -> list[Image.Image]:
    """Render the shots of a sitting.

    Args:
        sitting: what is shown.
        size: width and height in pixels.

    Raises:
        UserError: Blender cannot make a picture.
    """
    with TemporaryDirectory(prefix="facetalk-pictures-") as scratch:
        blend = Path(scratch) / "sitting.blend"
        _build(sitting, blend)
        if sitting.checkered:
            wear_checker(blend)
        paths = [Path(scratch) / f"{number}.png" for number in range(len(sitting.shots))]
        for options in dict.fromkeys(tuple(shot.options) for shot in sitting.shots):
            stills = [
                f"--still={shot.pose + 1}:{shot.view}:{path}"  # the scene begins at frame 1
                for shot, path in zip(sitting.shots, paths, strict=True)
                if tuple(shot.options) == options
            ]
            coarse = ["--coarse"] if size <= SMALL and not options else []
            _render(blend, size, [*coarse, *options, *stills])
        return [Image.open(path).convert("RGB") for path in paths]


def join(tiles: Sequence[tuple[str, Image.Image]], columns: int) -> Image.Image:
    """Lay pictures of one size out in rows, each with its caption in the upper left corner."""
    width, height = tiles[0][1].size
    columns = min(columns, len(tiles))
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(CAPTION_SIZE)
    for number, (caption, picture) in enumerate(tiles):
        left, top = number % columns * width, number // columns * height
        sheet.paste(picture, (left, top))
        pen.text((left + CAPTION_INSET, top + CAPTION_INSET), caption, CAPTION_COLOR, font)
    return sheet


def _build(sitting: Sitting, blend: Path) -> None:
    sound = blend.with_suffix(".wav")  # a .blend has a sound
    soundfile.write(sound, SILENCE.samples, SAMPLE_RATE)
    source = _PosesAsFrames(sitting, torch.device("cpu"))
    with BlenderProcess(["build", "--sound", sound, "--blend", blend]) as blender:
        stream.write_take(blender.send, source, SILENCE, TakeSettings())
        for _ in blender.finish():
            pass


def _render(blend: Path, size: int, options: Sequence[str]) -> None:
    resolution = f"{size}x{size}"
    command: list[str | Path] = ["render", "--blend", blend, "--engine", ENGINE, "--samples", SAMPLES]
    command += ["--resolution", resolution, *options]
    with BlenderProcess(command) as blender:
        for _ in blender.finish():
            pass
