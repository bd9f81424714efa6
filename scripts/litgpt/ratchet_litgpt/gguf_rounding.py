"""In which kind each matrix of a GGUF model is written when the model is made smaller."""

import re
from dataclasses import dataclass

import gguf
import gguf.quants
import numpy as np
import numpy.typing as npt
import torch
from gguf import GGMLQuantizationType as Kind

from .k_blocks import round_rows

# What rows that are not of whole blocks of 256 are written as, in llama.cpp and Ollama.
FALLBACKS = {Kind.Q4_K: Kind.Q5_0, Kind.Q5_K: Kind.Q5_1, Kind.Q6_K: Kind.Q8_0}
FILE_TYPES = {
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "q4_K_S": gguf.LlamaFileType.MOSTLY_Q4_K_S,
    "q4_K_M": gguf.LlamaFileType.MOSTLY_Q4_K_M,
}


@dataclass(frozen=True)
class Rounding:
    """How a model is made smaller: `q8_0`, `q4_K_S` or `q4_K_M`.

    Attributes:
        name: of the rounding.
        layers: how many the model has.
        tied: the embedding is the head, too.
    """

    name: str
    layers: int
    tied: bool

    @property
    def file_type(self) -> gguf.LlamaFileType:
        """What the file says of itself."""
        return FILE_TYPES[self.name]

    def kind_of(self, tensor: str, columns: int) -> Kind | None:
        """Return the kind of a matrix by llama.cpp's name of it; None where it has to stay as it is."""
        wanted = Kind.Q8_0 if self.name == "q8_0" else self._k_kind(tensor)
        for kind in (wanted, FALLBACKS.get(wanted, wanted)):
            if columns % gguf.GGML_QUANT_SIZES[kind][0] == 0:
                return kind
        return None

    def _k_kind(self, tensor: str) -> Kind:
        """Return what llama.cpp's `llama_tensor_get_type` gives a dense model: more bits where errors cost most."""
        if tensor == "output.weight" or (tensor == "token_embd.weight" and self.tied):
            return Kind.Q6_K
        at = re.match(r"blk\.(\d+)\.(attn_v|attn_qkv|ffn_down)\.weight$", tensor)
        if not at:
            return Kind.Q4_K
        layer, part = int(at[1]), at[2]
        if part == "attn_qkv":
            return Kind.Q5_K if self.name == "q4_K_M" else Kind.Q4_K
        if self.name == "q4_K_M":
            return Kind.Q6_K if self._counts_most(layer) else Kind.Q4_K
        early = 4 if part == "attn_v" else self.layers // 8
        return Kind.Q5_K if layer < early else Kind.Q4_K

    def _counts_most(self, layer: int) -> bool:
        """The first and the last eighth of the layers, and each third between."""
        eighth = self.layers // 8
        return layer < eighth or layer >= 7 * self.layers // 8 or (layer - eighth) % 3 == 2


def rounded(matrix: torch.Tensor, kind: Kind) -> npt.NDArray[np.uint8]:
    """Return the bytes of a matrix, of shape (rows, bytes of a row)."""
    if kind in FALLBACKS:
        return round_rows(matrix, kind)
    return gguf.quants.quantize(matrix.float().contiguous().numpy(), kind)
