"""What the machine has to give: memory of the device, and threads."""

import ctypes
import gc
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CGROUP = Path("/sys/fs/cgroup")
# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held since `reset_peak`, or ever: of the GPU's memory, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError, StopIteration, ValueError):
        return _kibibytes(_STATUS, "VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak(device: torch.device) -> None:
    """Begin anew to look for the most bytes held, where that can be done."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def held_memory(device: torch.device) -> int:
    """Return the bytes held now."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    with suppress(OSError, StopIteration, ValueError):
        return _kibibytes(_STATUS, "VmRSS")
    return peak_memory(device)


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that can still be taken without harm to others; None where that is not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    known = []
    with suppress(OSError, StopIteration, ValueError):
        known.append(_kibibytes(Path("/proc/meminfo"), "MemAvailable"))
    with suppress(OSError, ValueError):
        limit = int((_CGROUP / "memory.max").read_text())
        known.append(max(0, limit - int((_CGROUP / "memory.current").read_text())))
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError, StopIteration, ValueError):
            known.append(max(0, limit - _kibibytes(_STATUS, "VmSize")))
    return min(known, default=None)


def give_back(device: torch.device) -> None:
    """Let go of what nobody refers to, so that others can have it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_memory(device: torch.device) -> None:
    """Keep what is freed for what comes next, until it is given back.

    A step on a CPU frees and takes gigabytes, and the system fills every page that it gives with zeros. Only glibc can
    be told so, which else gives back at once what was taken in pieces as large as a tensor.
    """
    if device.type != "cpu":
        return
    with suppress(AttributeError):
        tell = ctypes.CDLL(None).mallopt
        tell(_TRIM_THRESHOLD, 2**31 - 1)
        # 32 MB is the most that mallopt(3) promises to take; where more is refused, it counts.
        _ = tell(_MMAP_THRESHOLD, 2**30) or tell(_MMAP_THRESHOLD, 2**25)


def usable_threads() -> int:
    """Return how many threads can run at once: processors that this process may use, within its cgroup's share."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    return min(count, torch.get_num_threads())


def _kibibytes(path: Path, name: str) -> int:
    """Return the bytes that a line such as `VmRSS:  123 kB` tells."""
    lines = path.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024
