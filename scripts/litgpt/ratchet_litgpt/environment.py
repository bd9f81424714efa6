"""The environment that the libraries read when they are imported. This module imports nothing heavy."""

import os


def prepare_environment() -> None:
    """Set what has to stand before the first heavy import."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TOKENIZERS_PARALLELISM="false",
        CUBLAS_WORKSPACE_CONFIG=":4096:8",
        # Whether there is a GPU is asked of its driver's library, so that the answer does not open CUDA: a process
        # that has opened it cannot fork.
        PYTORCH_NVML_BASED_CUDA_CHECK="1",
    )
    # Threads that wait by spinning slow a busy machine down many times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
