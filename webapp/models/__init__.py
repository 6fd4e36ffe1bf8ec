"""The tables. One aggregate per file; a query is a classmethod that returns a select()."""

from webapp.models.alert import Alert, Ban
from webapp.models.audit import AuditEntry
from webapp.models.command import VERBS, Command, Snapshot
from webapp.models.computer import (
    Account,
    AddressUse,
    Agent,
    Computer,
    ComputerUse,
    Connection,
    EnrolCode,
    SessionEvent,
)
from webapp.models.day_count import DayCount
from webapp.models.delivery import Delivery, PhonePin
from webapp.models.department import PERMISSIONS, Department, DepartmentPermission
from webapp.models.fetch import Fetch, Stray
from webapp.models.function_key import FunctionKey
from webapp.models.phone import Bootstrap, Line, Phone, Revision
from webapp.models.run import Run, RunStep
from webapp.models.self_test import SelfTest
from webapp.models.setting import SettingValue
from webapp.models.sheet_import import ImportChange, SheetImport
from webapp.models.sign_in import SignIn
from webapp.models.site import Company, Profile, SipServer, Site
from webapp.models.token import ApiToken
from webapp.models.user import User, UserSession
from webapp.models.walk_in import WalkIn

__all__ = [
    "PERMISSIONS",
    "VERBS",
    "Account",
    "AddressUse",
    "Agent",
    "Alert",
    "ApiToken",
    "AuditEntry",
    "Ban",
    "Bootstrap",
    "Command",
    "Company",
    "Computer",
    "ComputerUse",
    "Connection",
    "DayCount",
    "Delivery",
    "Department",
    "DepartmentPermission",
    "EnrolCode",
    "Fetch",
    "FunctionKey",
    "ImportChange",
    "Line",
    "Phone",
    "PhonePin",
    "Profile",
    "Revision",
    "Run",
    "RunStep",
    "SelfTest",
    "SessionEvent",
    "SettingValue",
    "SheetImport",
    "SignIn",
    "SipServer",
    "Site",
    "Snapshot",
    "Stray",
    "User",
    "UserSession",
    "WalkIn",
]
