"""LitGPT's model and weight maps, imported without what the trainer has no use for: Lightning and LitGPT's commands.

To import either takes longer than to import torch. `import litgpt` imports its command line, and its modules import
Lightning for types, loggers and strategies that are no part of a model.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_loader
from types import ModuleType
from typing import Any

LEFT_OUT = "lightning"
NEEDED = ("config", "model", "lora", "scripts.convert_hf_checkpoint", "scripts.convert_lit_checkpoint")


def import_litgpt() -> None:
    """Import what the trainer needs of LitGPT, unless LitGPT was imported already.

    Afterwards `litgpt` is a package whose own `__init__` has not run, so that only its modules can be imported from it,
    and Lightning can be imported as ever.
    """
    spec = find_spec("litgpt")
    if "litgpt" in sys.modules or spec is None:
        return
    package = sys.modules["litgpt"] = module_from_spec(spec)
    with _without_lightning():
        package.__dict__["Config"] = import_module("litgpt.config").Config
        for name in NEEDED:
            import_module(f"litgpt.{name}")


@contextmanager
def _without_lightning() -> Iterator[None]:
    """Let every import from Lightning succeed, and give a class that cannot be used."""
    before = set(sys.modules)
    finder = _Absent()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if _is_left_out(name):
                del sys.modules[name]


def _is_left_out(name: str) -> bool:
    return name.partition(".")[0] == LEFT_OUT


class _Absent(MetaPathFinder, Loader):
    """Finds Lightning's modules, all of them packages without a file."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self, is_package=True) if _is_left_out(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__getattr__"] = lambda name: _unusable(module.__name__, name)


def _unusable(module: str, name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)

    def refuse(*_: Any, **__: Any) -> None:
        raise ImportError(f"{module}.{name} was left out when LitGPT was imported: see {__name__}.")

    return type(name, (), {"__module__": module, "__init__": refuse})
