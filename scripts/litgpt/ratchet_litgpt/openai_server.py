"""`litgpt serve` with its OpenAI route, on the loopback, with what that route leaves out."""

import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import litgpt.deploy.serve as stock
from fastapi import HTTPException
from litgpt.prompts import Default
from litserve import LitServer
from litserve.specs.openai import ChatCompletionRequest, ChatCompletionResponse, OpenAISpec

from .chat_template import ChatTemplate, load_chat_template
from .lifetime import end_with_parent
from .lit_checkpoint import lit_checkpoint
from .text_stream import text_pieces

DEFAULT_TOKENS = 2048
COLDEST = 1e-4


class Spec(OpenAISpec):
    """Says that an answer was cut at its limit; the stock one calls every end a stop."""

    async def streaming_completion(
        self, request: ChatCompletionRequest, pipe_responses: list[Any]
    ) -> AsyncGenerator[str]:
        async for line in super().streaming_completion(request, pipe_responses):
            yield _cut_line(request, line) if '"finish_reason":"stop"' in line else line

    async def non_streaming_completion(
        self, request: ChatCompletionRequest, generator_list: list[Any]
    ) -> ChatCompletionResponse:
        answer = await super().non_streaming_completion(request, generator_list)
        if _is_cut(request, answer.usage.completion_tokens):
            for choice in answer.choices:
                choice.finish_reason = "length"
        return answer


class CheckpointAPI(stock.OpenAISpecLitAPI):
    """LitGPT's, with the checkpoint's own chat template, the caller's limits and stop texts, and counts of tokens."""

    chat: ChatTemplate

    def setup(self, device: str) -> None:
        """Load the model. The template writes the whole prompt: no prompt style goes around it."""
        super().setup(device)
        self.llm.prompt_style = Default()
        self.chat = load_chat_template(self.checkpoint_dir)

    def decode_request(self, request: ChatCompletionRequest) -> str:
        """Render the chat, up to where the answer begins."""
        messages = [message.model_dump(exclude_none=True) for message in request.messages]
        return self.chat.render(messages, generate=True)

    def predict(self, inputs: str, context: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the answer in pieces, each with the counts so far; the last counts are the answer's."""
        tokenizer = self.llm.preprocessor.tokenizer
        length = len(tokenizer.encode(inputs))
        room = self.llm.config.block_size - length
        if room < 1:
            limit = self.llm.config.block_size
            detail = f"This model's maximum context length is {limit} tokens, and the prompt has {length}."
            raise HTTPException(400, detail)
        tokens = self.llm.generate(
            inputs,
            max_new_tokens=min(_limit(context) or DEFAULT_TOKENS, room),
            temperature=max(_given(context, "temperature", 1.0), COLDEST),
            top_k=self.top_k,
            top_p=_given(context, "top_p", 1.0),
            stream=True,
            return_as_token_ids=True,
        )
        stop = context.get("stop") or []
        stops = [stop] if isinstance(stop, str) else stop
        told = Told(tokens, tokenizer.eos_id)
        for text in text_pieces(told, lambda ids: _decode(tokenizer, ids), stops):
            yield {"role": "assistant", "content": text}
        # The counts of all pieces are summed up, so they go with one only.
        usage = {"prompt_tokens": length, "completion_tokens": told.count, "total_tokens": length + told.count}
        yield {"role": "assistant", "content": "", **usage}


class Told:
    """The tokens of an answer without the one that ends it, counted as they are taken."""

    def __init__(self, tokens: Iterable[Any], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self.count = 0

    def __iter__(self) -> Iterator[int]:
        for token in self._tokens:
            if int(token) != self._end:
                self.count += 1
                yield int(token)


def serve(folder: Path, cache: Path, port: int) -> None:
    """Serve a checkpoint on a port of the loopback until the parent is gone or a signal comes."""
    # A pickle can run code: of a .pth only tensors are read.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    checkpoint = lit_checkpoint(folder, cache)
    # As stock as it gets: LitGPT's own command with our parts in their places, and never another address than this.
    stock.OpenAISpecLitAPI = CheckpointAPI
    stock.OpenAISpec = Spec
    LitServer.run = partialmethod(LitServer.run, host="127.0.0.1", num_api_servers=1, log_level="warning")
    stock.run_server(checkpoint, openai_spec=True, port=port, timeout=-1)


def main() -> None:
    """Read the command line: folder, cache, port."""
    folder, cache, port = sys.argv[1:4]
    end_with_parent(_end_group)
    serve(Path(folder), Path(cache), int(port))


def _end_group() -> None:
    """The workers of LitServe are processes of their own, which nobody else would end."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _given(context: dict[str, Any], name: str, default: float) -> float:
    value = context.get(name)
    return default if value is None else float(value)


def _limit(context: dict[str, Any]) -> int | None:
    limit = context.get("max_completion_tokens") or context.get("max_tokens")
    return None if limit is None else int(limit)


def _is_cut(request: ChatCompletionRequest, count: int | None) -> bool:
    return count is not None and count >= (_limit(request.model_dump()) or DEFAULT_TOKENS)


def _cut_line(request: ChatCompletionRequest, line: str) -> str:
    chunk = json.loads(line.removeprefix("data: "))
    if not _is_cut(request, (chunk.get("usage") or {}).get("completion_tokens")):
        return line
    for choice in chunk["choices"]:
        choice["finish_reason"] = "length"
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _decode(tokenizer: Any, ids: list[int]) -> str:
    import torch  # noqa: PLC0415 - a worker has it already

    return str(tokenizer.decode(torch.tensor(ids)))
