"""Tiny models of every family: what is computed of them, and that their tensors come back as they were."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ratchet_litgpt import head
from ratchet_litgpt.architecture import hf_from_lit, make_config
from ratchet_litgpt.base import Base, prepare_base
from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.encode import Encoder
from ratchet_litgpt.model import TokenLoss, build_model, load_learned
from tiny_families.adapters import TARGETS, random_adapter
from tiny_families.build import write_family
from tiny_families.chats import random_chats
from tiny_families.reference import EVERY, FEW, LAST, PROMPT, REFERENCE, digest_of, logits_of
from tiny_families.specs import FAMILIES

REFERENCES: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))["families"]


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("family")
    return prepare_base(write_family(request.param, folder / request.param), folder / "cache")


@torch.no_grad()
def test_logits_are_those_of_transformers(base: Base) -> None:
    gpt = build_model(base, None, 64, torch.float32, torch.device("cpu"), 0).eval()
    expected = torch.tensor(REFERENCES[base.folder.name]["logits"])
    torch.testing.assert_close(torch.tensor(logits_of(gpt)), expected, rtol=0, atol=5e-5)
    # The loss goes through the blocks one by one.
    hidden = TokenLoss(gpt).hidden(torch.tensor([PROMPT]))
    apart = head.logits_of(gpt.lm_head, hidden, gpt.config.final_logit_softcapping)[0, -LAST:, ::EVERY]
    torch.testing.assert_close(apart, expected, rtol=0, atol=5e-5)


@torch.no_grad()
def test_an_adapter_computes_what_peft_computes_of_its_export(base: Base) -> None:
    about, state = random_adapter(base.hf_config, TARGETS)
    gpt = build_model(base, about, 64, torch.float32, torch.device("cpu"), 0).eval()
    load_learned(gpt, state)
    ours, expected = torch.tensor(logits_of(gpt)), torch.tensor(REFERENCES[base.folder.name]["peft"])
    torch.testing.assert_close(ours, expected, rtol=0, atol=5e-5)
    assert (ours - torch.tensor(REFERENCES[base.folder.name]["logits"])).abs().max() > 0.5


def test_prompts_have_the_tokens_that_transformers_makes_of_them(base: Base) -> None:
    template = load_chat_template(base.folder)
    chats = random_chats(FEW, FAMILIES[base.folder.name].system)
    texts = [template.render(chat, generate=True) for chat in chats]
    ids = [tokens.ids.tolist() for tokens in Encoder(base.folder, template).encode(texts)]
    expected = REFERENCES[base.folder.name]
    assert ids[0] == expected["first"] and digest_of(ids) == expected["chats"][str(FEW)]


def test_tensors_come_back_as_they_were(base: Base) -> None:
    there = load_file(base.folder / "model.safetensors")
    back = hf_from_lit(base.hf_config, make_config(base.fields()), base.load_state())
    assert back.keys() == there.keys()
    for name, tensor in there.items():
        assert torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype, name


def test_the_same_family_has_the_same_files(tmp_path: Path) -> None:
    one, two = (write_family("gemma-3", tmp_path / name) for name in ("one", "two"))
    for path in sorted(one.iterdir()):
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name
