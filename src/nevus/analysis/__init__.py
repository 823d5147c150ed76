"""One photograph's read-outs: quality, kind of picture, lesion measures, report. No torch."""
