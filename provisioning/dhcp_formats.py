"""One writer per DHCP server. Each quotes values by its own rules; no value is pasted as it is."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioning.dhcp import Pointer

WELL_KNOWN = frozenset({43, 66})  # these every server knows by their names; others are defined
SAFE = re.compile(r"[\w .,:+\-]+", re.ASCII)


def octets(oui: str) -> str:
    return ":".join(oui[at : at + 2] for at in range(0, 6, 2))


def others(pointers: "Iterable[Pointer]") -> list[int]:
    found = {option for pointer in pointers for option in pointer.options}
    return sorted(found - WELL_KNOWN)


def lines(parts: Iterable[str]) -> str:
    return "".join(f"{part}\n" for part in parts)


# ---- dnsmasq ------------------------------------------------------------------------------------


def dnsmasq(pointers: "list[Pointer]") -> str:
    """Of two tags that set the same option the last one wins; no phone bears two of ours."""
    return lines(part for pointer in pointers for part in dnsmasq_part(pointer))


def dnsmasq_part(pointer: "Pointer") -> Iterator[str]:
    tag = f"belldesk-{pointer.key}"
    yield ""
    yield f"# {pointer.vendor}"
    for oui in pointer.ouis:
        yield f"dhcp-mac=set:{tag},{octets(oui)}:*:*:*"
    for word in pointer.classes:
        yield f"dhcp-vendorclass=set:{tag},{word}"
    for option in pointer.options:
        yield f"dhcp-option=tag:{tag},{option},{in_double_quotes(pointer.value)}"


def in_double_quotes(text: str) -> str:
    """As dnsmasq and ISC dhcpd read it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ---- ISC dhcpd ----------------------------------------------------------------------------------

ISC_NAMES = {43: "vendor-encapsulated-options", 66: "tftp-server-name"}


def isc(pointers: "list[Pointer]") -> str:
    defined = [f"option belldesk-{code} code {code} = text;" for code in others(pointers)]
    return lines([*defined, *(part for pointer in pointers for part in isc_part(pointer))])


def isc_part(pointer: "Pointer") -> Iterator[str]:
    tests = [f"substring (hardware, 1, 3) = {octets(oui)}" for oui in pointer.ouis]
    tests += [
        f"substring (option vendor-class-identifier, 0, {len(word)}) = {in_double_quotes(word)}"
        for word in pointer.classes
    ]
    yield ""
    yield f'class "belldesk-{pointer.key}" {{'
    yield "  match if " + "\n    or ".join(f"({test})" for test in tests) + ";"
    for option in pointer.options:
        name = ISC_NAMES.get(option, f"belldesk-{option}")
        yield f"  option {name} {in_double_quotes(pointer.value)};"
    yield "}"


# ---- Kea ----------------------------------------------------------------------------------------


def kea(pointers: "list[Pointer]") -> str:
    """Members of "Dhcp4", for Kea 2.2 and newer."""
    numbers = [number for number in others(pointers) if number not in (KEA_STRING, KEA_NUMBERS)]
    members = {
        "option-def": [
            {"name": f"belldesk-{number}", "code": number, "type": "string", "space": "dhcp4"}
            for number in numbers
        ],
        "client-classes": [kea_class(pointer) for pointer in pointers],
    }
    return json.dumps(members, indent=2) + "\n"


# What Kea has a definition of its own for, which must not be given again. 114 is a string there
# too; of 159 it makes numbers, so phones get their other options only. 43 would hold sub-options.
KEA_STRING, KEA_NUMBERS = 114, 159
KEA_43 = [{"name": "vendor-encapsulated-options", "code": 43, "type": "string"}]


def kea_class(pointer: "Pointer") -> dict[str, object]:
    tests = [f"substring(pkt4.mac, 0, 3) == 0x{oui}" for oui in pointer.ouis]
    tests += [
        f"substring(option[60].hex, 0, {len(word)}) == {kea_literal(word)}"
        for word in pointer.classes
    ]
    return {
        "name": f"belldesk-{pointer.key}",
        "test": " or ".join(f"({test})" for test in tests),
        "option-def": KEA_43 if 43 in pointer.options else [],
        "option-data": [
            {"code": option, "csv-format": True, "data": in_kea_values(pointer.value)}
            for option in pointer.options
            if option != KEA_NUMBERS
        ],
    }


def kea_literal(text: str) -> str:
    return f"'{text}'" if SAFE.fullmatch(text) else f"0x{text.encode().hex()}"


def in_kea_values(text: str) -> str:
    """A comma would end the value."""
    return text.replace("\\", "\\\\").replace(",", "\\,")


# ---- MikroTik RouterOS 7.16 and newer -----------------------------------------------------------


# A matcher without the pool of its server would give its phones no address: one for each server.
ROUTEROS = "/ip dhcp-server"
# What it removes before it adds, so that it can be pasted again: sets before their options.
ROUTEROS_MENUS = (
    "/ip dhcp-server matcher",
    "/ip dhcp-server option sets",
    "/ip dhcp-server option",
)


def mikrotik(pointers: "list[Pointer]") -> str:
    return lines(
        [
            "# RouterOS 7.16 or newer. It does not look at the front of a MAC address: where",
            "# phones send no class (Fanvil at first), give their set to a network or a lease.",
            *(f'{menu} remove [find name~"^belldesk-"]' for menu in ROUTEROS_MENUS),
            *(part for pointer in pointers for part in mikrotik_part(pointer)),
        ]
    )


def mikrotik_part(pointer: "Pointer") -> Iterator[str]:
    name = f"belldesk-{pointer.key}"
    names = [f"{name}-{option}" for option in pointer.options]
    value = in_routeros_quotes(routeros_value(pointer.value))
    yield ""
    yield f"# {pointer.vendor}"
    for option, own in zip(pointer.options, names, strict=True):
        yield f"/ip dhcp-server option add name={own} code={option} value={value}"
    yield f"/ip dhcp-server option sets add name={name} options={','.join(names)}"
    for number, word in enumerate(pointer.classes, 1):
        quoted = in_routeros_quotes(word)
        yield (
            f":foreach s in=[{ROUTEROS} find] do={{ {ROUTEROS} matcher add"
            f' name=("{name}-{number}-" . [{ROUTEROS} get $s name])'
            f" server=[{ROUTEROS} get $s name] address-pool=[{ROUTEROS} get $s address-pool]"
            f" code=60 matching-type=substring value={quoted} option-set={name} }}"
        )
    yield f"# {ROUTEROS} network set [find] dhcp-option-set={name}"


def routeros_value(value: str) -> str:
    """A string by s'…'; in hex where an apostrophe would end it."""
    return f"0x{value.encode().hex()}" if "'" in value else f"s'{value}'"


def in_routeros_quotes(text: str) -> str:
    """`$` begins a variable there, and `?` asks for help."""
    return '"' + re.sub(r'(["\\$?])', r"\\\1", text) + '"'


# ---- Windows Server -----------------------------------------------------------------------------


def windows(pointers: "list[Pointer]") -> str:
    return lines(
        [
            "# PowerShell, as an administrator of the DHCP server (Windows Server 2012 or newer).",
            "$ErrorActionPreference = 'Stop'",
            "$known = (Get-DhcpServerv4OptionDefinition).OptionId",
            "$classes = (Get-DhcpServerv4Class -Type Vendor).Name",
            "$policies = (Get-DhcpServerv4Policy).Name",
            *(windows_definition(number) for number in others(pointers)),
            *(part for pointer in pointers for part in windows_part(pointer)),
        ]
    )


def windows_definition(number: int) -> str:
    return (
        f"if ($known -notcontains {number}) {{ Add-DhcpServerv4OptionDefinition"
        f" -OptionId {number} -Name 'Belldesk {number}' -Type String }}"
    )


def windows_part(pointer: "Pointer") -> Iterator[str]:
    name = in_powershell_quotes(f"Belldesk {pointer.vendor}")
    classes = {f"Belldesk {pointer.vendor} {n}": w for n, w in enumerate(pointer.classes, 1)}
    yield ""
    for own, word in classes.items():
        quoted = in_powershell_quotes(own)
        yield (
            f"if ($classes -notcontains {quoted}) {{ Add-DhcpServerv4Class -Name {quoted}"
            f" -Type Vendor -Data {in_powershell_quotes(word)} }}"
        )
    conditions = []
    if pointer.ouis:
        conditions.append("-MacAddress EQ," + starred(oui.upper() for oui in pointer.ouis))
    if classes:
        conditions.append("-VendorClass EQ," + starred(classes))
    yield f"if ($policies -contains {name}) {{ Remove-DhcpServerv4Policy -Name {name} -Force }}"
    yield f"Add-DhcpServerv4Policy -Name {name} -Condition OR {' '.join(conditions)}"
    for option in pointer.options:
        value = in_powershell_quotes(pointer.value) if option != 43 else octet_list(pointer.value)
        yield f"Set-DhcpServerv4OptionValue -PolicyName {name} -OptionId {option} -Value {value}"


def starred(words: Iterable[str]) -> str:
    return ",".join(in_powershell_quotes(f"{word}*") for word in words)


def octet_list(value: str) -> str:
    """Option 43 is binary data there."""
    return ",".join(f"0x{octet:02X}" for octet in value.encode())


def in_powershell_quotes(text: str) -> str:
    """Nothing but the apostrophe itself has a meaning in there, and its curly relatives."""
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"
