"""The parsers, each on what the system's own programs print."""

import json
import socket
from pathlib import Path

import psutil
import pytest

from agent import outside, survey
from agent.facts import (
    account_names,
    accounts,
    addresses,
    hardware,
    identity,
    loginctl,
    operating_system,
    ports,
    programs,
    quser,
    remote,
    smbios,
)

SAMPLES = Path(__file__).with_name("samples")


def sample(name):
    return (SAMPLES / name).read_text("utf-8")


def values(name):
    return json.loads(sample(name))


# Identity


def test_the_firmware_s_table_tells_serial_uuid_maker_and_model():
    assert smbios.parse((SAMPLES / "smbios-latitude.bin").read_bytes()) == {
        "serial": "ABC1234",
        "uuid": "44454c4c-4b00-1038-805a-c7c04f4b3433",
        "manufacturer": "Dell Inc.",
        "model": "Latitude 5430",
    }


def test_a_torn_firmware_table_tells_nothing_and_crashes_nothing():
    whole = (SAMPLES / "smbios-latitude.bin").read_bytes()
    for length in range(len(whole)):
        assert set(smbios.parse(whole[:length])) == {"serial", "uuid", "manufacturer", "model"}


def test_a_mac_is_known_by_its_platform_expert():
    assert identity.parse_ioreg(sample("ioreg-macos.txt")) == {
        "serial": "C02ABC1XYZ23",
        "uuid": "5a1b2c3d-0000-1111-2222-333344445555",
        "manufacturer": "Apple Inc.",
        "model": "Mac14,2",
    }


def test_what_a_standard_account_may_not_read_is_named(monkeypatch):
    def text(path):
        if path.endswith(("product_serial", "product_uuid")):
            raise outside.NotPermittedError(path)
        known = {"sys_vendor": "LENOVO", "product_name": "21AH", "machine-id": "ab" * 16}
        return known.get(path.rpartition("/")[2], "")

    monkeypatch.setattr(outside, "text", text)
    missing = []
    found = identity.read_linux(missing)
    assert missing == ["bios serial", "hardware uuid"]
    assert (found["manufacturer"], found["serial"]) == ("LENOVO", "")
    assert found["uuid"] == "abababab-abab-abab-abab-abababababab"


# The system


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("debian", "Debian GNU/Linux 12 (bookworm)"),
        ("ubuntu", "Ubuntu 24.04.1 LTS"),
        ("fedora", "Fedora Linux 41 (Workstation Edition)"),
        ("opensuse", "openSUSE Leap 15.6"),
        ("arch", "Arch Linux"),
        ("alpine", "Alpine Linux 3.20.3"),
    ],
)
def test_a_linux_is_called_as_it_calls_itself(name, expected):
    assert operating_system.linux_name(sample(f"os-release-{name}.txt")) == expected


@pytest.mark.parametrize(
    ("name", "expected", "release"),
    [
        ("windows10-de", "Windows 10 Pro 22H2", "10"),
        ("windows11-fr", "Windows 11 Professionnel 23H2", "11"),
        ("windows10-2019", "Windows 10 Enterprise LTSC 2019 1809", "10"),
        ("server2022", "Windows Server 2022 Standard 21H2", None),
    ],
)
def test_windows_11_is_told_from_10_by_its_build(name, expected, release):
    found = operating_system.windows(values(f"currentversion-{name}.json"))
    assert found["name"] == expected
    assert found.get("release") == release


def test_a_windows_build_has_its_update():
    found = operating_system.windows(values("currentversion-windows11-fr.json"))
    assert found["version"] == "22631.4460"


# Addresses


def test_the_address_that_reaches_the_desk_is_first_and_marked():
    interfaces = {
        "lo": [(socket.AF_INET, "127.0.0.1")],
        "Ethernet": [
            (psutil.AF_LINK, "00-1A-2B-3C-4D-5E"),
            (socket.AF_INET, "192.168.56.1"),
            (socket.AF_INET6, "fe80::1%12"),
        ],
        "wlan0": [(psutil.AF_LINK, "aa:bb:cc:dd:ee:ff"), (socket.AF_INET, "10.1.2.3")],
        "off": [(socket.AF_INET, "10.9.9.9")],
    }
    found = addresses.addresses(interfaces, ["lo", "Ethernet", "wlan0"], "10.1.2.3")
    assert found == [
        {
            "address": "10.1.2.3",
            "interface": "wlan0",
            "mac": "aa:bb:cc:dd:ee:ff",
            "reaches": True,
        },
        {
            "address": "192.168.56.1",
            "interface": "Ethernet",
            "mac": "00:1a:2b:3c:4d:5e",
            "reaches": False,
        },
    ]


def test_the_route_to_the_desk_tells_the_address():
    assert addresses.reaching("127.0.0.1", 80) == "127.0.0.1"
    assert addresses.reaching("no.such.host.invalid", 80) == ""


# Accounts


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_quser_is_read_in_any_language(language):
    assert quser.parse(sample(f"quser-{language}.txt")) == [
        ("jane.doe", "console", "1"),
        ("administrator", "rdp-tcp#12", "3"),
        ("mary ann", "", "4"),
    ]


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_on_windows_console_and_remote_are_told_apart_and_nobody_sits_at_a_disconnected_one(
    language,
):
    users = [
        ("jane.doe", None, "", 1795334400.4),
        ("Administrator", None, "10.1.2.3", 1795338000.0),
        ("mary ann", None, "10.1.2.4", 1795300000.0),
    ]
    found = accounts.windows(
        users, quser.parse(sample(f"quser-{language}.txt")), {"jane.doe": "corp.example.net"}
    )
    assert found == [
        {
            "domain": "CORP",
            "name": "jane.doe",
            "kind": "console",
            "since": "2026-11-22T08:00:00.000Z",
            "session": "1",
        },
        {
            "domain": "",
            "name": "administrator",
            "kind": "remote",
            "since": "2026-11-22T09:00:00.000Z",
            "session": "3",
        },
    ]


def test_a_home_edition_without_quser_still_tells_who_is_there():
    found = accounts.windows([("jane", None, "", 0.0), ("bob", None, "10.0.0.9", 0.0)], [], {})
    assert [(row["name"], row["kind"]) for row in found] == [("jane", "console"), ("bob", "remote")]


def test_logind_tells_persons_and_no_greeters():
    found = loginctl.accounts(loginctl.parse(sample("loginctl-gnome.txt")), (1795334400, 5000))
    assert [(row["name"], row["kind"], row["since"]) for row in found] == [
        ("jane", "console", "2026-11-22T06:37:22.000Z"),
        ("root", "remote", "2026-11-22T07:54:10.000Z"),
    ]


def test_when_somebody_came_does_not_waver_with_the_clock():
    sessions = loginctl.parse(sample("loginctl-gnome.txt"))
    sessions[0]["Id"] = "steady"
    told = [
        loginctl.accounts(sessions[:1], (1795334400 + wavers, 5000))[0]["since"]
        for wavers in (0.49, 0.51, -0.4, 3600)
    ]
    assert told[0] == told[1] == told[2] != told[3]


def test_a_locked_screen_is_told():
    sessions = loginctl.parse(sample("loginctl-gnome.txt"))
    assert loginctl.locked(sessions) is True
    sessions[0]["LockedHint"] = "no"
    assert loginctl.locked(sessions) is False
    assert loginctl.locked(sessions[1:]) is None


def test_utmp_tells_terminals_of_the_screen_from_those_from_afar():
    rows = [
        ("jane", "console", "", 100.0),
        ("jane", "ttys001", "", 200.0),
        ("jane", "pts/1", "10.0.0.9", 300.0),
        ("jane", "pts/2", "tmux(812).%0", 400.0),
        ("jane", "tty7", ":0", 50.0),
    ]
    found = accounts.once(accounts.unix(rows))
    assert [(row["kind"], row["since"][14:19]) for row in found] == [
        ("console", "00:50"),
        ("remote", "05:00"),
    ]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("CORP\\jane", ("CORP", "jane")),
        ("corp\\jane", ("CORP", "jane")),
        ("jane@corp.example.net", ("CORP", "jane")),
        ("jane@CORP", ("CORP", "jane")),
        ("jane", ("", "jane")),
        ("@jane", ("", "@jane")),
    ],
)
def test_one_account_has_one_name(told, expected):
    assert account_names.normal(told) == expected


def test_an_account_of_this_computer_alone_has_its_name_for_a_domain(monkeypatch):
    monkeypatch.setattr(accounts, "local_names", lambda: {"root"})
    monkeypatch.setattr(accounts, "computer_name", lambda: "pc-17")
    found = accounts.with_domains([{"name": "root"}, {"name": "jane"}, {"name": "bob@corp.lan"}])
    assert found == [
        {"name": "root", "domain": "PC-17"},
        {"name": "jane", "domain": ""},
        {"name": "bob", "domain": "CORP"},
    ]


# Hardware


def test_the_processor_has_a_name_on_every_board():
    x86 = hardware.parse_cpuinfo(sample("cpuinfo-x86.txt"))
    assert x86 == "12th Gen Intel(R) Core(TM) i5-1235U"
    board = hardware.parse_cpuinfo(sample("cpuinfo-raspberry.txt"))
    assert board == "Raspberry Pi 4 Model B Rev 1.5"


def test_one_disk_mounted_twice_is_one_and_its_use_does_not_waver():
    rows = [
        hardware.disk("/var/snap", "/dev/sda1", 100_000, 50_123),
        hardware.disk("/", "/dev/sda1", 100_000, 50_499),
    ]
    assert hardware.once(rows) == [{"mount": "/", "total": 100_000, "used": 50_000}]


# Programs


def test_debian_s_list_leaves_out_what_was_removed():
    found = programs.tidy(programs.parse_packages(sample("dpkg.txt")))
    assert [(row["name"], row["version"]) for row in found] == [
        ("bash", "5.2.15-2+b7"),
        ("libc6:amd64", "2.36-9"),
        ("libc6:i386", "2.36-9"),
    ]
    assert found[0]["publisher"] == "Matthias Klose"


def test_fedora_s_and_arch_s_lists_are_read():
    assert programs.parse_packages(sample("rpm.txt")) == [
        {"name": "bash", "version": "5.2.32-1.fc41", "publisher": "Fedora Project"},
        {"name": "gpg-pubkey", "version": "105ef944-65ca83d1", "publisher": ""},
    ]
    assert [row["name"] for row in programs.parse_pacman(sample("pacman.txt"))] == [
        "bash",
        "firefox",
    ]


def test_windows_lists_neither_parts_of_itself_nor_updates():
    found = programs.tidy(programs.from_registry(values("uninstall-windows10.json")))
    assert [row["name"] for row in found] == ["7-Zip 24.08 (x64)", "Télécommande Café"]


def test_a_mac_s_application_is_read_from_its_bundle():
    data = (SAMPLES / "Info.plist").read_bytes()
    assert programs.parse_bundle(data, "x") == {
        "name": "Safari",
        "version": "18.1",
        "publisher": "Apple",
    }
    assert programs.parse_bundle(b"<plist>broken", "Thing")["name"] == "Thing"


# Ways to connect


@pytest.mark.parametrize(
    ("tool", "file", "expected"),
    [
        ("rustdesk", "RustDesk.toml", "123456789"),
        ("rustdesk", "RustDesk-encrypted.toml", ""),
        ("anydesk", "anydesk-system.conf", "987654321"),
        ("teamviewer", "teamviewer-global.conf", "456789012"),
    ],
)
def test_a_tool_s_id_is_read_and_nothing_else_of_its_file(tool, file, expected):
    assert remote.parse(tool, sample(file)) == expected


def test_teamviewer_s_id_is_found_wherever_windows_has_it():
    assert remote.from_teamviewer_keys([{}, {"Version": "15"}, {"ClientID": 456789012}]) == (
        "456789012"
    )
    assert remote.from_teamviewer_keys([{}]) is None


def test_the_tools_say_whether_they_run_and_where():
    ids = {"rustdesk": "123", "anydesk": None, "teamviewer": ""}
    found = remote.tools(ids, {"sshd", "rustdesk"}, {22, 443})
    assert found == [
        {"tool": "ssh", "id": "", "port": 22, "running": True},
        {"tool": "rustdesk", "id": "123", "port": None, "running": True},
        {"tool": "teamviewer", "id": "", "port": None, "running": False},
    ]


def test_windows_remote_desktop_counts_when_it_is_allowed_at_its_own_port():
    allowed, denied = {"fDenyTSConnections": 0}, {"fDenyTSConnections": 1}
    assert remote.tools({}, set(), {3390}, allowed, 3390) == [
        {"tool": "rdp", "id": "", "port": 3390, "running": True}
    ]
    assert remote.tools({}, set(), set(), denied, 3389) == []


def test_only_ports_that_others_reach_are_told():
    rows = [("127.0.0.1", 22), ("::1", 22), ("::ffff:127.0.0.1", 5901), ("0.0.0.0", 3389)]
    assert ports.open_to_others([*rows, ("::", 5900), ("fe80::1%eth0", 7070)]) == {3389, 5900, 7070}


# Together


def test_this_computer_tells_all_facts():
    facts = survey.full()
    wanted = "identity os disks memory cpu programs remote ports not_permitted"
    assert set(facts) == set(wanted.split())
    assert facts["identity"]["name"]
    assert not [word for word in facts["not_permitted"] if "failed" in word]
    json.dumps(facts)


def test_the_facts_of_an_idle_computer_do_not_change():
    assert survey.digest(survey.full()) == survey.digest(survey.full())


def test_a_fact_that_fails_costs_no_other(monkeypatch):
    def fail(_missing):
        raise RuntimeError("a strange PC")

    def forbid(_missing):
        raise PermissionError(13, "no")

    monkeypatch.setitem(survey.FULL, "programs", fail)
    monkeypatch.setitem(survey.FULL, "identity", forbid)
    facts = survey.full()
    assert (facts["programs"], facts["identity"]) == ([], {})
    assert {"programs (failed)", "identity"} <= set(facts["not_permitted"])
    assert facts["cpu"]["cores"] >= 1


def test_the_beat_is_small():
    beat = survey.beat("127.0.0.1", 80)
    assert set(beat) == {"addresses", "accounts", "booted_at", "locked", "cpu", "memory"}
    assert len(json.dumps(beat)) < 8000
