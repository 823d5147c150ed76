"""Arrays to probabilities and masks: prediction, ensembles, CRF, post-processing."""
