"""Embedders: what turns texts under an instruction into vectors. `registry.embedder` finds one by name."""
