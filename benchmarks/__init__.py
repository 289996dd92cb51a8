"""The module beside its peers, measured: ``python -m benchmarks``."""
