"""A frozen base in four bits (QLoRA, Dettmers et al. 2023), by LitGPT's own way: bitsandbytes through Fabric.

It runs on CUDA only, and was not run on the machines that this was tested on.
"""

import torch
from litgpt.lora import GPT

from .errors import JobError
from .meta import load_meta_kernels


def in_four_bits(gpt: GPT, device: torch.device, dtype: torch.dtype) -> GPT:
    """Return the model with the linear layers of its base in NF4, all but the head; what learns stays as it is.

    Args:
        gpt: a base with LoRA, on the CPU.
        device: where it is to live.
        dtype: in which its layers compute.
    """
    refuse_four_bits(device)
    # It makes its layers without data.
    load_meta_kernels()
    try:
        from lightning.fabric.plugins import BitsandbytesPrecision  # noqa: PLC0415 - it looks for CUDA

        BitsandbytesPrecision("nf4", dtype=dtype, ignore_modules={"lm_head"}).convert_module(gpt)
    except ModuleNotFoundError as error:
        raise JobError(
            "InvalidInput", "qlora needs the package bitsandbytes: install it beside LitGPT, or set tuning to lora."
        ) from error
    return gpt.to(device)


def refuse_four_bits(device: torch.device) -> None:
    """Raise InvalidInput where there is no CUDA."""
    if device.type != "cuda":
        raise JobError("InvalidInput", "qlora needs a GPU with CUDA: set tuning to lora, or train where there is one.")
