"""From tokens to text, piece by piece: no character is cut in two, and nothing of a stop text gets out."""

from collections.abc import Callable, Iterable, Iterator, Sequence

UNFINISHED = "\ufffd"


def text_pieces(tokens: Iterable[int], decode: Callable[[list[int]], str], stops: Sequence[str] = ()) -> Iterator[str]:
    """Yield what each token adds to the text; end before the first stop text.

    Args:
        tokens: the tokens of an answer, without its end.
        decode: makes text of all tokens so far.
        stops: texts at which the answer ends; empty ones do not count.
    """
    ids: list[int] = []
    sent = 0
    stops = [stop for stop in stops if stop]
    text = ""
    for token in tokens:
        ids.append(token)
        text = decode(ids)
        found = [at for at in (text.find(stop) for stop in stops) if at != -1]
        if found:
            yield text[sent : min(found)]
            return
        safe = len(text) - _held(text, stops)
        if safe > sent:
            yield text[sent:safe]
            sent = safe
    if len(text) > sent:
        yield text[sent:]


def _held(text: str, stops: Sequence[str]) -> int:
    """Return how many characters at the end may still change, or may begin a stop text."""
    unfinished = len(text) - len(text.rstrip(UNFINISHED))
    begun = max((_overlap(text, stop) for stop in stops), default=0)
    return max(unfinished, begun)


def _overlap(text: str, stop: str) -> int:
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
