import torch

from facetalk.head.expression_field import ExpressionField, displace


def small_field() -> ExpressionField:
    torch.manual_seed(0)
    return ExpressionField(6, 5, 2, correctives=3, hidden=16, layers=2, identity_features=4)


def test_the_zero_code_is_the_neutral_offset_alone() -> None:
    field = small_field()
    coefficients = field.coefficients(torch.zeros(1, 5), torch.randn(6))
    assert torch.allclose(coefficients, torch.tensor([[1.0] + [0.0] * 8]))


def test_displacement_is_the_sum_of_fields_times_coefficients() -> None:
    fields, coefficients = torch.randn(9, 7, 3), torch.randn(4, 9)
    expected = torch.zeros(4, 7, 3)
    for frame in range(4):
        for index in range(9):
            expected[frame] += coefficients[frame, index] * fields[index]
    assert torch.allclose(displace(fields, coefficients), expected, atol=1e-5)


def test_a_point_of_another_part_moves_otherwise() -> None:
    field = small_field()
    points, code = torch.rand(1, 3), torch.randn(6)
    skin = field.fields(points, points, torch.tensor([0]), code)
    eyeball = field.fields(points, points, torch.tensor([1]), code)
    assert (skin - eyeball).abs().max() > 1e-4


def test_the_identity_conditions_fields_and_correctives() -> None:
    field = small_field()
    points, expressions = torch.rand(4, 3), torch.randn(2, 5)
    codes = torch.randn(2, 6)
    fields = [field.fields(points, points, torch.zeros(4, dtype=torch.long), code) for code in codes]
    correctives = [field.coefficients(expressions, code)[:, 6:] for code in codes]
    assert (fields[0] - fields[1]).abs().max() > 1e-4
    assert (correctives[0] - correctives[1]).abs().max() > 1e-4
