"""The peers of the datasets bench: finds near duplicates with datasketch, datatrove or rensa.

Usage: datasets_dedup.py datasketch|datatrove|rensa
Takes a command per line as JSON and answers each with a line, as bench/datasets/ours.ts does. All have the same five-word
shingles, 126 hashes in 18 bands of 7, and no more than one thread.
"""

import json
import os
import re
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

BANDS, ROWS, THRESHOLD = 18, 7, 0.8
WORDS = re.compile(r"\w+")

Answer = dict[str, Any]


class Clock:
    """Seconds of the processor, by all threads, and seconds that went by."""

    def __init__(self) -> None:
        self.used, self.wall = time.process_time(), time.perf_counter()
        self.signing = 0.0

    def signed(self) -> None:
        self.signing = time.process_time() - self.used

    def stop(self) -> Answer:
        used, wall = time.process_time() - self.used, time.perf_counter() - self.wall
        return {"seconds": used, "signing": self.signing, "wall": wall}


def shingles(text: str) -> set[str]:
    words = WORDS.findall(text.lower())
    return {" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


class Sets:
    """Union-find over document numbers."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, member: int) -> int:
        parent = self.parent
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def roots(self) -> list[int]:
        return [self.find(member) for member in range(len(self.parent))]

    def join_near(self, document: int, candidates: Iterable[int], sets: list[set[Any]]) -> None:
        """Joins a document with those candidates that are as similar as they have to be, by their true Jaccard."""
        own = sets[document]
        for other in candidates:
            if self.find(document) == self.find(other):
                continue
            shared = len(own & sets[other])
            if shared >= THRESHOLD * (len(own) + len(sets[other]) - shared):
                self.parent[self.find(document)] = self.find(other)


def with_datasketch() -> Callable[[list[str]], Answer]:
    from datasketch import MinHash, MinHashLSH
    from xxhash import xxh32_intdigest

    def run(texts: list[str]) -> Answer:
        clock = Clock()
        sets = [{shingle.encode() for shingle in shingles(text)} for text in texts]
        # Its guide advises a faster hash than its default, SHA-1; `bulk` makes the permutations once.
        signatures = MinHash.bulk(sets, num_perm=BANDS * ROWS, hashfunc=xxh32_intdigest)
        clock.signed()
        lsh = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        clusters = Sets(len(texts))
        for document, signature in enumerate(signatures):
            clusters.join_near(document, lsh.query(signature), sets)
            lsh.insert(document, signature, check_duplication=False)
        roots = clusters.roots()
        return clock.stop() | {"roots": roots}

    return run


def with_rensa() -> Callable[[list[str]], Answer]:
    from rensa import RMinHash, RMinHashLSH

    def run(texts: list[str]) -> Answer:
        clock = Clock()
        sets = [shingles(text) for text in texts]
        signatures = RMinHash.from_token_sets(sets, BANDS * ROWS, 1)
        clock.signed()
        lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=BANDS * ROWS, num_bands=BANDS)
        lsh.insert_many(signatures)
        clusters = Sets(len(texts))
        for document, candidates in enumerate(lsh.query_all(signatures)):
            clusters.join_near(document, (other for other in candidates if other < document), sets)
        roots = clusters.roots()
        return clock.stop() | {"roots": roots}

    return run


def with_datatrove() -> Callable[[list[str]], Answer]:
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.utils.word_tokenizers import WordTokenizer

    class SplitTokenizer(WordTokenizer):
        """Splits at spaces, which is all that is left between words by then; its own, spaCy, is far slower."""

        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            raise NotImplementedError

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            raise NotImplementedError

    config = MinhashConfig(n_grams=5, num_buckets=BANDS, hashes_per_bucket=ROWS)

    def run(texts: list[str]) -> Answer:
        documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
        with tempfile.TemporaryDirectory() as folder:
            signatures, buckets, clusters = (os.path.join(folder, name) for name in ("sigs", "buckets", "clusters"))
            clock = Clock()
            # Its steps are called one after another: its executor would start a process for each.
            MinhashDedupSignature(signatures, config, language=SplitTokenizer()).run(documents)
            clock.signed()
            for bucket in range(BANDS):
                step = MinhashDedupBuckets(signatures, buckets, config=config, lines_to_buffer=-1)
                step.run(None, bucket, BANDS)
            MinhashDedupCluster(buckets, clusters, config, save_cluster_id=True, lines_to_buffer=-1).run(None, 0, 1)
            kept = sum(1 for _ in MinhashDedupFilter(clusters).run(iter(documents)))
            taken = clock.stop()
            roots = read_clusters(os.path.join(clusters, "000000.clusters"), len(texts))
        return taken | {"roots": roots, "kept": kept}

    return run


def read_clusters(file: str, count: int) -> list[int]:
    """Pairs of a document and its cluster; who is in none is one by itself."""
    roots = list(range(count))
    first: dict[int, int] = {}
    with open(file, "rb") as pairs:
        for document, cluster in struct.iter_unpack("<2I", pairs.read()):
            roots[document] = first.setdefault(cluster, document)
    return roots


def main() -> None:
    # What the libraries print goes to the log, and the replies where it was.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    makers = {"datasketch": with_datasketch, "datatrove": with_datatrove, "rensa": with_rensa}
    run = makers[sys.argv[1]]()
    print("ready", file=replies)
    for line in sys.stdin:
        try:
            with open(json.loads(line)["file"], encoding="utf8") as corpus:
                answer = run(json.load(corpus)["texts"])
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), file=replies)


if __name__ == "__main__":
    main()
