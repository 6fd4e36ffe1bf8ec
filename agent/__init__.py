"""Runs on PCs: standard library and psutil only; imports nothing of the server."""
