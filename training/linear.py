"""A linear layer with LoRA matrices that is rounded once, and computes no more than it must.

PEFT adds the update to a result that was rounded to bfloat16 before. Early updates are smaller than half of
bfloat16's last digit there, and are lost: the loss of SmolLM2 stood still for a step or two. Here the frozen
product is accumulated onto the update in float32 inside one matrix product, as BLAS's beta = 1 has it.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear


class LoraLinear(Linear):
    """PEFT's LoRA layer of one adapter, with a forward and backward pass of its own while it is trained."""

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return x W^T + b + scaling x A^T B^T, of x's shape but for the last size, in x's dtype."""
        name, *others = self.active_adapters
        base: Any = self.get_base_layer()
        weight = base.weight
        plain = x.dtype == weight.dtype and isinstance(self.lora_dropout[name], torch.nn.Identity)
        if not plain or others or self.disable_adapters or self.merged or args or kwargs:
            return super().forward(x, *args, **kwargs)
        down = self.lora_A[name].weight.to(x.dtype)
        up = (self.scaling[name] * self.lora_B[name].weight).to(x.dtype)
        flat = x.flatten(0, -2)
        result: torch.Tensor = _Product.apply(flat, weight, down, up)  # type: ignore[no-untyped-call]
        if base.bias is not None:
            result = result + base.bias
        return result.view(*x.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """x W^T + x A^T B^T for a frozen W: x (n, in), W (out, in), A (r, in), B (out, r)."""

    @staticmethod
    def forward(
        context: Any, x: torch.Tensor, weight: torch.Tensor, down: torch.Tensor, up: torch.Tensor
    ) -> torch.Tensor:
        narrow = x @ down.T
        context.save_for_backward(x, narrow, weight, down, up)
        return (narrow @ up.T).addmm_(x, weight.T)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, narrow, weight, down, up = context.saved_tensors
        narrow_gradient = gradient @ up
        x_gradient = None
        if context.needs_input_grad[0]:
            x_gradient = (narrow_gradient @ down).addmm_(gradient, weight)
        return x_gradient, None, narrow_gradient.T @ x, gradient.T @ narrow
