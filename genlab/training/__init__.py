"""Training: one loop that knows no family, and averaged weights."""
