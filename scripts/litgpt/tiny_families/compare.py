"""What two GGUF files say of the same model: `python -m tiny_families.compare <plain> <one> <other>`."""

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import gguf.quants
import numpy as np
import numpy.typing as npt


def compare(plain: Path, one: Path, other: Path) -> dict[str, Any]:
    """Return the kinds of the tensors in both, the share of bytes that are the same, and how far each is from `plain`.

    Distances are root mean squares over the tensors, of errors divided by the tensor's own size.
    """
    exact, *both = ({tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors} for path in (plain, one, other))
    kinds = [{name: tensor.tensor_type.name for name, tensor in sorted(there.items())} for there in both]
    ours, theirs = both
    same = sum(int((ours[name].data == theirs[name].data).sum()) for name in ours)
    distances = [
        float(np.sqrt(np.mean([_error(tensor, exact[name]) for name, tensor in there.items()]))) for there in both
    ]
    return {"kinds": kinds, "same": same / sum(tensor.data.size for tensor in ours.values()), "distances": distances}


def _error(tensor: gguf.ReaderTensor, exact: gguf.ReaderTensor) -> float:
    wanted = _numbers(exact)
    return float(np.square(_numbers(tensor) - wanted).mean() / np.square(wanted).mean())


def _numbers(tensor: gguf.ReaderTensor) -> npt.NDArray[np.float32]:
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type)


if __name__ == "__main__":
    print(json.dumps(compare(*(Path(path) for path in sys.argv[1:]))))
