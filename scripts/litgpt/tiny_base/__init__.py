"""The tiny base model: a small world of facts, and the model that knows them."""
