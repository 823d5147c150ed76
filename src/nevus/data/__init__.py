"""Files to samples: records, checks, folds, cache, augmentation, phantoms, download."""
