"""What a take's length costs in memory, from the sound file to the .blend, each length in a process of its own."""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile
from rich.table import Table

from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.errors import UserError
from facetalk.evaluation.motion_bench import looped
from facetalk.take import TakeSettings

SHORT_MINUTES = 1.0  # what a long take is compared with
PROCESSES = Path("/proc")
LOOK_SECONDS = 0.02  # between two looks at children

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class PeakMemory:
    """What one take took.

    Attributes:
        minutes: how long it lasts.
        ours: MiB that the process has held at most that loads the sound, and samples and poses the take.
        others: MiB that a process beside it has held at most: Blender, which writes the file.
        written: bytes of all that was written.
        seconds: from the sound file to the .blend, the loading of models included.
    """

    minutes: float
    ours: float
    others: float
    written: int
    seconds: float


def bench_memory(
    clip: Clip, minutes: float, settings: TakeSettings, scratch: Path | None, progress: Progress
) -> tuple[PeakMemory, PeakMemory]:
    """Peak memory of a take of one minute, and of a long one.

    Args:
        clip: speech, repeated to both lengths.
        minutes: of the long take.
        settings: of both; memory does not hang on how many denoising steps there are.
        scratch: an existing folder for what is written, which is deleted; None for the system's.
        progress: told which take is being made.

    Raises:
        UserError: the settings cannot be used, there is no room for what is written, or this is no Linux.
    """
    if not (PROCESSES / "self/status").is_file():
        raise UserError("This system does not say how much memory a process has held: run this on Linux.")
    with TemporaryDirectory(prefix="facetalk-memory-", dir=scratch) as folder:
        progress(f"{minutes:g} minutes", 0.0)
        long = _measured(clip, minutes, settings, Path(folder))  # first: it is the one that may find no room
        progress(f"{SHORT_MINUTES:g} minutes", 0.9)
        short = _measured(clip, SHORT_MINUTES, settings, Path(folder))
    progress("done", 1.0)
    return short, long


def bench_table(short: PeakMemory, long: PeakMemory, settings: TakeSettings) -> Table:
    """Both takes side by side, and the ratio that counts."""
    table = Table("what", title=f"Sound file to .blend, form {settings.form}", title_justify="left")
    for peak in (short, long):
        table.add_column(f"{peak.minutes:g} min", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("aim")
    for name, less, more in (
        ("our process", short.ours, long.ours),
        ("Blender", short.others, long.others),
        ("both", short.ours + short.others, long.ours + long.others),
    ):
        table.add_row(f"peak of {name}", f"{less:.0f} MiB", f"{more:.0f} MiB", f"{more / less:.2f}", "< 1.3")
    table.add_row("written", f"{short.written / 1e6:.1f} MB", f"{long.written / 1e6:.1f} MB")
    table.add_row("seconds", f"{short.seconds:.0f}", f"{long.seconds:.0f}")
    return table


def _measured(clip: Clip, minutes: float, settings: TakeSettings, folder: Path) -> PeakMemory:
    sound, blend = folder / "speech.flac", folder / "take.blend"
    soundfile.write(sound, looped(clip, 60.0 * minutes).samples, SAMPLE_RATE)
    start = time.perf_counter()
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as alone:
        ours, others = alone.submit(_make_take, sound, blend, settings).result()
    seconds = time.perf_counter() - start
    made = [path for path in folder.iterdir() if path != sound]
    written = sum(path.stat().st_size for path in made)
    for path in made:
        path.unlink()
    return PeakMemory(minutes, ours, others, written, seconds)


def _make_take(sound: Path, blend: Path, settings: TakeSettings) -> tuple[float, float]:
    """Make a take as ``facetalk animate`` does; MiB that this process and the largest of its children have held."""
    clip = load_clip(sound)
    from facetalk.animate import Animator
    from facetalk.export import write_take

    with WatchedChildren() as children:
        write_take(
            Animator.load(), clip, settings, sound=sound, blend=blend, video=None, progress=lambda stage, fraction: None
        )
    return _peak(PROCESSES / "self"), children.peak


class WatchedChildren(threading.Thread):
    """Looks again and again at what the largest child of this process has held at most, in MiB.

    What the system adds up of children when they have ended counts what they shared with us before they began.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self._done = threading.Event()

    def __enter__(self) -> "WatchedChildren":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        """See ``threading.Thread``."""
        own = (PROCESSES / "self/cmdline").read_bytes()
        while not self._done.wait(LOOK_SECONDS):
            for thread in (PROCESSES / "self/task").iterdir():
                with suppress(OSError):  # it may end while we look
                    for child in (thread / "children").read_text().split():
                        if (PROCESSES / child / "cmdline").read_bytes() != own:  # else it is only begun: still ours
                            self.peak = max(self.peak, _peak(PROCESSES / child))


def _peak(process: Path) -> float:
    """MiB that a process has held at most; 0 if it is about to end.

    Raises:
        OSError: it has ended.
    """
    held = re.search(r"^VmHWM:\s*(\d+) kB$", (process / "status").read_text(), re.MULTILINE)
    return int(held[1]) / 2**10 if held else 0.0
