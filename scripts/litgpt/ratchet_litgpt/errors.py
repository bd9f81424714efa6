"""The closed list of failures, each with the exit code that the parent process maps to an error of its own."""

import errno
from typing import Final, Literal, get_args

Code = Literal[
    "InvalidInput",
    "NotEnoughData",
    "BaseMissing",
    "Bug",
    "OutOfMemory",
    "Diverged",
    "DiskFull",
    "CorruptCheckpoint",
    "GpuBusy",
]

EXIT_CODES: Final[dict[Code, int]] = dict(zip(get_args(Code), (64, 65, 66, 70, 71, 72, 73, 74, 75), strict=True))
EXIT_STOPPED: Final = 143
EXIT_PARENT_GONE: Final = 75

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_FULL_WORDS = ("no space left", "disk quota", "file too large", "os error 28", "os error 27", "os error 122")
_OUT_OF_MEMORY_WORDS = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc")
_CHECKED_FOR_WORDS = ("SafetensorError", "RuntimeError")


class JobError(Exception):
    """A failure with a code of the closed list; the message is one sentence that says what to do."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.code]


class Stopped(Exception):
    """The job was asked to stop and has written its checkpoint."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.step = step


def classify(error: BaseException) -> JobError:
    """Return the failure that an exception of any kind stands for."""
    if isinstance(error, JobError):
        return error
    if _is_disk_full(error):
        return JobError("DiskFull", "The disk is full: free some space, then run the job again and it will resume.")
    if is_out_of_memory(error):
        return JobError(
            "OutOfMemory",
            "Memory ran out: lower micro_batch_size or max_seq_length, or choose a smaller base, then run again.",
        )
    kind = type(error).__name__
    return JobError("Bug", f"The trainer failed unexpectedly ({kind}: {_one_line(error)}): report it with the log.")


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return True
    words = str(error).lower()
    return type(error).__name__ in _CHECKED_FOR_WORDS and any(part in words for part in _DISK_FULL_WORDS)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, of a GPU or of the machine."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in words for part in _OUT_OF_MEMORY_WORDS)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
