from webapp.admin import audit, departments, sign_ins, tokens, users
from webapp.admin.blueprint import bp

__all__ = ["audit", "bp", "departments", "sign_ins", "tokens", "users"]
