"""How fast genlab is beside others, in one table: ``python -m benchmarks.speed``."""
