"""What a process imports before its first job, in as little time as that takes. This module imports nothing heavy."""

import ctypes
import gc
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

# What jobs need besides, none of which imports torch.
BESIDES = ("numpy", "gguf", "jinja2", "jsonschema", "tokenizers")


def import_all() -> None:
    """Import torch, what the trainer needs of LitGPT, and all of ours that a job runs.

    The system loads torch's libraries, half a gigabyte and more, while Python imports other things. There is one thread
    again when this returns, so that the process may fork.
    """
    with _without_collecting(), _with_quick_look_ups():
        loading = Thread(target=_load_torch_libraries)
        loading.start()
        for name in BESIDES:
            import_module(name)
        loading.join()
        import_module("ratchet_litgpt.meta").import_torch()
        import_module("ratchet_litgpt.lean").import_litgpt()
        import_module("ratchet_litgpt.main")


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
    with suppress(OSError):
        ctypes.CDLL(str(folder / "libtorch_global_deps.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / "libtorch_python.so"))
