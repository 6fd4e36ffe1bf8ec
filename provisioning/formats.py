"""The file formats phones read: what each can carry, and how a value is written into it.

Escaping lives here and not in the templates, so that no author of a template can forget it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.errors import N_, UnsafeValueError

# C0 (TAB included: Flyingvoice separates lines by it), DEL, C1, the two Unicode line breaks, lone
# surrogates (no UTF-8 for them) and the two non-characters XML 1.0 forbids.
UNCARRIABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

CONTROL = N_("a control character (line break, tab or the like) cannot stand in a phone's file")
BLANK_ENDS = N_("a blank at the beginning or the end gets lost in this phone's file")
ENCRYPTED = N_('this phone takes a value that begins with {" for an encrypted one')

RESETS = N_("this phone takes this word for “back to the factory's value”")

# One value a line in all of them: no format carries a line break inside a value.
PAIR = re.compile(r"^(?P<head>(?P<name>[^=\s]+) ?= ?)(?P<value>[^\r\n]*)(?P<tail>)", re.MULTILINE)
# <P34>value</P34>, <user_pass idx="1">value</user_pass>
ELEMENT = re.compile(
    r"(?P<head><(?P<name>[\w.\-]+)(?: [^<>]*)?>)(?P<value>[^<]*)(?P<tail></(?P=name)>)"
)
# <item name="users.admin.password">value</item>
ITEM = re.compile(r'(?P<head><item name="(?P<name>[\w.\-]+)">)(?P<value>[^<]*)(?P<tail></item>)')
# <param name="SipAccount.1.AuthName" value="value"/>
PARAM = re.compile(r'(?P<head><param name="(?P<name>[\w.\-]+)" value=")(?P<value>[^"]*)(?P<tail>")')
# reg.1.auth.password="value"
ATTRIBUTE = re.compile(r'(?P<head>\b(?P<name>[\w.\-]+)=")(?P<value>[^"]*)(?P<tail>")')

XML_TYPE = "text/xml; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


def control_refusal(text: str) -> str | None:
    return CONTROL if UNCARRIABLE.search(text) else None


def pair_refusal(text: str) -> str | None:
    if UNCARRIABLE.search(text):
        return CONTROL
    # Whether a phone trims is not documented: a password that may be shortened is no password.
    return BLANK_ENDS if text[:1] == " " or text[-1:] == " " else None


def audiocodes_refusal(text: str) -> str | None:
    """`{"<base64>"}` is how AudioCodes exports secrets; typed by a person it locks them out."""
    return ENCRYPTED if text.startswith('{"') else pair_refusal(text)


def yealink_refusal(text: str) -> str | None:
    """`%NULL%` is Yealink's word for “back to the factory's value”."""
    return RESETS if text == "%NULL%" else pair_refusal(text)


def xml_escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&apos;")


def as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Format:
    """`refusal` says why a value cannot be carried, or None; `escape` writes one that can.

    `shape` finds a name and its value in a file: head (with the name), value, tail.
    """

    key: str
    content_type: str
    refusal: Callable[[str], str | None]
    escape: Callable[[str], str]
    shape: re.Pattern[str]

    def write(self, value: object) -> str:
        """Every `{{ expression }}` of every template passes here: Jinja's `finalize`."""
        text = value if type(value) is str else plain(value)
        reason = self.refusal(text)
        if reason is not None:
            raise UnsafeValueError(reason)
        return self.escape(text)


def plain(value: object) -> str:
    """Switches are 1 and 0 in all formats known so far."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None:
        raise TypeError("None has no place in a phone's file: the template must leave the key out")
    return str(value)


FORMATS = {
    format.key: format
    for format in (
        Format("xml", XML_TYPE, control_refusal, xml_escape, ELEMENT),
        Format("trimmed-xml", XML_TYPE, pair_refusal, xml_escape, ELEMENT),
        Format("items", XML_TYPE, control_refusal, xml_escape, ITEM),
        Format("params", XML_TYPE, control_refusal, xml_escape, PARAM),
        Format("attributes", XML_TYPE, control_refusal, xml_escape, ATTRIBUTE),
        Format("pairs", TEXT_TYPE, pair_refusal, as_it_is, PAIR),
        Format("audiocodes", TEXT_TYPE, audiocodes_refusal, as_it_is, PAIR),
        Format("yealink", TEXT_TYPE, yealink_refusal, as_it_is, PAIR),
    )
}
