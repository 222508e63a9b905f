"""What the benchmark of decoding says of points whose motion is known."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from rich.console import Console

from facetalk.evaluation.decoding_codes import DecodingCodes
from facetalk.evaluation.reduced_basis_bench import ReferenceField, bench_published_decoding, bench_table, measure
from facetalk.head.published_head import PublishedHead
from facetalk.topology.template import Template
from tests.topology.waving_sheet import LIPS, Crackle, codes, waving_sheet

NONE = torch.empty(0, dtype=torch.long)
CODES = DecodingCodes(codes(240, seed=0), codes(100, seed=1), codes(60, seed=2))


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
