"""What is said of pushes. Nothing here can hold a password, a key or what a phone sent."""

from provisioning.errors import N_

# The steps, by the names that vendors' data uses.
STEPS = {
    "look": N_("Looking at the phone"),
    "sign-in": N_("Signing in at the phone"),
    "upload": N_("Handing over the configuration, %(bytes)d bytes"),
    "address": N_("Telling the phone where its configuration is"),
    "fetch": N_("Asking the phone to fetch its configuration"),
    "restart": N_("Asking the phone to restart"),
    "sign-out": N_("Signing out"),
}
CONNECTING = N_("Connecting to %(address)s, port %(port)d")
NEW_IDENTITY = N_("It shows its identity for the first time: %(fingerprint)s")
PLAIN = N_("Nothing speaks HTTPS there: going on by plain HTTP")
WENT_AWAY = N_("The phone went away without an answer, as it does when it restarts")
NOT_DONE = N_("This step did not work, going on without it")

# What came of it.
TAKEN = N_("The phone took its configuration")
TAKEN_RESTARTS = N_("The phone took its configuration and restarts")
TOLD = N_("The phone was asked to fetch its configuration")
TOLD_RESTARTS = N_("The phone was told to restart, and fetches its configuration then")

NO_ADDRESS = N_("“%(text)s” is not an IP address: type the one the phone shows in its menu")
NOT_A_PHONE = N_("%(text)s is not the address of one phone: type the one it shows in its menu")
NO_LOGIN = N_("The phone wants a name and a password: enter those of its own web page")
ODD_LOGIN = N_("The phone's name or password holds a character nobody can type: correct its login")
UNKNOWN_LOGIN = N_("The phone wants a proof that is not supported; only its web page can help")
WRONG_LOGIN = N_("The phone refuses the name or the password: correct its login and try again")
CHANGED_CERTIFICATE = N_(
    "The phone shows another certificate than before, so nothing was sent to it. Accept the new"
    " one if the phone was replaced or reset; else somebody may stand between"
)
CHANGED_KEY = N_(
    "The phone shows another SSH host key than before, so nothing was sent to it. Accept the new"
    " one if the phone was replaced or reset; else somebody may stand between"
)
TIMED_OUT = N_("The phone did not answer in time: it may be off, restarting or behind a firewall")
NOBODY = N_("Nothing listens at port %(port)d of %(address)s: is it switched on in the phone?")
UNREACHABLE = N_("%(address)s cannot be reached: %(reason)s")
BROKEN_OFF = N_("The connection broke off: the phone may be restarting, try again in a minute")
NOT_HTTP = N_("What answers at port %(port)d of %(address)s is not the web page of a phone")
NOT_HTTPS = N_(
    "The web page at port %(port)d of %(address)s has no HTTPS: switch it on in the phone"
)
NOT_SSH = N_("What answers at port %(port)d of %(address)s does not speak SSH")
NO_TLS = N_(
    "No common encryption with the phone's web page: its firmware is too old or misconfigured"
)
NO_ALGORITHM = N_("No common encryption with the phone's SSH: update its firmware")
TOO_LONG = N_("What the phone answers does not end: it is not what was expected there")
ELSEWHERE = N_("The phone sends us on to %(host)s, which is not followed: is the address right?")
AROUND = N_("The phone sends us round in circles: open its web page to see what it wants")
BUSY = N_("The phone has no web session free: close its web page, or try again in some minutes")
REFUSED = N_("The phone answers %(code)d at “%(path)s”: its firmware may differ from what is known")
NOT_UNDERSTOOD = N_(
    "The phone did not answer as known at “%(path)s”: its firmware may differ from what is known"
)
NO_COMMANDS = N_("The phone lets this name in by SSH, but takes no command from it")
COMMAND_FAILED = N_(
    "A command ended with %(code)d instead of success: the phone's firmware may differ"
)
COMMAND_ODD = N_("A command answered something unknown: is this a phone of that model?")
UNCARRIABLE = N_("The address of the configuration holds a character that cannot be handed over")
NO_URL = N_("Where phones reach this desk is not known: set BELLDESK_BASE_URL and try again")
NO_WAY = N_("The data of %(model)s does not say how this is done")
