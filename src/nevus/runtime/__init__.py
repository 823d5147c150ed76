"""The packaged networks, run by onnxruntime: no torch, no network, hashes checked first."""
