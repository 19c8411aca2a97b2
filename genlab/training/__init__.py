"""Training: one loop that knows no family, averaged weights, and the folder a run leaves behind."""
