"""The analyser as an HTTP service; needs the extra `serve`, and no torch."""
