from webapp.control import activity, company, processes, programs, snapshots, windows
from webapp.control.blueprint import bp

__all__ = ["activity", "bp", "company", "processes", "programs", "snapshots", "windows"]
