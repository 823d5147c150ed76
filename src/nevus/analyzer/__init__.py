"""One photograph to one answer with the packaged models: no torch, no network."""
