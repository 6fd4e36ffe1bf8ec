from webapp.api import bearer, errors, imports, people, phones, runs, sites
from webapp.api.blueprint import bp

__all__ = ["bearer", "bp", "errors", "imports", "people", "phones", "runs", "sites"]
