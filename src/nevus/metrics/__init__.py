"""The official numbers of the three tasks, numpy only: `masks`, `attributes`, `classes`."""
