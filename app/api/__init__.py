"""The doors: they translate in, translate out, and decide nothing."""
