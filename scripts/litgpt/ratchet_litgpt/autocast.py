"""In which dtype things are computed."""

import torch


def computed_in(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of matrix products on a device: autocast's within it, else that of what is multiplied."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else dtype
