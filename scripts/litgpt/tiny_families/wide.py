"""Models whose rows are of whole blocks of 256: `python -m tiny_families.wide <folder> <family>…`."""

import sys
from pathlib import Path

from .build import write_family

WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 8, "num_hidden_layers": 9}

if __name__ == "__main__":
    into, *families = sys.argv[1:]
    for family in families:
        write_family(family, Path(into) / family, **WIDE)
