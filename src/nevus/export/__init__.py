"""Checkpoint to ONNX: the network with its normalisation inside, a manifest beside it.

What runs the file needs neither torch nor the recipe: it resizes a photograph as the manifest's
``preparation`` says, passes (N, H, W, 3) bytes, and reads probabilities; `nevus.runtime` does.
"""

from nevus.export.exporting import Exported, ExportOptions, compare, export_checkpoint

__all__ = ["ExportOptions", "Exported", "compare", "export_checkpoint"]
