"""Perceptrons of one shape, side by side, rebuilt from their tensors."""

from collections.abc import Callable, Mapping
from itertools import count, takewhile

from torch import Tensor, nn
from torch.nn import functional

Activation = Callable[[Tensor], Tensor]
Tensors = Mapping[str, Tensor]


class Perceptrons(nn.Module):
    """Perceptrons of one shape, side by side.

    A code is the same for many points, so its share of a layer is computed once and serves as bias. The layer that
    takes the inputs again, after its own features and all divided by sqrt 2, is recognised by its width.

    Args:
        tensors: ``weights.K`` ``[S, out, in]`` and ``biases.K`` ``[S, out]`` for every layer K.
        activation: between the layers.

    Raises:
        ValueError: layers are missing or do not fit each other.
    """

    def __init__(self, tensors: Tensors, activation: Activation) -> None:
        super().__init__()
        depth = len(list(takewhile(lambda layer: f"weights.{layer}" in tensors, count())))
        if depth < 2 or len(tensors) != 2 * depth:
            raise ValueError("layers are missing")
        self.weights = _frozen([tensors[f"weights.{layer}"] for layer in range(depth)])
        self.biases = _frozen([tensors[f"biases.{layer}"] for layer in range(depth)])
        self.activation = activation
        self.skip: int | None = None
        for layer in range(depth):
            self._check_layer(layer)

    def _check_layer(self, layer: int) -> None:
        weight, bias = self.weights[layer], self.biases[layer]
        if weight.dim() != 3 or weight.shape[0] != self.weights[0].shape[0] or bias.shape != weight.shape[:2]:
            raise ValueError(f"layer {layer} has shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
        if layer == 0 or weight.shape[2] == self.weights[layer - 1].shape[1]:
            return
        if self.skip is not None or weight.shape[2] != self.weights[layer - 1].shape[1] + self.inputs:
            raise ValueError(f"layer {layer} takes {weight.shape[2]} values, which is not what layer {layer - 1} gives")
        self.skip = layer

    @property
    def members(self) -> int:
        """S, how many perceptrons there are."""
        return len(self.weights[0])

    @property
    def inputs(self) -> int:
        """Inputs of each."""
        return self.weights[0].shape[2]

    @property
    def outputs(self) -> int:
        """Outputs of each."""
        return self.weights[-1].shape[1]

    def forward(self, member: int, coordinates: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Run one of them.

        Args:
            member: which, 0 to S - 1.
            coordinates: ``[..., N, C]``.
            code: ``[..., inputs - C]``, shared by N points.

        Returns:
            The outputs ``[..., N, outputs]``, and what the layer before the last gives before its activation.
        """
        own = coordinates.shape[-1]
        weight, bias = self.weights[0][member], self.biases[0][member]
        constant = code @ weight[:, own:].T + bias
        values = hidden = coordinates @ weight[:, :own].T + constant[..., None, :]
        for layer in range(1, len(self.weights)):
            hidden, feature = values, self.activation(values)
            weight, bias = self.weights[layer][member], self.biases[layer][member]
            if layer == self.skip:
                by_feature, by_point, by_code = (weight * 0.5**0.5).split([feature.shape[-1], own, code.shape[-1]], 1)
                constant = code @ by_code.T + bias
                values = feature @ by_feature.T + coordinates @ by_point.T + constant[..., None, :]
            else:
                values = functional.linear(feature, weight, bias)
        return values, hidden


def _frozen(tensors: list[Tensor]) -> nn.ParameterList:
    return nn.ParameterList(nn.Parameter(tensor, requires_grad=False) for tensor in tensors)
