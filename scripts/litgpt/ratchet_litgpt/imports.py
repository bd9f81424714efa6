"""What a process imports before its first job, in as little time as that takes. This module imports nothing heavy."""

import ctypes
import gc
import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

# Compiled modules, of packages and of Python, that what is imported meanwhile would load: the system loads one library
# at a time, and Python does nothing while it waits for that.
COMPILED = (
    *("numpy", "tokenizers", "safetensors", "psutil", "rpds", "yaml", "markupsafe._speedups", "_asyncio"),
    *("_bisect", "_blake2", "_bz2", "_csv", "_ctypes", "_datetime", "_decimal", "_hashlib", "_heapq", "_json"),
    *("_lzma", "_multiprocessing", "_opcode", "_pickle", "_posixshmem", "_posixsubprocess", "_queue"),
    *("_random", "_sha2", "_sha512", "_socket", "_ssl", "_struct", "_uuid", "array", "binascii", "cmath"),
    *("fcntl", "grp", "math", "mmap", "resource", "select", "unicodedata", "zlib"),
)
# What jobs need besides, and what torch and LitGPT import of others, none of which imports torch. The last one loads a
# library, and waits.
BESIDES = (
    *("jsonschema", "gguf", "jinja2.ext", "jinja2.sandbox", "asyncio", "unittest.mock", "torchgen.model"),
    *("urllib.request", "tqdm", "importlib.metadata", "packaging.requirements", "multiprocessing.spawn"),
    *("multiprocessing.connection", "cuda.pathfinder"),
)


def import_all() -> None:
    """Import torch, what the trainer needs of LitGPT, and all of ours that a job runs.

    The system loads torch's libraries, half a gigabyte and more, while Python imports other things. There is one thread
    again when this returns, so that the process may fork.
    """
    with _without_collecting(), _with_quick_look_ups():
        _import_those_there(COMPILED)
        loading = Thread(target=_load_torch_libraries)
        loading.start()
        _import_those_there(BESIDES)
        loading.join()
        import_module("ratchet_litgpt.meta").import_torch()
        import_module("ratchet_litgpt.lean").import_litgpt()
        import_module("ratchet_litgpt.main")


def _import_those_there(names: Iterable[str]) -> None:
    """Import modules early; one that is missing is named by what needs it."""
    for name in names:
        with suppress(ImportError):
            import_module(name)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Look for no garbage meanwhile, nor ever in what was made: modules are none, and hold many objects."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _with_quick_look_ups() -> Iterator[None]:
    """Find the module of a running function by its name, not by comparing the files of all modules.

    Torch asks for it wherever it registers a kernel in Python.
    """
    slow = inspect.getmodule

    def quick(of: Any, file: str | None = None) -> ModuleType | None:
        named = sys.modules.get(of.f_globals.get("__name__", "")) if inspect.isframe(of) else None
        return named or slow(of, file)

    vars(inspect)["getmodule"] = quick
    try:
        yield
    finally:
        vars(inspect)["getmodule"] = slow


def _load_torch_libraries() -> None:
    """Load what `import torch` loads, in its order; where that fails, torch knows what to do or to say."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    # Python waits while it loads a library itself, and not while it calls a function of C.
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    if load(bytes(folder / "libtorch_global_deps.so"), os.RTLD_NOW | os.RTLD_GLOBAL):
        load(bytes(folder / "libtorch_python.so"), os.RTLD_NOW)
