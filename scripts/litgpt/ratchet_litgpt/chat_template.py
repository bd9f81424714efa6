"""The model's own chat template, rendered as its authors' library renders it, and what of a chat is learned."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .errors import JobError
from .files import read_json

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a rendered chat: what one assistant turn adds, its end-of-turn token included."""

    start: int
    end: int


@dataclass(frozen=True)
class ChatTemplate:
    """A compiled template with the tokens that it may write."""

    template: jinja2.Template
    variables: Mapping[str, Any]
    end_marks: tuple[str, ...]

    def render(self, messages: Sequence[Message], tools: Any = None, generate: bool = False) -> str:
        """Return the chat as text, with the generation prompt when `generate`."""
        return self.template.render(
            **self.variables, messages=messages, tools=tools, documents=None, add_generation_prompt=generate
        )


class _Generation(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}` marks the assistant's words; here it only prints its body."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def load_chat_template(folder: Path, now: datetime | None = None) -> ChatTemplate:
    """Return the chat template of a base folder.

    Args:
        folder: a Hugging Face folder with `tokenizer_config.json`.
        now: the time that a template may print; fixed for a job, so that a resumed one sees the same text.
    """
    settings = read_json(folder / "tokenizer_config.json")
    source = _source(folder, settings)
    moment = now or datetime.now()
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = moment.strftime
    try:
        template = environment.from_string(source)
    except jinja2.TemplateError as error:
        raise JobError(
            "InvalidInput", f"The base's chat template cannot be read ({error}): use another base."
        ) from error
    names = ("bos_token", "eos_token", "pad_token", "unk_token")
    tokens = {name: _token(settings.get(name)) for name in names}
    specials = {entry["content"] for entry in settings.get("added_tokens_decoder", {}).values()}
    marks = specials | _added_tokens(folder) | {token for token in tokens.values() if token}
    return ChatTemplate(template, tokens, tuple(sorted(marks, key=len, reverse=True)))


def template_source(folder: Path) -> str:
    """Return a base's chat template as its authors wrote it, in Jinja."""
    return _source(folder, read_json(folder / "tokenizer_config.json"))


def prints_time(folder: Path) -> bool:
    """Return whether a base's chat template may print the time."""
    return "strftime_now" in template_source(folder)


def begins_with_bos(folder: Path) -> bool:
    """Return whether a base's chat template puts the token of the beginning before a chat, rather than a turn that
    begins with the same."""
    template = load_chat_template(folder)
    begin = template.variables.get("bos_token")
    if not begin or "bos_token" not in template_source(folder):
        return False
    return template.render([{"role": "user", "content": "a"}], generate=True).startswith(begin)


def learned_spans(
    template: ChatTemplate, messages: Sequence[Message], learn: Sequence[int], tools: Any
) -> tuple[str, list[Span], int]:
    """Return the whole chat as text, the spans to learn, and how many turns could not be placed.

    A turn is placed when the chat up to it with the generation prompt is a prefix of the chat with it, and that in
    turn of the whole: only then are its tokens the ones that the model would have to say.
    """
    whole = template.render(messages, tools)
    spans: list[Span] = []
    for index in learn:
        before = template.render(messages[:index], tools, generate=True)
        after = template.render(messages[: index + 1], tools)
        if after.startswith(before) and len(after) > len(before) and whole.startswith(after):
            spans.append(Span(len(before), _turn_end(template, after)))
    return whole, spans, len(learn) - len(spans)


def clean_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as templates expect them: text contents, tool arguments as objects, no nulls."""
    return [_clean(message) for message in messages]


def _turn_end(template: ChatTemplate, text: str) -> int:
    """Leave out white space that the template prints after the end-of-turn token: the model never says it."""
    bare = text.rstrip()
    return len(bare) if bare.endswith(template.end_marks) else len(text)


def _clean(message: Message) -> dict[str, Any]:
    kept = {key: value for key, value in message.items() if value is not None}
    content = kept.get("content", "")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if part.get("type") == "text")
    kept["content"] = content
    if kept.get("tool_calls"):
        kept["tool_calls"] = [_clean_call(call) for call in kept["tool_calls"]]
    return kept


def _clean_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call.get("function") or {})
    if isinstance(function.get("arguments"), str):
        with suppress(ValueError):
            function["arguments"] = json.loads(function["arguments"])
    return {**call, "function": function}


def _source(folder: Path, settings: Mapping[str, Any]) -> str:
    beside = folder / "chat_template.jinja"
    found = beside.read_text(encoding="utf-8") if beside.is_file() else settings.get("chat_template")
    if isinstance(found, list):
        named = {entry["name"]: entry["template"] for entry in found}
        found = named.get("default")
    if not isinstance(found, str) or not found:
        raise JobError(
            "InvalidInput", "The base has no chat template: use an instruct model or add chat_template.jinja."
        )
    return found


def _added_tokens(folder: Path) -> set[str]:
    added = read_json(folder / "tokenizer.json").get("added_tokens") or []
    return {entry["content"] for entry in added if entry.get("special")}


def _token(value: Any) -> str | None:
    return value["content"] if isinstance(value, dict) else value


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
