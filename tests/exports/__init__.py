"""Exports: frozen at a sequence, proven by digests, made once, and the same bytes for ever."""
