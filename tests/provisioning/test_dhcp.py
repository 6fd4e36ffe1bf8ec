"""What each DHCP server is given to read. Three real ones read theirs in test_dhcp_servers.py."""

import re

import pytest

from provisioning.dhcp import SERVERS, DhcpError, configuration, pointers
from provisioning.registry import registry
from tests.provisioning.test_dhcp_servers import URL

PLAIN = "http://10.0.0.5:8000/p/key/"


def routeros(line):
    """Split a line as RouterOS does: quotes, backslashes, and `$` that begins a variable."""
    words, word, quoted, at = [], "", False, 0
    while at < len(line):
        letter = line[at]
        if letter == "\\":
            at += 1
            assert line[at] in '"\\$?', line
            word += line[at]
        elif letter == '"':
            quoted = not quoted
        elif letter == " " and not quoted:
            words, word = [*words, word], ""
        else:
            assert letter not in "$?", f"{letter} means something in {line}"
            assert quoted or letter not in ";{}#", line
            word += letter
        at += 1
    assert not quoted, line
    return [*words, word]


def routeros_octets(value):
    if value.startswith("0x"):
        return bytes.fromhex(value[2:])
    assert re.fullmatch(r"s'[^']*'", value), value
    return value[2:-1].encode()


def powershell(line):
    """Split a line as PowerShell does where only plain words and '…' stand in it."""
    words, word, at = [], "", 0
    while at < len(line):
        if line[at] == "'":
            end = at + 1
            while line[end] != "'" or line[end + 1 : end + 2] == "'":
                end += 2 if line[end] == "'" else 1
            word += line[at + 1 : end].replace("''", "'")
            at = end + 1
        elif line[at] == " ":
            words, word, at = [*words, word], "", at + 1
        else:
            assert line[at] not in '\u2018\u2019\u201a\u201b`";<>|&', line
            word, at = word + line[at], at + 1
    return [*words, word]


@pytest.mark.parametrize("url", [PLAIN, URL, "http://desk/p/a?b=$c#d{e}\\f\"g'h/"])
def test_mikrotik_reads_back_what_was_meant(url):
    lines = configuration("mikrotik", url, "Lisbon\n/system reboot").splitlines()
    rows = [routeros(line) for line in lines if line.startswith("/ip dhcp-server option add ")]
    found = {dict(word.split("=", 1) for word in row[4:])["name"]: row for row in rows}
    for pointer in pointers(url):
        for option in pointer.options:
            words = dict(w.split("=", 1) for w in found[f"belldesk-{pointer.key}-{option}"][4:])
            assert int(words["code"]) == option
            assert routeros_octets(words["value"]).decode() == pointer.value
    starts = ("/ip dhcp-server ", ":foreach s in=[/ip dhcp-server find] do={ ", "# ")
    assert all(line.startswith(starts) or not line for line in lines)


def test_mikrotik_makes_every_set_and_matches_every_class():
    text = configuration("mikrotik", PLAIN, "Lisbon")
    for pointer in pointers(PLAIN):
        name = f"belldesk-{pointer.key}"
        options = ",".join(f"{name}-{option}" for option in pointer.options)
        assert f"option sets add name={name} options={options}\n" in text
        assert f"# /ip dhcp-server network set [find] dhcp-option-set={name}\n" in text
        for word in pointer.classes:
            same = f'value="{word}" option-set={name} }}\n'
            assert f"address-pool] code=60 matching-type=substring {same}" in text


@pytest.mark.parametrize("url", [PLAIN, URL, "http://desk/p/a\u0027b$c`d/"])
def test_windows_reads_back_what_was_meant(url):
    lines = configuration("windows", url, "Lisbon\nRemove-Item C:\\").splitlines()
    rows = [powershell(line) for line in lines if line.startswith("Set-DhcpServerv4OptionValue")]
    found = {(row[2], int(row[4])): row[6] for row in rows}
    for pointer in pointers(url):
        for option in pointer.options:
            value = found[f"Belldesk {pointer.vendor}", option]
            if option == 43:
                value = bytes(int(octet, 16) for octet in value.split(",")).decode()
            assert value == pointer.value
    starts = ("#", "$", "if (", "Set-DhcpServerv4OptionValue ", "Add-DhcpServerv4Policy ")
    assert all(line.startswith(starts) or not line for line in lines)


def test_windows_knows_phones_by_mac_and_class():
    lines = configuration("windows", PLAIN, "Lisbon").splitlines()
    policies = [powershell(line) for line in lines if line.startswith("Add-DhcpServerv4Policy")]
    fanvil = next(words for words in policies if words[2] == "Belldesk Fanvil")
    assert fanvil[5:] == ["-MacAddress", "EQ,0C383E*,00A859*", "-VendorClass",
                          "EQ,Belldesk Fanvil 1*"]  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_the_semicolon_of_audiocodes_stands_in_every_one(server):
    text = configuration(server, PLAIN, "Lisbon", [registry().vendors["audiocodes"]])
    assert "/p/key/;<MAC>.cfg" in text


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://desk/\n/", "holds characters"),
        ("http://bücher/p/k/", "holds characters"),
        ("http://desk/p/" + "k" * 250 + "/", "too long for DHCP"),
    ],
)
def test_what_no_option_carries_is_refused(server, url, words):
    with pytest.raises(DhcpError, match=words):
        configuration(server, url, "Lisbon")
