"""Print which rows of a file LitGPT's own data module holds out: `random_split.py FILE FRACTION`."""

import json
import sys
from pathlib import Path

from litgpt.data import JSON


def main() -> None:
    """Split as `litgpt finetune` does, with its default seed, and print the places of the rows that are held out."""
    path, fraction = Path(sys.argv[1]), float(sys.argv[2])
    _, held_out = JSON(json_path=path, val_split_fraction=fraction).get_splits()
    print(json.dumps(sorted(held_out.indices)))


if __name__ == "__main__":
    main()
