"""Tensors to tensors: the networks, their pretrained weights and their checkpoints."""
