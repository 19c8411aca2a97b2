"""The judges: classifiers whose features measure images."""
