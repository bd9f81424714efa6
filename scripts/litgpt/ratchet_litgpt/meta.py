"""Torch's kernels for the device `meta` that are written in Python, loaded once something asks for them.

They take a quarter of torch's import, and training computes nothing without data. A module stands for them meanwhile,
which becomes theirs when anything is looked up in it, or before something imports what they are made of, as torch's
fake tensors and its compiler do. What computes on `meta` itself is to do so through `without_data`: torch cannot be
told to look for a kernel that it lacks.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeVar

KERNELS = "torch._meta_registrations"
# They import one another, which works in one order: that of the kernels.
PARTS = ("torch._decomp", "torch._prims", "torch._refs", "torch.utils._content_store")

Result = TypeVar("Result")


def import_torch() -> None:
    """Import torch and leave them out, unless it was imported already."""
    if "torch" in sys.modules:
        return
    sys.meta_path.insert(0, _Deferred())
    parts = import_module("torch")._C
    # A part of them does this, and torch makes no generators before.
    if hasattr(parts, "_set_generator_metaclass"):
        parts._set_generator_metaclass(import_module("torch._custom_class_base").CustomClassBaseMeta)


def load_meta_kernels() -> None:
    """Load them, if they were left out."""
    loader = import_module(KERNELS).__loader__
    if isinstance(loader, _Deferred):
        loader.run()


def without_data(compute: Callable[[], Result]) -> Result:
    """Return what is computed on `meta`, with those kernels where there is no other."""
    try:
        return compute()
    except NotImplementedError:
        load_meta_kernels()
        return compute()


class _Deferred(MetaPathFinder, Loader):
    """Finds the kernels, gives an empty module for them, and runs them in it once they are asked for."""

    def __init__(self) -> None:
        self._real: Loader | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == KERNELS:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                self._real, spec.loader = spec.loader, self
            return spec
        return self._part(fullname) if fullname in PARTS else None

    def exec_module(self, module: ModuleType) -> None:
        def look_up(name: str) -> Any:
            # Imports ask for such names, whatever they are for.
            if name.startswith("__"):
                raise AttributeError(name)
            self.run()
            return getattr(module, name)

        module.__dict__["__getattr__"] = look_up

    def run(self) -> None:
        """Make the module what it would have been."""
        sys.meta_path.remove(self)
        module, real = sys.modules.get(KERNELS), self._real
        if module is None or module.__spec__ is None or real is None:
            return
        del module.__dict__["__getattr__"]
        module.__loader__ = module.__spec__.loader = real
        real.exec_module(module)

    def _part(self, name: str) -> ModuleSpec | None:
        """Load the kernels, and tell of the part that came with them; none where torch asks for it first."""
        self.run()
        part = sys.modules.get(name)
        return None if part is None else _Loaded(part).spec


class _Loaded(Loader):
    """Gives a module that has run to an import that found it too late, and leaves it as it was."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._own = module, module.__spec__
        # An import that finds the module there by now goes by what that says of itself.
        self.spec = module.__spec__ = ModuleSpec(module.__name__, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own
