"""The figures of the design: each module has an ID and `measure()`, which returns its row."""
