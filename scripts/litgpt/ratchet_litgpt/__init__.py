"""The Python side of Ratchet: prepare, train, validate and export with LitGPT's modules."""
