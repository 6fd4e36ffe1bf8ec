"""Departments hold permissions `entity.action`; people belong to one department."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import ForeignKey, Select, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.named import Named

PERMISSIONS = (
    "phones.read",
    "phones.write",
    "phones.provision",
    "phones.reveal",
    "sites.read",
    "sites.write",
    "settings.read",
    "settings.write",
    "computers.read",
    "computers.write",
    "computers.control",
    "logs.read",
    "users.read",
    "users.write",
    "departments.read",
    "departments.write",
    "signins.read",
    "audit.read",
)


class Department(Named):
    __tablename__ = "departments"
    __audited__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    granted: Mapped[list["DepartmentPermission"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def permissions(self) -> frozenset[str]:
        return frozenset(grant.permission for grant in self.granted)

    @permissions.setter
    def permissions(self, wanted: set[str] | frozenset[str]) -> None:
        for grant in self.granted:
            grant.label = self.name
        kept = [grant for grant in self.granted if grant.permission in wanted]
        for grant in set(self.granted) - set(kept):
            if session := object_session(grant):
                session.delete(grant)  # an orphan would be deleted too, but unseen by the audit
        new = sorted(set(wanted) - {grant.permission for grant in kept})
        fresh = [DepartmentPermission(permission=permission) for permission in new]
        for grant in fresh:
            grant.label = self.name
        self.granted = kept + fresh

    @classmethod
    def called(cls, name: str) -> Select[Self]:
        return select(cls).where(func.lower(cls.name) == name.lower())

    @classmethod
    def with_people(cls) -> Select[Any]:
        """Departments by name, each with the number of its users."""
        users = cls.metadata.tables["users"]
        people = select(func.count()).where(users.c.department_id == cls.id).scalar_subquery()
        return select(cls, people).order_by(cls.name)


class DepartmentPermission(Model):
    __tablename__ = "department_permissions"
    __audited__ = True

    department_id: Mapped[int] = mapped_column(
        ForeignKey("departments.id", ondelete="CASCADE"), primary_key=True
    )
    permission: Mapped[str] = mapped_column(String(60), primary_key=True)

    label = ""  # the department's name, for the audit

    def __str__(self) -> str:
        return f"{self.label}: {self.permission}" if self.label else self.permission
