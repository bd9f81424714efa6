"""Torch's kernels for `meta` are left out of a process that trains, and there for whatever asks for them."""

import os
import subprocess
import sys

import pytest

from .conftest import HERE

BEGIN = """
import sys
from ratchet_litgpt.environment import prepare_environment
prepare_environment()
from ratchet_litgpt.imports import import_all
import_all()
import torch
from ratchet_litgpt.meta import KERNELS, PARTS, load_meta_kernels, without_data
assert not sys.modules.keys() & set(PARTS)
def no_data(*shape):
    return torch.empty(shape, device="meta")
"""
END = """
assert torch._meta_registrations.__spec__.origin == torch._meta_registrations.__file__
assert sys.modules.keys() > set(PARTS)
import torch._decomp, torch._prims, torch._refs
assert all(sys.modules[name].__spec__.has_location for name in (KERNELS, *PARTS))
assert not any(type(finder).__module__ == "ratchet_litgpt.meta" for finder in sys.meta_path)
load_meta_kernels()
print([value.dtype for value in torch.linalg.eig(no_data(3, 3))])
"""
ASKED = {
    "by what is computed": "assert without_data(lambda: torch.linalg.eig(no_data(3, 3)))[0].shape == (3,)",
    "by a look-up": "assert callable(torch._meta_registrations.activate_meta)",
    "by an import": "from torch._meta_registrations import activate_meta",
    "by a part of them": "import torch._refs.nn.functional",
    "by another part": "from torch.utils._content_store import ContentStoreReader",
    "by fake tensors": """
from torch._subclasses import FakeTensorMode
with FakeTensorMode():
    assert torch.linalg.eig(torch.empty(3, 3))[0].shape == (3,)
""",
    "by the compiler": """
assert torch.equal(torch.compile(lambda x: x.sin() + 1, backend="eager")(torch.zeros(2)), torch.ones(2))
""",
    "by forward derivatives": "torch.func.jvp(lambda x: x.trace(), (torch.eye(2),), (torch.eye(2),))",
}


@pytest.mark.parametrize("asking", ASKED.values(), ids=ASKED.keys())
def test_what_asks_for_kernels_without_data_gets_torchs_own(asking: str) -> None:
    assert _run(BEGIN + asking + END) == "[torch.complex64, torch.complex64]\n"


def test_generators_draw_the_same_before_and_after() -> None:
    draw = "print(torch.rand(3, generator=torch.Generator().manual_seed(1)).tolist())\n"
    first, second, third = _run(BEGIN + draw + "load_meta_kernels()\n" + draw + END).splitlines()
    assert first == second != third


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return done.stdout
