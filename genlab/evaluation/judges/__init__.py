"""The judges: small networks whose features measure images."""
