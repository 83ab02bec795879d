"""Freezing reports: an export is a report as of a sequence, made into a file once, and the same bytes ever after."""
