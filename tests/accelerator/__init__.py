"""A device that is none: it computes on the CPU, and refuses what a GPU refuses."""
