"""One folder per vendor: vendor.toml, a template per family, quirks.py where data cannot say it."""
