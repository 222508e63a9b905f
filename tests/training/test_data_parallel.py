import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from tests.training import two_ranks
from tests.training.tiny_motion import write_corpus, write_head
from training.data_parallel import Ranks, training_ranks
from training.motion_training import MotionTraining
from training.train_motion import main

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
SECONDS = 120  # a rank that waits for ever must not hang us


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_head(tmp_path_factory.mktemp("heads") / "head")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora"))


def on_two_ranks(*command: object) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = [*torchrun, *map(str, command)]
    return subprocess.run(
        arguments, env=environment, cwd=ROOT, timeout=SECONDS, capture_output=True, text=True, check=False
    )


def first_gradients(training: MotionTraining) -> dict[str, torch.Tensor]:
    """What the rank's own crops of the first step ask for."""
    settings = training.settings
    draw = np.random.default_rng([settings.seed, 0, training.ranks.own])
    batch = training.frames.draw(settings.batch, settings.window, draw)
    training.loss(batch, torch.Generator().manual_seed(int(draw.integers(2**31)))).backward()
    parameters = enumerate(training.network.parameters())
    return {f"gradient{place}": each.grad for place, each in parameters if each.grad is not None}


def read_log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_ranks_take_the_same_steps_with_the_mean_of_their_gradients(corpus: Path, head: Path, tmp_path: Path) -> None:
    done = on_two_ranks(ROOT / "tests/training/two_ranks.py", corpus, head, tmp_path)
    assert done.returncode == 0, done.stderr
    one, other = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert one.keys() == other.keys()
    assert all(torch.equal(each, other[name]) for name, each in one.items())
    assert one["seconds"] == 10.0

    first, second = (first_gradients(two_ranks.prepared(corpus, head, Ranks(CPU, own))) for own in (0, 1))
    mean = {name: (each + second[name]) / 2 for name, each in first.items()}
    length = torch.stack([each.norm() for each in mean.values()]).norm()
    assert mean.keys() == {name for name in one if name.startswith("gradient")}
    for name, each in mean.items():
        assert torch.allclose(one[name], each / length.clamp(min=1.0), atol=1e-5)
    assert not any(torch.allclose(each, second[name]) for name, each in first.items() if each.any())


def test_two_ranks_go_on_where_one_stopped_and_export_once(corpus: Path, head: Path, tmp_path: Path) -> None:
    run, output = tmp_path / "run", tmp_path / "motion"
    told = ["--corpus", corpus, "--head", head, "--output", output, "--run-folder", run, "--device", "cpu"]
    command = [*map(str, told), "--width", "32", "--layers", "1", "--batch", "2"]
    assert main([*command, "--minutes", "0.01"]) == 0
    stopped = read_log(run)[-1]
    done = on_two_ranks("-m", "training.train_motion", *command, "--minutes", "0.03")
    assert done.returncode == 0, done.stderr
    entries = read_log(run)
    assert entries[-1]["step"] > stopped["step"]
    assert entries[-1]["seconds"] >= 0.03 * 60
    assert sum("lip_height_correlation" in entry for entry in entries) == 2
    assert read_bundle(output, "motion").config["denoiser"]["width"] == 32


def test_a_rank_that_fails_ends_all(corpus: Path, head: Path) -> None:
    assert on_two_ranks(ROOT / "tests/training/two_ranks.py", corpus, head).returncode == 1


def test_without_torchrun_a_process_trains_alone() -> None:
    with training_ranks("cpu") as ranks:
        assert ranks == Ranks(CPU)
        assert ranks.lead
        assert ranks.leaders(3.5) == 3.5


@pytest.mark.parametrize(("device", "reason"), [("cuda:0", "a GPU of its own"), ("cuda", "cannot share 0 GPUs")])
def test_ranks_without_a_gpu_of_their_own_are_refused(
    device: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "test", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=reason), training_ranks(device):
        pass
