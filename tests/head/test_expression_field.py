import torch

from facetalk.head.expression_field import ExpressionField


def small_field() -> ExpressionField:
    torch.manual_seed(0)
    return ExpressionField(torch.rand(5, 3), 6, 5, 2, correctives=3, hidden=16)


def test_the_zero_code_is_the_neutral_offset_alone() -> None:
    coefficients = small_field().coefficients(torch.zeros(1, 5), torch.randn(6))
    assert torch.allclose(coefficients, torch.tensor([[1.0] + [0.0] * 8]))


def test_the_identity_conditions_fields_and_correctives() -> None:
    field = small_field()
    points, expressions, shapes = torch.rand(4, 3), torch.randn(2, 5), torch.randn(2, 6)
    fields = [field.fields(points, torch.zeros(4, dtype=torch.long), shape) for shape in shapes]
    correctives = [field.coefficients(expressions, shape)[:, 6:] for shape in shapes]
    assert (fields[0] - fields[1]).abs().max() > 1e-5
    assert (correctives[0] - correctives[1]).abs().max() > 1e-4
