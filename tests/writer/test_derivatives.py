"""Whether a loss that holds derivatives of the network holds one that is zero everywhere, read off its graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tb_lossdiag.writer.derivatives import flat
from tb_lossdiag.writer.nodes import walked


def network(activation: type[nn.Module], hidden: int, *, bias: bool) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(2, 8, bias=bias), activation()]
    for _ in range(hidden - 1):
        layers += [nn.Linear(8, 8, bias=bias), activation()]
    return nn.Sequential(*layers, nn.Linear(8, 1))


def derivative(value: Tensor, by: Tensor) -> Tensor:
    return torch.autograd.grad(value, by, torch.ones_like(value), create_graph=True)[0]


def residual(model: nn.Module, order: int) -> Tensor:
    x, t = torch.rand(16, 1, requires_grad=True), torch.rand(16, 1, requires_grad=True)
    u = model(torch.cat([x, t], 1))
    u_x = derivative(u, x)
    return derivative(u, t) + u * u_x - (derivative(u_x, x) if order > 1 else 0.0)


def found(loss: Tensor) -> bool:
    nodes = walked(loss.grad_fn)
    assert nodes is not None
    return flat(nodes)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [1, 2, 3])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.Hardtanh, nn.ReLU6])
def test_a_second_derivative_of_straight_pieces_is_seen(
    activation: type[nn.Module], hidden: int, *, bias: bool
) -> None:
    model = network(activation, hidden, bias=bias)
    assert found(residual(model, 2).square().mean())
    assert not found(residual(model, 1).square().mean()), "the first derivative is not zero"


@pytest.mark.parametrize("activation", [nn.Tanh, nn.SiLU, nn.GELU, nn.ELU, nn.Softplus, nn.Sigmoid])
def test_what_bends_has_a_second_derivative(activation: type[nn.Module]) -> None:
    assert not found(residual(network(activation, 2, bias=True), 2).square().mean())


def test_the_residual_alone_is_enough_and_its_gradient_may_have_been_taken() -> None:
    x = torch.rand(16, 2, requires_grad=True)
    loss = (derivative(derivative(network(nn.ReLU, 2, bias=True)(x), x), x) + x.sin()).square().mean()
    loss.backward()
    assert found(loss)


def test_a_penalty_on_a_critics_gradient_takes_a_first_derivative() -> None:
    critic, x = network(nn.LeakyReLU, 2, bias=True), torch.rand(16, 2, requires_grad=True)
    assert not found((derivative(critic(x), x).norm(dim=1) - 1).square().mean() - critic(torch.rand(4, 2)).mean())


def test_an_inner_step_of_meta_learning_differentiates_by_weights() -> None:
    model, x, y = network(nn.ReLU, 2, bias=True), torch.rand(16, 2), torch.rand(16, 1)
    weights = dict(model.named_parameters())
    inner = nn.functional.mse_loss(model(x), y)
    steps = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
    changed = {name: each - 0.1 * step for (name, each), step in zip(weights.items(), steps, strict=True)}
    assert not found(nn.functional.mse_loss(torch.func.functional_call(model, changed, (x,)), y))
