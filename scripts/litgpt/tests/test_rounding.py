"""K blocks are read back by PyPI's gguf, and lie as near as their bits allow."""

import gguf
import gguf.quants
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind

from ratchet_litgpt.gguf_rounding import Rounding, rounded

K_KINDS = [Kind.Q4_K, Kind.Q5_K, Kind.Q6_K]
# Of weights that lie as in a normal distribution, root mean square error to root mean square; llama.cpp's own to 0.1 %.
NEAR = {Kind.Q4_K: 0.0716, Kind.Q5_K: 0.0362, Kind.Q6_K: 0.0178}


def read_back(matrix: torch.Tensor, kind: Kind) -> torch.Tensor:
    """Return the weights that are written."""
    data = rounded(matrix, kind)
    assert data.shape == gguf.quants.quant_shape_to_byte_shape(matrix.shape, kind)
    return torch.from_numpy(np.array(gguf.quants.dequantize(data, kind)))


@pytest.mark.parametrize("kind", K_KINDS)
def test_normal_weights_are_as_near_as_llama_cpp_makes_them(kind: Kind) -> None:
    matrix = torch.randn(64, 1024, generator=torch.Generator().manual_seed(1)) * 0.02
    error = (read_back(matrix, kind) - matrix).square().mean().sqrt() / matrix.square().mean().sqrt()
    assert error.item() == pytest.approx(NEAR[kind], rel=0.01)


@pytest.mark.parametrize("kind", K_KINDS)
def test_rows_do_not_touch_each_other(kind: Kind) -> None:
    matrix = torch.randn(5, 512, generator=torch.Generator().manual_seed(2))
    whole = rounded(matrix, kind)
    for row in range(5):
        assert np.array_equal(whole[row : row + 1], rounded(matrix[row : row + 1], kind))


@pytest.mark.parametrize("kind", K_KINDS)
def test_nothing_stays_nothing(kind: Kind) -> None:
    assert not read_back(torch.zeros(2, 256), kind).any()
    half = torch.cat((torch.zeros(2, 128), torch.ones(2, 128)), 1)
    assert not read_back(half, kind)[:, :128].any()


@pytest.mark.parametrize("kind", K_KINDS)
@pytest.mark.parametrize("value", [-3.0, 0.25, 1e-30, 60_000.0])
def test_what_is_the_same_everywhere_stays_so(kind: Kind, value: float) -> None:
    back = read_back(torch.full((1, 256), value), kind)
    assert torch.allclose(back, torch.full_like(back, value), rtol=0.05, atol=1e-6)


@pytest.mark.parametrize("kind", K_KINDS)
def test_one_large_weight_is_kept(kind: Kind) -> None:
    matrix = torch.full((1, 256), 0.01)
    matrix[0, 77] = -8
    back = read_back(matrix, kind)
    assert back[0, 77].item() == pytest.approx(-8, rel=0.04)


def test_many_rows_are_rounded_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = torch.randn(7, 256, generator=torch.Generator().manual_seed(3))
    at_once = rounded(matrix, Kind.Q4_K)
    monkeypatch.setattr("ratchet_litgpt.k_blocks.AT_ONCE", 512)
    assert np.array_equal(at_once, rounded(matrix, Kind.Q4_K))


@pytest.mark.parametrize(
    ("name", "tensor", "columns", "kind"),
    [
        ("q8_0", "blk.0.ffn_down.weight", 96, Kind.Q8_0),
        ("q8_0", "blk.0.ffn_down.weight", 100, None),
        ("q4_K_M", "token_embd.weight", 512, Kind.Q6_K),
        ("q4_K_M", "token_embd.weight", 160, Kind.Q8_0),
        ("q4_K_M", "blk.3.attn_q.weight", 512, Kind.Q4_K),
        ("q4_K_M", "blk.3.attn_q.weight", 160, Kind.Q5_0),
        ("q4_K_M", "blk.3.attn_q.weight", 100, None),
        ("q4_K_M", "blk.0.attn_v.weight", 512, Kind.Q6_K),
        ("q4_K_M", "blk.2.attn_v.weight", 512, Kind.Q4_K),
        ("q4_K_M", "blk.4.ffn_down.weight", 512, Kind.Q6_K),
        ("q4_K_M", "blk.15.ffn_down.weight", 512, Kind.Q6_K),
        ("q4_K_M", "blk.5.attn_qkv.weight", 512, Kind.Q5_K),
        ("q4_K_M", "blk.5.attn_qkv.weight", 160, Kind.Q5_1),
        ("q4_K_S", "blk.3.attn_v.weight", 512, Kind.Q5_K),
        ("q4_K_S", "blk.4.attn_v.weight", 512, Kind.Q4_K),
        ("q4_K_S", "blk.1.ffn_down.weight", 512, Kind.Q5_K),
        ("q4_K_S", "blk.2.ffn_down.weight", 512, Kind.Q4_K),
        ("q4_K_S", "blk.5.attn_qkv.weight", 512, Kind.Q4_K),
    ],
)
def test_each_matrix_has_the_bits_that_it_needs(name: str, tensor: str, columns: int, kind: Kind | None) -> None:
    assert Rounding(name, layers=16, tied=True).kind_of(tensor, columns) == kind


def test_a_head_of_its_own_takes_the_bits_of_the_embedding() -> None:
    rounding = Rounding("q4_K_M", layers=16, tied=False)
    assert rounding.kind_of("output.weight", 512) == Kind.Q6_K
    assert rounding.kind_of("token_embd.weight", 512) == Kind.Q4_K
