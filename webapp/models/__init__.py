"""The tables. One aggregate per file; a query is a classmethod that returns a select()."""

from webapp.models.audit import AuditEntry
from webapp.models.department import PERMISSIONS, Department, DepartmentPermission
from webapp.models.fetch import Fetch, Stray
from webapp.models.phone import Line, Phone, Revision
from webapp.models.run import Run, RunStep
from webapp.models.setting import SettingValue
from webapp.models.sheet_import import ImportChange, SheetImport
from webapp.models.sign_in import SignIn
from webapp.models.site import Company, Profile, SipServer, Site
from webapp.models.user import User, UserSession

__all__ = [
    "PERMISSIONS",
    "AuditEntry",
    "Company",
    "Department",
    "DepartmentPermission",
    "Fetch",
    "ImportChange",
    "Line",
    "Phone",
    "Profile",
    "Revision",
    "Run",
    "RunStep",
    "SettingValue",
    "SheetImport",
    "SignIn",
    "SipServer",
    "Site",
    "Stray",
    "User",
    "UserSession",
]
