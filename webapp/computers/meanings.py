"""What the numbers of session events mean."""

from flask_babel import lazy_gettext as _l

# Microsoft-Windows-TerminalServices-LocalSessionManager/Operational; the agent gives what it reads
# on other systems the same numbers.
MEANINGS = {
    12: _l("system started"),
    17: _l("remote desktop service started"),
    21: _l("logon succeeded"),
    22: _l("shell start"),
    23: _l("logoff"),
    24: _l("session disconnected"),
    25: _l("session reconnected"),
    32: _l("plug-in initialised"),
    34: _l("logons refused, setup runs"),
    39: _l("session disconnected by another one"),
    40: _l("session disconnected, with a reason"),
    41: _l("begin of session arbitration"),
    42: _l("end of session arbitration"),
    54: _l("system is shutting down"),
    59: _l("unformatted message"),
}
