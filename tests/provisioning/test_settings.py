import pytest

from provisioning.errors import SettingError
from provisioning.model import SipServer
from provisioning.registry import registry
from provisioning.settings import (
    CATALOGUE,
    Effective,
    Layer,
    effective_server,
    offset_minutes,
    parse,
    resolve,
    values,
)


def test_every_default_is_a_value_its_own_setting_accepts():
    for setting in CATALOGUE.values():
        assert parse(setting.key, str(setting.default)) == setting.default


def test_settings_of_one_group_stand_together():
    groups = [setting.group for setting in CATALOGUE.values()]
    assert [g for g, before in zip(groups, [None, *groups], strict=False) if g != before] == list(
        dict.fromkeys(groups)
    )


def test_every_setting_changes_the_file_of_some_model():
    heeded = [model.settings for model in registry().models.values()]
    assert frozenset().union(*heeded) == set(CATALOGUE)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("sip.port", " 5064 ", 5064),
        ("sip.transport", "TLS", "tls"),
        ("time.format24", "no", False),
        ("time.format24", "1", True),
        ("language", "PT-br", "pt-BR"),
        ("ntp.server", "2001:db8::1", "2001:db8::1"),
        ("ntp.server2", "", ""),
        ("sip.codecs", "pcmu, OPUS", "PCMU,opus"),
        ("tone.country", "", ""),
        ("display.title", "Recepção & Cia", "Recepção & Cia"),
    ],
)
def test_text_becomes_the_value_its_kind_means(key, text, value):
    assert parse(key, text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("sip.port", "0"),
        ("sip.port", "65536"),
        ("sip.port", "٥٠٦٠"),
        ("sip.expires", "29"),
        ("vlan.id", "4095"),
        ("time.format24", "maybe"),
        ("ntp.server", "two words"),
        ("ntp.server", "http://ntp/"),
        ("time.zone", "UTC+15"),
        ("sip.codecs", "PCMU,MP3"),
        ("display.title", "a\nb"),
        ("no.such", "1"),
    ],
)
def test_what_a_setting_does_not_accept_is_refused_with_its_name(key, text):
    with pytest.raises(SettingError) as refused:
        parse(key, text)
    assert refused.value.params["key"] == key
    assert "%(" not in str(refused.value)


def test_the_most_specific_layer_wins_and_says_so():
    found = resolve(
        [
            Layer("vendor", {"language": "fr", "sip.port": "5070"}),
            Layer("site", {"language": "de"}),
        ]
    )
    assert found["language"] == Effective("de", "site")
    assert found["sip.port"] == Effective(5070, "vendor")
    assert found["lldp.enabled"] == Effective(True, "default")
    assert list(found) == list(CATALOGUE)


def test_a_server_takes_from_the_settings_what_its_profile_leaves_open():
    settings = values(registry().model("fanvil-x1sg-sbc").layers())
    server = effective_server("pbx", {"transport": "tcp", "port": None}, settings)
    sbc = "sbc-ac-access.voicemanager.cloud"
    assert server == SipServer("pbx", 5060, "tcp", sbc, 5064, 3600)


def test_a_server_profile_can_do_without_the_models_proxy():
    settings = values(registry().model("fanvil-x1sg-sbc").layers())
    assert effective_server("pbx", {"proxy_host": ""}, settings).proxy_host == ""


@pytest.mark.parametrize(
    ("zone", "minutes"), [("UTC", 0), ("UTC-3", -180), ("UTC-3:30", -210), ("UTC+5:45", 345)]
)
def test_a_zone_is_so_many_minutes_from_utc(zone, minutes):
    assert offset_minutes(zone) == minutes


def test_every_zone_is_a_whole_number_of_quarter_hours():
    assert all(offset_minutes(zone) % 15 == 0 for zone in CATALOGUE["time.zone"].choices)
