"""A folder that `litgpt serve` can load: as LitGPT writes one, or made once from a base in Hugging Face layout."""

import shutil
from pathlib import Path

import torch
from litgpt.utils import save_config

from .architecture import make_config
from .base import TOKENIZER_FILES, prepare_base
from .files import write_folder

WEIGHTS, CONFIG = "lit_model.pth", "model_config.yaml"


def lit_checkpoint(folder: Path, cache: Path) -> Path:
    """Return the folder itself where it is LitGPT's, else one in the cache that is made from it."""
    if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
        return folder
    base = prepare_base(folder, cache / "bases")
    made = cache / "served" / base.digest
    if made.is_dir():
        return made

    def fill(into: Path) -> None:
        torch.save(base.load_state(), into / WEIGHTS)
        save_config(make_config(base.fields()), into)
        for name in ("config.json", *TOKENIZER_FILES):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, into / name)

    write_folder(made, fill)
    return made
