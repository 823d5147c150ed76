"""The paper's tables, row by row: what to run, what was run, what follows from it."""
