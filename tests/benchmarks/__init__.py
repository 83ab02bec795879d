"""The data sets that benchmarks are run on are what recording would have made."""
