"""Learners, the training loop, exact resume, several processes."""
