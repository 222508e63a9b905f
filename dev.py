"""Everything a newcomer needs, from a clone: ``python3 dev.py demo [SPEECH] | test | pictures``.

Standard library only. The first run makes ``.venv`` and installs the pinned requirements; later runs see
from a stamp that nothing has changed.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SAMPLE = ROOT / "presets/samples/librivox_sense_and_sensibility.flac"
OUT = ROOT / "out"
PICTURES = ROOT / "docs/pictures"

RUN_TIME = ("requirements.txt",)
DEVELOPMENT = ("requirements.txt", "requirements-video.txt", "requirements-dev.txt")
CHECK_SECONDS = 3600  # a Blender that hangs must not hang us


def main() -> int:
    """Do what the command line asks; returns the exit status."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"FaceTalk needs Python 3.11, this is {found}: run `python3.11 dev.py` instead.", file=sys.stderr)
        return 1
    options = _parser().parse_args()
    try:
        status: int = options.run(options)
    except subprocess.CalledProcessError as error:
        print(f"This failed, see above: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return status


def demo(options: argparse.Namespace) -> int:
    """Animate a line: out/line.blend and out/line.mp4."""
    speech = options.speech.resolve()
    if not speech.is_file():
        print(f"{options.speech} is not a file: give a sound or video file with speech.", file=sys.stderr)
        return 1
    set_up(RUN_TIME)
    OUT.mkdir(exist_ok=True)
    blend, video = OUT / "line.blend", OUT / "line.mp4"
    command = [PYTHON, "-m", "facetalk.cli", "animate", speech, "--blend", blend, "--video", video]
    return subprocess.run(command, check=False).returncode


def test(options: argparse.Namespace) -> int:
    """Run every check; each file that needs Blender gets a process of its own, for its state is global."""
    set_up(DEVELOPMENT)
    blender_tests = sorted((ROOT / "tests/blender").glob("test_*.py"))
    checks = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("pytest", "tests", "--ignore", "tests/blender"),
        *(("pytest", path.relative_to(ROOT).as_posix()) for path in blender_tests),
    ]
    results = [_check(*check) for check in checks]
    print("\nSummary")
    for command, passed, seconds in results:
        print(f"  {'passed' if passed else 'FAILED'}  {seconds:7.1f} s  {command}")
    failed = sum(not passed for _, passed, _ in results)
    print(f"{failed} of {len(results)} checks failed." if failed else f"All {len(results)} checks passed.")
    return 1 if failed else 0


def pictures(options: argparse.Namespace) -> int:
    """Render the pictures of README.md, docs/head.md, docs/topology.md and docs/rig.md into docs/pictures."""
    set_up(DEVELOPMENT)
    subprocess.run([PYTHON, "-m", "facetalk.export.pictures", SAMPLE, PICTURES], check=True)
    subprocess.run([PYTHON, "-m", "training.head_pictures", "--output", PICTURES], check=True)
    subprocess.run([PYTHON, "-m", "training.template_pictures", "--output", PICTURES], check=True)
    subprocess.run([PYTHON, "-m", "training.rig_pictures", "--output", PICTURES], check=True)
    subprocess.run([PYTHON, "-m", "training.style_pictures", "--output", PICTURES], check=True)
    return 0


def set_up(requirements: Sequence[str]) -> None:
    """Make ``.venv`` and install what is pinned, unless the stamp says that this has been done.

    Raises:
        subprocess.CalledProcessError: pip failed; it has said why.
    """
    if not PYTHON.exists():
        print(f"Making {ENVIRONMENT.relative_to(ROOT)} ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    pinned = [ROOT / name for name in requirements]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*pinned, ROOT / "pyproject.toml"]))
    stamp = ENVIRONMENT / f"{pinned[-1].stem}.installed"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print("Installing the requirements; the first time this takes some minutes ...", flush=True)
    start = time.monotonic()
    files = [part for path in pinned for part in ("--requirement", path)]
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, *files], check=True)
    subprocess.run([*pip, "--no-deps", "--editable", ROOT], check=True)
    stamp.write_text(digest.hexdigest())
    print(f"Installed in {time.monotonic() - start:.0f} s.", flush=True)


def _check(tool: str, *arguments: str) -> tuple[str, bool, float]:
    """Run one check: its command for the summary, whether it passed, and its seconds."""
    name = " ".join([tool, *arguments])
    print(f"\n=== {name}", flush=True)
    start = time.monotonic()
    try:
        command = [str(PYTHON), "-m", tool, *arguments]
        # the tests' models are tiny: threads would only wait for each other
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=CHECK_SECONDS, check=False)
        passed = done.returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{name} did not end within {CHECK_SECONDS} s.", file=sys.stderr)
        passed = False
    return name, passed, time.monotonic() - start


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py", description="FaceTalk, from a clone.")
    commands = parser.add_subparsers(required=True, metavar="demo | test | pictures")

    def add(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        return command

    speech = "a sound or video file; a line of Sense and Sensibility if not given"
    add(demo).add_argument("speech", type=Path, nargs="?", default=SAMPLE, help=speech)
    add(test)
    add(pictures)
    return parser


if __name__ == "__main__":
    sys.exit(main())
