"""What the benchmark of decoding says of points whose motion is known."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from facetalk import presets
from facetalk.evaluation.reduced_basis_bench import (
    Codes,
    ReferenceField,
    bench_published_decoding,
    bench_table,
    measure,
    mixed_expressions,
    random_expressions,
)
from facetalk.head.head import Head
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.topology.template import Template
from tests.head.tiny_published import tiny_model
from tests.topology.waving_sheet import LIPS, Crackle, codes, waving_sheet

NONE = torch.empty(0, dtype=torch.long)
CODES = Codes(codes(240, seed=0), codes(100, seed=1), codes(60, seed=2))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> PublishedHead:
    folder = tmp_path_factory.mktemp("tiny")
    model = tiny_model("nphm")
    import_published_head(model.write(folder), folder / "anchors.npy", folder / "bundle")
    head = PublishedHead.load(folder / "bundle", torch.device("cpu"))
    head.tables["expression"] *= 0.1  # random weights fling points half a metre: faces do not
    return head


def test_a_sheet_that_waves_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_CACHE", str(tmp_path))
    sheet = waving_sheet()
    bench = measure("sheet", sheet, CODES, LIPS, reference=ReferenceField(8.0, 0.002, 0.0001))
    assert bench.points == len(sheet.points)
    basis = bench.basis
    assert basis is not None
    assert basis.modes + len(LIPS) <= basis.asked < 0.15 * bench.points
    assert 0.0 < basis.mean < basis.largest < 0.1
    assert basis.bounded == 1.0
    assert basis.finding_seconds < basis.making_seconds
    assert list(tmp_path.iterdir()) == [], "a benchmark leaves the user's own bases alone"
    with Console(record=True, width=120) as console:
        console.print(bench_table(bench, "cpu"))
    shown = console.export_text()
    assert f"{8.0 / basis.milliseconds:.1f} x" in shown
    assert "0.00200 mm" in shown
    assert "real time" not in shown


def test_motion_that_no_basis_follows_is_said() -> None:
    crackle = Crackle(torch.randn(500, 3, generator=torch.Generator().manual_seed(0)))
    bench = measure("crackle", crackle, CODES, NONE)
    assert bench.basis is None
    with Console(record=True, width=120) as console:
        console.print(bench_table(bench, "cpu"))
    shown = " ".join(console.export_text().split())
    assert "none of up to 130 modes" in shown
    assert "frames are the head's own" in shown


def test_a_published_head_is_measured_at_the_skin_of_a_template(published: PublishedHead) -> None:
    share = torch.rand(900, 3, generator=torch.Generator().manual_seed(0))
    places = (published.box[0] + (published.box[1] - published.box[0]) * (0.2 + 0.4 * share)).numpy()
    template = SimpleNamespace(vertices=places, parts=np.array([0] * 800 + [1] * 100, np.int32))
    told: list[float] = []
    bench = bench_published_decoding(
        published, "tiny", cast(Template, template), lambda stage, fraction: told.append(fraction)
    )
    assert (bench.head, bench.points, bench.reference, bench.line) == ("tiny", 800, None, None)
    assert bench.basis is not None
    assert bench.basis.largest < 0.1
    assert told[-1] == 1.0


def test_expressions_of_other_seeds_are_others(published: PublishedHead) -> None:
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    draws: list[Callable[[int], Tensor]] = [
        lambda seed: random_expressions(head, 12, seed),
        lambda seed: mixed_expressions(published, 12, seed),
    ]
    for draw in draws:
        assert torch.equal(draw(3), draw(3))
        assert not torch.equal(draw(3), draw(4))
        assert len(draw(3)) == 12


def test_random_expressions_are_weights_of_the_rig() -> None:
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    weights = torch.linalg.lstsq(head.rig_to_code().T, random_expressions(head, 30, seed=0).T).solution.T
    assert float(weights.min()) > -1e-3
    assert float(weights.max()) < 1.001
    assert bool(((weights > 1e-3).sum(dim=1) <= 6).all())


def test_mixtures_move_little_from_one_to_the_next(published: PublishedHead) -> None:
    mixed = mixed_expressions(published, 400, seed=0)
    steps = mixed.diff(dim=0).norm(dim=1)
    table = published.tables["expression"]
    assert float(steps.max()) < 0.5 * float(torch.cdist(table, table).max())
