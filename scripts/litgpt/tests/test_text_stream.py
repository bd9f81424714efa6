"""Text that comes token by token."""

import pytest

from ratchet_litgpt.text_stream import text_pieces


def run(text: str, stops: tuple[str, ...] = ()) -> str:
    """Take a text byte by byte, each a token, and return what came."""
    pieces = list(text_pieces(text.encode(), lambda ids: bytes(ids).decode("utf-8", "replace"), stops))
    assert not any("\ufffd" in piece for piece in pieces)
    return "".join(pieces)


@pytest.mark.parametrize("text", ["", "plain", "Grüße 👋🏽 日本", "e\u0301"])
def test_characters_come_whole(text: str) -> None:
    assert run(text) == text


@pytest.mark.parametrize(
    ("text", "stops", "kept"),
    [
        ("one STOP two", ("STOP",), "one "),
        ("one STO two", ("STOP",), "one STO two"),
        ("one STO", ("STOP",), "one STO"),
        ("aab", ("ab",), "a"),
        ("one two", ("two", "one"), ""),
        ("one", ("",), "one"),
        ("Grüße👋", ("👋",), "Grüße"),
    ],
)
def test_it_ends_before_a_stop_text(text: str, stops: tuple[str, ...], kept: str) -> None:
    assert run(text, stops) == kept


def test_nothing_of_a_stop_text_is_sent_early() -> None:
    pieces = list(text_pieces(b"one STOP", lambda ids: bytes(ids).decode(), ("STOP",)))
    assert pieces[:4] == ["o", "n", "e", " "]
    assert "".join(pieces) == "one "
