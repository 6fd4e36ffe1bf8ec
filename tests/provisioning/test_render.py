import re
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from passlib.hash import md5_crypt

from provisioning.errors import ProvisioningError, UnknownModelError, UnsafeValueError
from provisioning.limits import LIMITS
from provisioning.model import Secrets
from provisioning.registry import registry
from provisioning.render import carriable, render
from provisioning.settings import CATALOGUE
from tests.provisioning.phones import SECRETS, URL, make_phone
from tests.provisioning.readers import account, read

HERE = Path(__file__).parent
KNOWN_KEYS = {"fanvil": "fanvil-x1sg.txt", "audiocodes": "audiocodes-405hd.txt"}
EVERY_BRANCH = {
    "tone.country": "BR",
    "sip.dtmf": "rfc2833",
    "sip.codecs": "PCMA,G729",
    "sip.proxy.host": "sbc.example.net",
    "voicemail.number": "*97",
    "vlan.enabled": "yes",
    "syslog.server": "10.0.0.9",
}


def values_of(key, *args, **kwargs):
    return read(registry().model(key), render(make_phone(key, *args, **kwargs)).body)


def first_of_each_family():
    models = registry().models
    return {(model.vendor.key, model.family): key for key, model in reversed(models.items())}


GOLDEN = {path.stem: path for path in (HERE / "golden").iterdir()}


@pytest.mark.parametrize("key", sorted(GOLDEN.keys() | first_of_each_family().values()))
def test_the_file_of_a_model_is_the_golden_one(key, request):
    model = registry().model(key)
    names = {"display_name": "Recepção & Cia", "label": "Balcão"}
    body = render(make_phone(key, fields=names, numbers=range(1, min(model.lines, 2) + 1))).body
    ending = "xml" if model.format.content_type.startswith("text/xml") else "cfg"
    golden = HERE / "golden" / f"{key}.{ending}"
    if request.config.getoption("--update", default=False):
        golden.write_bytes(body)
    assert body == golden.read_bytes()


def test_every_vendor_has_golden_files_of_two_models():
    for vendor in registry().vendors.values():
        own = [key for key, model in registry().models.items() if model.vendor is vendor]
        assert len(GOLDEN.keys() & set(own)) >= min(2, len(own)), vendor.name


@pytest.mark.parametrize("key", [k for k in registry().models if k.split("-")[0] in KNOWN_KEYS])
@pytest.mark.parametrize("changes", [{}, EVERY_BRANCH, {"provisioning.mode": "dhcp"}])
def test_only_names_of_a_real_export_are_written(key, changes):
    known = (HERE / "known_keys" / KNOWN_KEYS[key.split("-")[0]]).read_text().splitlines()
    written = values_of(key, changes, numbers=(1, 2))
    assert {re.sub(r"(?<=[./])\d+(?=[./])", "N", name) for name in written} - set(known) == set()


@pytest.mark.parametrize("key", registry().models)
def test_every_line_of_a_model_is_written_with_its_own_account(key):
    model = registry().model(key)
    numbers = range(1, model.lines + 1)
    body = render(make_phone(key, numbers=numbers)).body
    for number in numbers:
        said = account(model, body, number)
        assert (said["user"], said["password"]) == (str(1000 + number), f"p&w<{number}")


@pytest.mark.parametrize("key", registry().models)
def test_no_factory_password_and_no_time_stamp_is_written(key):
    body = render(make_phone(key)).body
    assert body == render(make_phone(key)).body
    assert not re.search(rb"assword[^>=]*[>=](admin|guest|user|1234?)\b", body)
    assert b"2026" not in body


@pytest.mark.parametrize("key", registry().models)
def test_a_phone_gets_its_own_web_password_or_its_model_says_that_it_does_not(key):
    model = registry().model(key)
    written = SECRETS.admin_password in render(make_phone(key)).body.decode()
    if written != (LIMITS["web-password"] not in model.limits):
        hashed = any(value.startswith("$1$") for value in values_of(key).values())
        assert hashed and LIMITS["web-password"] not in model.limits


def test_a_fanvil_gets_what_its_predecessor_gave_it():
    said = values_of("fanvil-x1sg", url="")
    wanted = {
        "Version": "2.0000000000",
        "sip.line.1.PhoneNumber": "1001",
        "sip.line.1.DisplayName": "1001",
        "sip.line.1.RegisterUser": "1001",
        "sip.line.1.RegisterPswd": "p&w<1",
        "sip.line.1.RegisterAddr": "pbx.example.net",
        "sip.line.1.RegisterPort": "5060",
        "sip.line.1.RegisterTTL": "3600",
        "sip.line.1.EnableReg": "1",
        "sip.line.1.ProxyAddr": "",
        "sip.line.1.ProxyPort": "5060",
        "sip.line.1.Transport": "0",
        "sip.line.1.SignalPort": "5816",
        "sip.line.1.DTMFMode": "3",
        "sip.line.1.NATUDPUpdate": "2",
        "sip.line.1.UDPUpdateTTL": "30",
        "sip.line.1.VoiceCodecMap": "PCMU,PCMA,G726-32,G729,iLBC,G722",
        "sip.line.2.EnableReg": "0",
        "phone.display.DefaultLanguage": "pt",
        "phone.date.SNTPServer": "200.160.7.186",
        "phone.date.SecondSNTPServer": "time.nist.gov",
        "phone.date.TimeZone": "-12",
        "phone.date.TimeZoneName": "UTC-3",
        "phone.timeDisplay.DateDisplayStyle": "5",
        "ap.opt.DHCPOption": "66",
        "ap.FlashProtocol": "2",
        "ap.FlashMode": "0",
    }
    assert {name: said[name] for name in wanted} == wanted


def test_the_fanvil_sbc_variant_differs_by_its_proxy_only():
    plain, sbc = values_of("fanvil-x1sg"), values_of("fanvil-x1sg-sbc")
    assert plain.keys() == sbc.keys()
    assert {name: sbc[name] for name in plain if plain[name] != sbc[name]} == {
        "sip.line.1.ProxyAddr": "sbc-ac-access.voicemanager.cloud",
        "sip.line.1.ProxyPort": "5064",
    }


def test_another_sbc_host_changes_the_next_file():
    said = values_of("fanvil-x1sg-sbc", {"sip.proxy.host": "sbc.example.net"})
    assert said["sip.line.1.ProxyAddr"] == "sbc.example.net"


# All 35 lines the predecessor wrote.
AUDIOCODES = {
    "voip/line/0/enabled": "1",
    "voip/line/0/id": "1001",
    "voip/line/0/auth_name": "1001",
    "voip/line/0/auth_password": "p&w<1",
    "voip/line/0/description": "1001",
    "voip/line/0/line_mode": "PRIVATE",
    "voip/line/0/group": "0",
    "voip/line/0/extension_display": "",
    "voip/line/0/do_not_disturb/activated": "0",
    "voip/line/0/call_forward/active": "0",
    "voip/line/0/call_forward/enabled": "1",
    "voip/line/0/call_forward/type": "NO_REPLY",
    "voip/line/0/call_forward/timeout": "6",
    "voip/line/0/call_forward/destination": "",
    "voip/line/0/shared_call_appearance/call_info_expiration_timeout": "3600",
    "voip/line/0/shared_call_appearance/call_info_subscription_failed_timeout": "60",
    "voip/line/0/shared_call_appearance/line_seize_expiration_timeout": "15",
    "voip/line/0/shared_call_appearance/speed_dial_delay": "2",
    "voip/line/0/shared_call_appearance/waiting_to_line_seize_tone": "SILENCE",
    "voip/signalling/sip/sip_registrar/addr": "pbx.example.net",
    "voip/signalling/sip/sip_registrar/port": "5060",
    "voip/signalling/sip/sip_registrar/enabled": "1",
    "personal_settings/soft_keys/ongoing_call/0/key_function": "TRANSFER",
    "personal_settings/soft_keys/ongoing_call/0/psk_index": "0",
    "personal_settings/soft_keys/ongoing_call/1/key_function": "BLIND_TRANSFER",
    "personal_settings/soft_keys/ongoing_call/1/psk_index": "0",
    "personal_settings/soft_keys/ongoing_call/2/key_function": "CONF",
    "personal_settings/soft_keys/ongoing_call/2/psk_index": "0",
    "personal_settings/soft_keys/ongoing_call/3/key_function": "END",
    "system/ntp/enabled": "1",
    "system/ntp/date_display_format": "AMERICAN",
    "system/ntp/gmt_offset": "-03:00",
    "system/ntp/primary_server_address": "a.st1.ntp.br",
    "system/ntp/secondary_server_address": "b.st1.ntp.br",
    "personal_settings/language": "PORTUGUESEBRAZILIAN",
}


def test_an_audiocodes_gets_the_35_lines_its_predecessor_gave_it():
    said = values_of("audiocodes-405hd")
    assert len(AUDIOCODES) == 35
    assert {name: said[name] for name in AUDIOCODES} == AUDIOCODES


SIP = "voip/signalling/sip"
SERVICES = "voip/services"


def test_the_audiocodes_sbc_variant_differs_as_broadsoft_wants_it():
    plain, sbc = values_of("audiocodes-405hd"), values_of("audiocodes-405hd-sbc")
    assert {name: value for name, value in sbc.items() if plain.get(name) != value} == {
        "voip/line/0/extension_display": "1001",
        f"{SIP}/use_proxy": "1",
        f"{SIP}/proxy_address": "pbx.example.net",
        f"{SIP}/proxy_port": "65535",
        f"{SIP}/use_proxy_ip_port_for_registrar": "1",
        f"{SIP}/sip_outbound_proxy/enabled": "1",
        f"{SIP}/sip_outbound_proxy/addr": "sbc.voicemanager.cloud",
        f"{SIP}/sip_outbound_proxy/port": "65535",
        f"{SIP}/outgoing_request_no_response_timeout_ms": "3500",
        f"{SIP}/failback_retry_timeout": "",
        f"{SERVICES}/application_server_type": "BSFT",
        "system/feature_key_synchronization/enabled": "1",
        f"{SERVICES}/conference/mode": "REMOTE",
        f"{SERVICES}/conference/conf_ms_addr": "conf_nway@pbx.example.net",
        "voip/auto_answer/enabled": "1",
        "voip/talk_event/enabled": "1",
        f"{SERVICES}/sk_reject_code": "486",
        f"{SERVICES}/other_reject_code": "486",
        f"{SERVICES}/notify/check_sync/force_reboot_enabled": "1",
        f"{SERVICES}/busy_lamp_field/enabled": "0",
        f"{SERVICES}/msg_waiting_ind/enabled": "0",
        f"{SERVICES}/msg_waiting_ind/subscribe": "0",
        f"{SERVICES}/msg_waiting_ind/subscribe_address": "1001",
        f"{SERVICES}/msg_waiting_ind/voice_mail_number": "",
        "network/lan/dhcp/ntp/gmt_offset/enabled": "0",
        "system/ntp/primary_server_address": "200.160.0.8",
        "system/ntp/secondary_server_address": "200.189.40.8",
    }
    gone = re.compile(
        r"voip/line/0/(call_forward/|shared_call_appearance/|line_mode$|group$)"
        r"|voip/signalling/sip/sip_registrar/"
        r"|system/ntp/(enabled|date_display_format)$"
    )
    assert plain.keys() - sbc.keys() == {name for name in plain if gone.match(name)}
    assert sbc["voip/line/1/enabled"] == "0"
    assert sbc["voip/line/1/auth_password"] == ""


def test_no_value_of_the_sbc_variant_ends_in_a_blank():
    assert [v for v in values_of("audiocodes-405hd-sbc").values() if v != v.strip()] == []


def test_audiocodes_passwords_are_md5_crypt_and_the_same_each_time():
    said = values_of("audiocodes-405hd")
    assert md5_crypt.verify(SECRETS.admin_password, said["system/password"])
    assert md5_crypt.verify(SECRETS.user_password, said["system/web_user_password"])


def test_fanvil_passwords_are_the_phones_own():
    said = values_of("fanvil-x1sg")
    assert said["web.account.1.Password"] == SECRETS.admin_password
    assert said["web.account.2.Password"] == SECRETS.user_password
    assert said["phone.MenuPassword"] == said["phone.KeyLockPassword"] == SECRETS.menu_pin


def test_a_flyingvoice_gets_what_its_predecessor_gave_it():
    said = values_of("flyingvoice-fip14g")
    assert said["DBID_SIP_ENABLE"].split("\t") == ["1"] + ["0"] * 19
    assert said["DBID_LCD_LANGUAGE"] == "14"
    assert said["TZ"] == "EBS_-03"


@pytest.mark.parametrize(("scheme", "protocol"), [("http", "4"), ("https", "5")])
def test_a_fanvil_comes_back_to_its_address_at_every_boot(scheme, protocol):
    said = values_of("fanvil-x1sg", url=f"{scheme}://desk:8000/p/Key/")
    assert said["ap.FlashServerIP"] == f"{scheme}://desk:8000/p/Key"
    assert said["ap.FlashFileName"] == "0c383e000001.cfg"
    assert (said["ap.FlashProtocol"], said["ap.FlashMode"]) == (protocol, "1")


def test_an_audiocodes_comes_back_to_its_address():
    said = values_of("audiocodes-405hd")
    assert said["provisioning/method"] == "STATIC"
    assert said["provisioning/configuration/url"] == URL + "0c383e000001.cfg"


@pytest.mark.parametrize(("changes", "url"), [({"provisioning.mode": "dhcp"}, URL), ({}, "")])
def test_a_phone_is_left_to_dhcp_when_told_so_or_without_an_address(changes, url):
    fanvil = values_of("fanvil-x1sg", changes, url=url)
    assert (fanvil["ap.FlashServerIP"], fanvil["ap.FlashMode"]) == ("", "0")
    assert values_of("audiocodes-405hd", changes, url=url)["provisioning/method"] == "DYNAMIC"


@pytest.mark.parametrize(
    ("zone", "quarters", "offset"),
    [("UTC", "0", "+00:00"), ("UTC+5:45", "23", "+05:45"), ("UTC-3:30", "-14", "-03:30")],
)
def test_each_vendor_writes_the_time_zone_its_own_way(zone, quarters, offset):
    changes = {"time.zone": zone}
    fanvil = values_of("fanvil-x1sg", changes)
    assert (fanvil["phone.date.TimeZone"], fanvil["phone.date.TimeZoneName"]) == (quarters, zone)
    assert values_of("audiocodes-405hd", changes)["system/ntp/gmt_offset"] == offset
    assert "TZ" not in values_of("flyingvoice-fip14g", changes)


def test_a_language_the_phone_does_not_have_is_left_out():
    assert "personal_settings/language" not in values_of("audiocodes-405hd", {"language": "hr"})
    assert "phone.display.DefaultLanguage" not in values_of("fanvil-x1sg", {"language": "lv"})


def test_audiocodes_codecs_come_in_order_and_the_rest_is_switched_off():
    said = values_of("audiocodes-405hd", {"sip.codecs": "opus,iLBC,PCMA"})
    codecs = [said.get(f"voip/codec/codec_info/{i}/name") for i in range(5)]
    assert codecs == ["OPUS", "PCMA", None, None, None]
    assert [said[f"voip/codec/codec_info/{i}/enabled"] for i in range(5)] == list("11000")


@pytest.mark.parametrize("key", registry().models)
def test_every_choice_of_every_setting_can_be_rendered(key):
    for setting in CATALOGUE.values():
        for choice in setting.choices:
            render(make_phone(key, {setting.key: choice}))


def test_a_forgotten_setting_is_an_error_and_not_an_empty_value():
    phone = make_phone("fanvil-x1sg")
    settings = {key: value for key, value in phone.settings.items() if key != "ntp.server"}
    with pytest.raises(UndefinedError, match="ntp"):
        render(replace(phone, settings=settings))


def test_a_refused_value_is_named_without_being_shown():
    phone = make_phone("audiocodes-405hd", fields={"password": "se\ncret"})
    with pytest.raises(UnsafeValueError) as refused:
        render(phone)
    assert refused.value.params["field"] == "lines.1.password"
    assert "control character" in str(refused.value)
    assert "cret" not in str(refused.value)


def test_audiocodes_refuses_what_it_would_read_as_encrypted():
    model = registry().model("audiocodes-405hd")
    assert "encrypted" in carriable(model, '{"c2VjcmV0"}')
    assert carriable(model, "{c2VjcmV0}") is None
    assert carriable(registry().model("fanvil-x1sg"), '{"c2VjcmV0"}') is None


@pytest.mark.parametrize("value", [" secret", "secret "])
def test_a_blank_at_either_end_is_refused_where_a_phone_may_trim_it(value):
    assert "blank" in carriable(registry().model("audiocodes-405hd"), value)
    assert "blank" in carriable(registry().model("flyingvoice-fip14g"), value)
    assert carriable(registry().model("fanvil-x1sg"), value) is None


def test_a_line_the_phone_does_not_have_is_refused():
    with pytest.raises(ProvisioningError, match="2 lines"):
        render(make_phone("fanvil-x1sg", numbers=(3,)))


def test_two_accounts_on_one_line_are_refused():
    with pytest.raises(ProvisioningError, match="same line"):
        render(make_phone("fanvil-x1sg", numbers=(1, 1)))


def test_two_servers_are_refused_where_the_phone_knows_one():
    def mixed(key):
        phone = make_phone(key, numbers=(1, 2))
        second = replace(phone.lines[1], server=replace(phone.lines[1].server, host="other"))
        return replace(phone, lines=(phone.lines[0], second))

    with pytest.raises(ProvisioningError, match="one SIP server"):
        render(mixed("audiocodes-405hd"))
    assert b"other" in render(mixed("fanvil-x1sg")).body


def test_a_phone_without_passwords_of_its_own_is_refused():
    with pytest.raises(ProvisioningError, match="no passwords"):
        render(replace(make_phone("fanvil-x1sg"), secrets=Secrets("a", "", "1")))


@pytest.mark.parametrize("password", ["with symbols!", "é" * 8, "x" * 40])
def test_a_password_a_fanvil_would_not_take_is_refused(password):
    secrets = Secrets("Adm1n", password, "4711")
    with pytest.raises(UnsafeValueError, match="letters and digits") as refused:
        render(replace(make_phone("fanvil-x1sg"), secrets=secrets))
    assert refused.value.params["field"] == "secrets.user_password"


def test_a_phone_without_lines_gets_all_of_them_switched_off():
    assert b"<EnableReg>1" not in render(make_phone("fanvil-x1sg", numbers=())).body
    assert b"enabled=0" in render(make_phone("audiocodes-405hd-sbc", numbers=())).body


def test_an_unknown_model_is_refused():
    with pytest.raises(UnknownModelError):
        render(replace(make_phone("fanvil-x1sg"), model="fanvil-x0"))


def test_the_rendered_file_says_what_it_is():
    fanvil, audiocodes = (render(make_phone(k)) for k in ("fanvil-x1sg", "audiocodes-405hd"))
    assert fanvil.content_type == "text/xml; charset=utf-8"
    assert audiocodes.content_type == "text/plain; charset=utf-8"
    assert re.fullmatch("[0-9a-f]{12}", fanvil.version)
    assert fanvil.version != audiocodes.version


def test_a_yealink_refuses_its_word_for_the_factorys_value():
    model = registry().model("yealink-t46s")
    assert "factory" in carriable(model, "%NULL%")
    assert carriable(model, "%NULL%s") is None


@pytest.mark.parametrize("key", ["cisco-spa504g", "yealink-t46s"])
def test_a_phone_that_trims_is_given_no_blanks_at_the_ends(key):
    assert "blank" in carriable(registry().model(key), "secret ")


def test_an_ipv6_server_stands_in_brackets_before_its_port():
    said = values_of("snom-d785", fields={"host": "2001:db8::7"})
    assert said["user_host", "1"] == "[2001:db8::7]:5060"


@pytest.mark.parametrize(("scheme", "number"), [("http", "1"), ("https", "2")])
def test_a_grandstream_gets_its_address_without_the_scheme(scheme, number):
    said = values_of("grandstream-gxp1628", url=f"{scheme}://desk:8000/p/Key/")
    assert (said["P212"], said["P237"]) == (number, "desk:8000/p/Key")


def test_a_grandstream_counts_a_registration_in_minutes():
    assert values_of("grandstream-gxp1628", {"sip.expires": "30"})["P32"] == "1"
    assert values_of("grandstream-gxp1628", {"sip.expires": "1800"})["P32"] == "30"


@pytest.mark.parametrize("key", first_of_each_family().values())
def test_a_phone_left_to_dhcp_is_not_told_the_address_of_its_site(key):
    assert b"SiteKey" not in render(make_phone(key, {"provisioning.mode": "dhcp"})).body


@pytest.mark.parametrize(
    ("key", "name", "value"),
    [
        ("yealink-t46s", "local_time.time_zone", "-3"),
        ("poly-vvx400", "tcpIpApp.sntp.gmtOffset", "-10800"),
        ("cisco-8841", "Time_Zone", "GMT-03:00"),
        ("htek-uc926", "P64", "30"),
        ("gigaset-n870", "DmGlobal.0.TimeZone", "America/Sao_Paulo"),
    ],
)
def test_the_time_zone_is_said_in_each_vendors_words(key, name, value):
    assert values_of(key)[name] == value


def test_a_zone_a_vendor_has_no_word_for_leaves_the_phones_own():
    assert "timezone" not in values_of("snom-d785", {"time.zone": "UTC+5:45"})
    assert "Time_Zone" not in values_of("cisco-8841", {"time.zone": "UTC+5:45"})
