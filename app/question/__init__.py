"""The small language between reports and engines: which entries, in what order, grouped how, from which cursor.

A question cannot be built without a `Scope`, so none can be asked without an account or past the sequence it is frozen at.
"""
