from webapp.control import activity, processes
from webapp.control.blueprint import bp

__all__ = ["activity", "bp", "processes"]
