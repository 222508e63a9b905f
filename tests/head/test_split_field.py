import torch

from facetalk.head.split_field import SplitField, displace


def small_field(condition: int = 0) -> SplitField:
    torch.manual_seed(0)
    return SplitField(torch.rand(6, 3), parts=2, fields=4, condition=condition, hidden=16)


def test_displacement_is_the_sum_of_fields_times_coefficients() -> None:
    fields, coefficients = torch.randn(9, 7, 3), torch.randn(4, 9)
    expected = torch.zeros(4, 7, 3)
    for frame in range(4):
        for index in range(9):
            expected[frame] += coefficients[frame, index] * fields[index]
    assert torch.allclose(displace(fields, coefficients), expected, atol=1e-5)


def test_one_code_may_be_summed_in_the_last_layer() -> None:
    field = small_field(condition=3)
    points, parts, condition = torch.rand(11, 3), torch.randint(2, (11,)), torch.randn(3)
    coefficients = torch.randn(4)
    slow = displace(field.fields(points, parts, condition), coefficients[None])[0]
    assert torch.allclose(field.displacement(points, parts, coefficients, condition), slow, atol=1e-6)


def test_a_point_of_another_part_moves_otherwise() -> None:
    field = small_field()
    point = torch.rand(1, 3)
    first, second = (field.fields(point, torch.tensor([part])) for part in (0, 1))
    assert (first - second).abs().max() > 1e-5
