"""Which characters of a chat are learned."""

from pathlib import Path
from typing import Any

import pytest

from ratchet_litgpt.chat_template import ChatTemplate, clean_messages, learned_spans, load_chat_template
from ratchet_litgpt.encode import load_tokenizer
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.files import read_json, write_json
from ratchet_litgpt.model import IGNORED

from .conftest import BASE, sample_of

THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think></think>{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "First answer."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "Second answer."},
    {"role": "user", "content": "Three?"},
    {"role": "assistant", "content": "Third\nanswer. "},
]


def template_of(tmp_path: Path, source: str, **settings: Any) -> ChatTemplate:
    (tmp_path / "tokenizer.json").write_bytes((BASE / "tokenizer.json").read_bytes())
    about = read_json(BASE / "tokenizer_config.json")
    write_json(tmp_path / "tokenizer_config.json", {**about, "chat_template": source, **settings})
    return load_chat_template(tmp_path)


@pytest.mark.parametrize(
    ("learn", "said"),
    [
        ([2], ["First answer.<|im_end|>"]),
        ([6], ["Third\nanswer. <|im_end|>"]),
        ([2, 6], ["First answer.<|im_end|>", "Third\nanswer. <|im_end|>"]),
        ([2, 4, 6], ["First answer.<|im_end|>", "Second answer.<|im_end|>", "Third\nanswer. <|im_end|>"]),
        ([], []),
    ],
)
def test_spans_hold_the_learned_turns_and_their_end(learn: list[int], said: list[str]) -> None:
    text, spans, broken = learned_spans(load_chat_template(BASE), CHAT, learn, None)
    assert [text[span.start : span.end] for span in spans] == said
    assert broken == 0


def test_labels_are_the_next_tokens_of_learned_turns_only() -> None:
    tokenizer = load_tokenizer(BASE)
    row = {"messages": CHAT, "learn": [2, 6], "weight": 0.5}
    sample = sample_of(row)
    assert sample.weight == 0.5
    ids, labels = sample.ids.tolist(), sample.labels.tolist()
    learned = [label for label in labels if label != IGNORED]
    assert tokenizer.decode(learned, skip_special_tokens=False) == "First answer.<|im_end|>Third\nanswer. <|im_end|>"
    for at, label in enumerate(labels[:-1]):
        assert label in (IGNORED, ids[at + 1])
    assert labels[-1] == IGNORED and sample.targets == len(learned)


def test_turns_that_the_template_rewrites_are_left_out(tmp_path: Path) -> None:
    text, spans, broken = learned_spans(template_of(tmp_path, THINKS), CHAT, [2, 6], None)
    assert broken == 1
    assert [text[span.start : span.end] for span in spans] == ["<think></think>Third\nanswer. <|im_end|>"]


def test_conventions_of_templates(tmp_path: Path) -> None:
    source = (
        "{{ bos_token }}{{ strftime_now('%Y') | length }}{{ tools | tojson }}"
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}"
    )
    template = template_of(tmp_path, source, bos_token={"content": "<s>"})
    assert template.render([{"role": "user", "content": "é"}], tools=[{"n": "é"}]) == '<s>4[{"n": "é"}]é'


def test_a_template_cannot_reach_python(tmp_path: Path) -> None:
    template = template_of(tmp_path, "{{ messages.__class__.__mro__ }}{{ messages.append(1) }}")
    with pytest.raises(Exception, match="unsafe"):
        template.render([])


def test_a_base_without_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no chat template") as caught:
        template_of(tmp_path, "")
    assert caught.value.exit_code == 64


def test_messages_are_cleaned_as_templates_expect() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}
    cleaned = clean_messages(
        [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ]
    )
    assert cleaned[0]["content"] == "ab"
    assert cleaned[1]["content"] == ""
    assert cleaned[1]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
