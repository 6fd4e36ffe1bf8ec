"""The administrators' pages. Its views are in one module per noun; routes.py gathers them."""
