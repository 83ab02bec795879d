"""Engines: several bodies for the one port, `app.ports.Store`; which of them is used is decided at the composition root alone."""
