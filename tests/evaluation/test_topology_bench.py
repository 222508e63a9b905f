"""What the benchmark of templates says of meshes whose faults are known."""

import numpy as np
import pytest
import torch

from facetalk.evaluation.topology_bench import Landing, TopologyBench, bench_table, crossing_within_parts
from facetalk.evaluation.topology_bench import feature_distances as measured
from training.quad_parts import box_sphere


def test_lines_are_measured_to_the_edges_between_feature_vertices() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    line = torch.tensor([[0.2, 0.01, 0.0], [0.8, 0.0, 0.03]])
    distances = measured({"lips": line}, vertices, np.array([[0, 1, 2, 3]]), np.array([0, 1], np.int32))
    assert distances == pytest.approx([2.5, 7.5])


def test_parts_may_go_through_each_other_but_not_through_themselves() -> None:
    ball, quads = box_sphere(5)
    vertices = np.concatenate([ball, ball + np.array([0.7, 0.0, 0.0])])
    both = np.concatenate([quads, quads + len(ball)])
    parts = np.repeat([0, 1], len(ball)).astype(np.int32)
    assert crossing_within_parts(vertices, both, parts) == 0
    assert crossing_within_parts(vertices, both, np.zeros_like(parts)) > 10


def test_the_table_shows_every_figure() -> None:
    landing = Landing(1.5, np.array([0.01, 0.03]), np.array([0.5]), np.array([0.2]), turned=2, crossing=3, bad=1)
    lids = np.array([False, True])
    table = bench_table(TopologyBench("small", 10, lids, (landing, landing), np.array([0.0, 0.002])), "cpu")
    measured = list(table.columns[1].cells)
    assert "0.020 mm" in measured
    assert "0.010, 0.01 mm" in measured
    assert "0.500, 0.50 mm" in measured
    assert "4 of 20" in measured
    assert "6 of 20" in measured
    assert "10.000%" in measured
    assert "0.1000%, 0.200%" in measured
