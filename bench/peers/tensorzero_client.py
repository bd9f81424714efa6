"""Times the embedded gateway of TensorZero: it has no port, so that its client is the driver.

Usage: tensorzero_client.py CONFIG_FILE MOCK_PORT
Takes a command per line as JSON and answers each with a line, as bench/gateway/driver.ts does. "direct" and
"direct-wholes" measure this very process without the gateway.
"""

import asyncio
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway

MARK = "zq"
FILLER = "The customer writes at length about an order that has not come, and asks what to do about it. " * 10
SYSTEM = "You answer the customers of a shop, kindly and in short sentences."
numbers = iter(range(1, 1_000_000_000))


def letter() -> str:
    return f"Letter {next(numbers)} of {os.getpid()}. {FILLER}"


def asked() -> dict[str, Any]:
    """The same request as that of the other contenders, in TensorZero's words."""
    return {
        "model_name": "tiny",
        "input": {"system": SYSTEM, "messages": [{"role": "user", "content": letter()}]},
        "params": {"chat_completion": {"temperature": 0.2, "max_tokens": 256}},
    }


def since(started: int) -> float:
    return (time.perf_counter_ns() - started) / 1e6


def time_pieces(started: int, pieces: Iterator[str]) -> dict[str, float]:
    """When the first piece, the last with text and the end came, in ms."""
    sample = {"first": 0.0, "last": 0.0, "done": 0.0}
    for text in pieces:
        now = since(started)
        if sample["first"] == 0.0:
            sample["first"] = now
        if MARK in text:
            sample["last"] = now
    sample["done"] = since(started)
    return sample


def embedded(gateway: TensorZeroGateway) -> dict[str, float]:
    request = asked()
    started = time.perf_counter_ns()
    chunks = gateway.inference(**request, stream=True)
    return time_pieces(started, ("".join(block.text or "" for block in chunk.content) for chunk in chunks))


def embedded_whole(gateway: TensorZeroGateway) -> dict[str, float]:
    request = asked()
    started = time.perf_counter_ns()
    gateway.inference(**request)
    return dict.fromkeys(("first", "last", "done"), since(started))


def post(connection: http.client.HTTPConnection, stream: bool) -> http.client.HTTPResponse:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": letter()}]
    body = json.dumps({"model": "tiny", "messages": messages, "temperature": 0.2, "max_tokens": 256, "stream": stream})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    return connection.getresponse()


def direct(connection: http.client.HTTPConnection) -> dict[str, float]:
    started = time.perf_counter_ns()
    response = post(connection, stream=True)
    return time_pieces(started, (line.decode() for line in response if line != b"\n"))


def direct_whole(connection: http.client.HTTPConnection) -> dict[str, float]:
    started = time.perf_counter_ns()
    post(connection, stream=False).read()
    return dict.fromkeys(("first", "last", "done"), since(started))


async def load(config: str, clients: int, seconds: float) -> dict[str, float]:
    """A closed loop, as that of the other contenders."""
    gateway = await AsyncTensorZeroGateway.build_embedded(config_file=config)
    begin = time.perf_counter() + seconds * 0.2
    end = begin + seconds
    chats = 0

    async def one() -> None:
        nonlocal chats
        while time.perf_counter() < end:
            await gateway.inference(**asked())
            if begin <= time.perf_counter() < end:
                chats += 1

    await asyncio.gather(*(one() for _ in range(clients)))
    return {"chatsPerSecond": chats / seconds}


def main() -> None:
    # The gateway logs to standard output: that goes to the log, and the replies where it was.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    config, port = sys.argv[1], int(sys.argv[2])
    gateway = TensorZeroGateway.build_embedded(config_file=config)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    measures = {
        "streams": lambda: embedded(gateway),
        "wholes": lambda: embedded_whole(gateway),
        "direct": lambda: direct(connection),
        "direct-wholes": lambda: direct_whole(connection),
    }
    print("ready", file=replies)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "load":
                result: Any = asyncio.run(load(config, command["clients"], command["seconds"]))
            else:
                measure = measures[command["do"]]
                result = {"samples": [measure() for _ in range(command["count"])], "fsyncs": []}
        except Exception as error:
            result = {"error": repr(error)}
        print(json.dumps(result), file=replies)


if __name__ == "__main__":
    main()
