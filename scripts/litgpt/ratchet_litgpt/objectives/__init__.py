"""What a run can learn, a file each; the loop in `train.py` knows none of them by name."""
