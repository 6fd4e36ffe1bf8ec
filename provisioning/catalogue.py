"""Every vendor-neutral setting there is, in the order pages show them."""

from dataclasses import dataclass
from typing import Literal

from provisioning.errors import N_
from provisioning.model import Value

Kind = Literal["text", "host", "port", "int", "bool", "choice", "secret"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key. `choices` of a text setting are what its comma-separated list may hold.

    An empty text, host or choice leaves it to the phone. `minimum` and `maximum` bound an int.
    """

    key: str
    kind: Kind
    default: Value
    title: str
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 2**31 - 1

    @property
    def group(self) -> str:
        return self.key.partition(".")[0]


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# All offsets in use on earth.
ZONES = words("""
    UTC-12 UTC-11 UTC-10 UTC-9:30 UTC-9 UTC-8 UTC-7 UTC-6 UTC-5 UTC-4 UTC-3:30 UTC-3 UTC-2 UTC-1
    UTC UTC+1 UTC+2 UTC+3 UTC+3:30 UTC+4 UTC+4:30 UTC+5 UTC+5:30 UTC+5:45 UTC+6 UTC+6:30 UTC+7
    UTC+8 UTC+8:45 UTC+9 UTC+9:30 UTC+10 UTC+10:30 UTC+11 UTC+12 UTC+12:45 UTC+13 UTC+14
""")
LANGUAGES = words("""
    en fr fr-CA pt pt-BR es de it nl pl ru uk cs sk sl hr tr da fi lv he ar ja ko zh zh-TW ca eu
""")
COUNTRIES = words("""
    AR AT AU BE BR CA CH CL CN CZ DE DK ES FI FR GB GR HU IE IL IN IT JP LT MX NL NO NZ PT RU SE
    TW US ZA
""")
CODECS = words("PCMU PCMA G722 G729 opus iLBC G726-16 G726-24 G726-32 G726-40 G723")

CATALOGUE: dict[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting("ntp.server", "host", "a.st1.ntp.br", N_("Time server")),
        Setting("ntp.server2", "host", "b.st1.ntp.br", N_("Second time server")),
        Setting(
            "time.zone",
            "choice",
            "UTC-3",
            N_("Time zone"),
            N_("Offset from UTC; phones do not change to summer time by themselves"),
            ZONES,
        ),
        Setting("time.format24", "bool", True, N_("24-hour clock")),
        Setting(
            "time.date",
            "choice",
            "DD-MM-YYYY",
            N_("Date format"),
            choices=("DD-MM-YYYY", "MM-DD-YYYY", "YYYY-MM-DD"),
        ),
        Setting(
            "language",
            "choice",
            "pt-BR",
            N_("Language of the screen"),
            N_("A phone without this language keeps the one it has"),
            LANGUAGES,
        ),
        Setting(
            "tone.country",
            "choice",
            "",
            N_("Country of the tones"),
            N_("Dial, busy and ring-back tones; empty leaves the phone as it is"),
            ("", *COUNTRIES),
        ),
        Setting("sip.port", "port", 5060, N_("SIP server port")),
        Setting(
            "sip.transport", "choice", "udp", N_("SIP transport"), choices=("udp", "tcp", "tls")
        ),
        Setting(
            "sip.expires",
            "int",
            3600,
            N_("Registration lasts (seconds)"),
            minimum=30,
            maximum=86400,
        ),
        Setting(
            "sip.proxy.host",
            "host",
            "",
            N_("Outbound proxy or SBC"),
            N_("All SIP traffic goes through it; empty for none"),
        ),
        Setting("sip.proxy.port", "port", 5060, N_("Port of the outbound proxy")),
        Setting(
            "sip.dtmf",
            "choice",
            "auto",
            N_("DTMF"),
            choices=("auto", "rfc2833", "inband", "info"),
        ),
        Setting(
            "sip.codecs",
            "text",
            "",
            N_("Codecs in order of preference"),
            N_("Separated by commas; empty leaves the phone as it is"),
            CODECS,
        ),
        Setting(
            "nat.keepalive",
            "int",
            30,
            N_("NAT keep-alive (seconds)"),
            N_("0 switches it off"),
            maximum=3600,
        ),
        Setting("voicemail.number", "text", "", N_("Number of the voice mail")),
        Setting("display.title", "text", "VOIP PHONE", N_("Title on the idle screen")),
        Setting("vlan.enabled", "bool", False, N_("Voice VLAN")),
        Setting("vlan.id", "int", 256, N_("Voice VLAN number"), minimum=1, maximum=4094),
        Setting(
            "lldp.enabled",
            "bool",
            True,
            N_("LLDP"),
            N_("The switch may tell the phone its VLAN"),
        ),
        Setting("syslog.server", "host", "", N_("Syslog server")),
        Setting(
            "web.timeout",
            "int",
            15,
            N_("Web log-in ends after (minutes)"),
            minimum=1,
            maximum=1440,
        ),
        Setting(
            "provisioning.mode",
            "choice",
            "server",
            N_("How the phone comes back"),
            N_("server: to this address at every boot; dhcp: where DHCP option 66 sends it"),
            ("server", "dhcp"),
        ),
    )
}
