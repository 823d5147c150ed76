"""Scores with intervals, cross-validation, tuning, submissions and pages to look at."""
