"""Runs on PCs: Python 3.9, standard library and psutil; imports nothing of the server."""

__version__ = "0.1.0"
