"""Every error this package raises, with words a person can act on."""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, do not translate yet"
    """Mark a message for the catalogues; the web application translates it when it is shown."""
    return message


class ProvisioningError(Exception):
    """`message` is the untranslated template, `params` what fills it."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message, params)
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message


class MacError(ProvisioningError):
    """Not a MAC address."""


class SheetError(ProvisioningError):
    """The uploaded file as a whole cannot be read."""


class SettingError(ProvisioningError):
    """A value that its setting does not accept."""


class UnknownModelError(ProvisioningError):
    """No vendor definition lists this model."""


class UnsafeValueError(ProvisioningError):
    """A value that the format of the phone's file cannot carry."""


class FunctionKeyError(ProvisioningError):
    """A key that means nothing, or that a phone does not have or cannot do."""
