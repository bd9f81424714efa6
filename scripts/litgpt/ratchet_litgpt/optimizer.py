"""AdamW (Loshchilov and Hutter 2019) as torch has it, without torch's compiler.

Torch keeps its compiler from looking into an optimizer by decorators that import it when they are first called, which
takes longer than to import torch. Nothing is compiled here, so the methods are those that the decorators hold.
"""

from inspect import unwrap
from typing import Any

import torch


class AdamW(torch.optim.AdamW):
    """AdamW, whose steps, states and gradients do not import torch's compiler."""

    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)
    state_dict = unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = unwrap(torch.optim.AdamW.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Make a step."""
        return _step(self, closure)


_step = unwrap(torch.optim.AdamW.step)
