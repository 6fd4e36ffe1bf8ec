import re
import shutil
from pathlib import Path

import pytest

from provisioning.errors import SettingError, UnknownModelError
from provisioning.registry import VENDORS, Registry, registry
from provisioning.render import render
from tests.provisioning.phones import make_phone

DOCS = Path(__file__).parents[2] / "docs" / "vendors.md"


def example(language):
    """Return the page's only block in that language."""
    (block,) = re.findall(
        rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL
    )
    return block


ACME = example("toml")


@pytest.fixture
def acme(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "vendor.toml").write_text(ACME)
    (folder / "a.j2").write_text(example("jinja"))
    return folder


def test_a_new_vendor_is_a_new_folder(acme):
    models = Registry.load(extra=[acme.parent])
    assert models.vendor_of("aabbcc000001").name == "Acme"
    assert models.model("acme-a1").files("aabbcc00000f") == ("acme-AABBCC00000F.ini",)
    assert render(make_phone("acme-a1", models=models), models).body == b"user=1001\n"
    assert "fanvil-x1sg" in models.models


def test_a_family_can_have_file_names_of_its_own(acme):
    toml = ACME.replace("lines = 1", 'lines = 1, data = { type = "A1" }')
    toml = toml.replace("[families.a]", '[families.a]\nfiles = ["acme{type}-{mac}.ini"]')
    (acme / "vendor.toml").write_text(toml)
    models = Registry.load(acme.parent)
    assert models.model("acme-a1").files("aabbcc00000f") == ("acmeA1-aabbcc00000f.ini",)
    assert models.vendors["acme"].files == ("acmeA1-{mac}.ini",)


def test_the_vendor_in_the_handbook_works(tmp_path):
    handbook = Path(__file__).parents[2] / "docs" / "development.md"
    parts = re.findall(
        r"(?:# |{# )provisioning/vendors/(\S+)(?: #})?\n(.*?)```", handbook.read_text(), re.S
    )
    for name, text in parts:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert [name for name, text in parts] == ["acme/vendor.toml", "acme/a.j2"]
    models = Registry.load(extra=[tmp_path])
    assert render(make_phone("acme-a1", models=models), models).body == b"user=1001\n"


def test_a_new_vendors_quirks_reach_its_templates(acme):
    (acme / "quirks.py").write_text("def values(phone):\n    return {'tail': phone.mac[-6:]}\n")
    (acme / "a.j2").write_text("tail={{ tail }}\n")
    models = Registry.load(extra=[acme.parent])
    assert render(make_phone("acme-a1", models=models), models).body == b"tail=000001\n"


def test_a_line_of_toml_adds_a_model(tmp_path):
    shutil.copytree(VENDORS / "fanvil", tmp_path / "fanvil")
    with (tmp_path / "fanvil" / "vendor.toml").open("a") as toml:
        toml.write('fanvil-x9 = { name = "Fanvil X9", family = "sysconf", lines = 3 }\n')
    models = Registry.load(tmp_path)
    body = render(make_phone("fanvil-x9", numbers=(3,), models=models), models).body
    assert body.count(b"<EnableReg>0</EnableReg>") == 2


def test_the_version_changes_with_the_template(acme):
    before = Registry.load(acme.parent).vendors["acme"].version
    (acme / "a.j2").write_text("user={{ first.user }};\n")
    assert Registry.load(acme.parent).vendors["acme"].version != before


def test_a_vendor_cannot_default_a_setting_that_does_not_exist(acme):
    (acme / "vendor.toml").write_text('defaults = { "no.such" = 1 }\n' + ACME)
    with pytest.raises(SettingError, match=r"no\.such"):
        Registry.load(acme.parent)


def test_two_models_cannot_share_a_name(acme):
    (acme / "vendor.toml").write_text(ACME + 'a-1 = { name = "A1", family = "a", lines = 1 }\n')
    with pytest.raises(ValueError, match="a1 means"):
        Registry.load(acme.parent)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("FanvilX1SG", "fanvil-x1sg"),
        ("X1SG", "fanvil-x1sg"),
        ("fanvil-x1sg", "fanvil-x1sg"),
        ("Fanvil X1SG SBC/voice", "fanvil-x1sg-sbc"),
        ("FanvilX1SG voice", "fanvil-x1sg-sbc"),
        ("X1S/X1SP", "fanvil-x1s"),
        ("x3u pro", "fanvil-x3u-pro"),
        ("AudioCode-405HD", "audiocodes-405hd"),
        ("AudioCode 405HD voice", "audiocodes-405hd-sbc"),
        ("405hd", "audiocodes-405hd"),
        ("405", "audiocodes-405"),
        ("440HDG", "audiocodes-440hd"),
        ("FlyingVoice FIP14G", "flyingvoice-fip14g"),
        ("Yealink T46S", "yealink-t46s"),
        ("SIP-T46S", "yealink-t46s"),
        ("Polycom VVX_400", "poly-vvx400"),
        ("SPIP_335", "poly-spip335"),
        ("SoundPoint IP 335", "poly-spip335"),
        ("Linksys SPA-942", "cisco-spa942"),
        ("CP-8841-3PCC", "cisco-8841"),
        ("Gigaset N870 IP PRO", "gigaset-n870"),
        ("GRP2612P", "grandstream-grp2612"),
        ("snomD785", "snom-d785"),
        ("T19P_E2", "yealink-t19p-e2"),
    ],
)
def test_a_model_is_found_by_what_people_call_it(name, key):
    assert registry().find(name).key == key


def test_a_name_nobody_uses_finds_nothing():
    assert registry().find("T1000") is None
    assert registry().find("") is None


def test_an_unknown_model_is_named_in_the_error():
    with pytest.raises(UnknownModelError, match="acme-a1"):
        registry().model("acme-a1")


@pytest.mark.parametrize(
    ("mac", "vendor"),
    [
        ("0c383e000001", "fanvil"),
        ("00a859000001", "fanvil"),
        ("00908f000001", "audiocodes"),
        ("0021f2000001", "flyingvoice"),
        ("789912000001", "flyingvoice"),
    ],
)
def test_the_first_half_of_a_mac_says_whose_it_is(mac, vendor):
    assert registry().vendor_of(mac).key == vendor


def test_a_foreign_mac_is_nobodys():
    assert registry().vendor_of("020000000001") is None


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("fanvil-x1sg", ("0c383e00000a.cfg", "0C383E00000A.cfg")),
        ("audiocodes-405hd", ("0C383E00000A.cfg", "0c383e00000a.cfg")),
        ("flyingvoice-fip14g", ("0c383e00000a", "0c383e00000a.cfg")),
    ],
)
def test_a_model_knows_the_names_of_its_file(key, names):
    assert set(names) <= set(registry().model(key).files("0c383e00000a"))


AUDC = "AUDC-IPPhone"
MAC = "00:21:F2:22:AE:F1"
YEA = "00:15:65:4a:a9:37"
GS = "Grandstream Model"
GSM = "000b828aa872"
POLY = "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 (SN:0004f2abcdef)"
HTEK = "00:1f:c1:1c:22:a9"
GIGA = "N870 IP PRO/83.V2.11.0+build.a546b91"
SNOM = "Mozilla/4.0 (compatible; snom"
SNOM_D785 = (
    f"{SNOM}D785-SIP 10.1.169.16 2010.12-00001-gd311851f1 (Feb 25 2019 - 14:19:43) "
    "00041396D9B4 SXM:0 UXM:0 UXMC:0)"
)
SNOM_710 = f"{SNOM}710-SIP 8.7.5.35 1.1.5-IFX-05.01.12 000413741767)"
AGENTS = [
    ("Fanvil X6U Pro 0.0.10 0c383e2cd782", "fanvil", "X6U Pro", "0.0.10", "0c383e2cd782"),
    ("Fanvil X5U-V2 2.12.16 0c383e557eb1", "fanvil", "X5U-V2", "2.12.16", "0c383e557eb1"),
    (f"{AUDC}/2.2.8 (440HDG-Rev0; 00908F602AAC)", "audiocodes", "440HDG", "2.2.8", "00908F602AAC"),
    (f"{AUDC}/2.0_b15 (420HD; 00908F3BBCBA)", "audiocodes", "420HD", "2.0_b15", "00908F3BBCBA"),
    (f"AUDC/3.4.6 {AUDC}-C450HD_UC_3.4.6/1", "audiocodes", "C450HD", "3.4.6", None),
    (f"{AUDC}-430HD_UC_2.0.13/1.0.0000.0", "audiocodes", "430HD", "2.0.13", None),
    (f"Yealink SIP-T46G 28.83.0.120 {YEA}", "yealink", "T46G", "28.83.0.120", YEA),
    (f"Yealink SIP-T38G  38.70.0.125 {YEA}", "yealink", "T38G", "38.70.0.125", YEA),
    (f"yealink SIP-T18 18.0.0.80 {YEA}", "yealink", "T18", "18.0.0.80", YEA),
    ("Yealink SIP-T56A 58.80.0.25 001565f429a4", "yealink", "T56A", "58.80.0.25", "001565f429a4"),
    ("Yealink CP960 73.80.0.25 001565f429a4", "yealink", "CP960", "73.80.0.25", "001565f429a4"),
    (f"{GS} HW GXP2135 SW 1.0.7.97 DevId 000b828aa872", "grandstream", "GXP2135", "1.0.7.97", GSM),
    (f"{GS} HW GXP2200 V2.2A SW 1.0.3.27 DevId {GSM}", "grandstream", "GXP2200", "1.0.3.27", GSM),
    (f"{POLY} Type/Application", "poly", "VVX_400", "4.1.4.7430", "0004f2abcdef"),
    ("PolycomSoundPointIP-SPIP_335-UA/4.0.4.2906", "poly", "SPIP_335", "4.0.4.2906", None),
    ("Cisco/SPA508G-7.4.4 (0002FDFF2103)(C1)", "cisco", "SPA508G", "7.4.4", "0002FDFF2103"),
    ("Cisco/SPA525G-7.4.4 (CBT141900G7)", "cisco", "SPA525G", "7.4.4", None),
    ("Linksys/SPA-942-6.1.5(a) (88019FA42805)", "cisco", "SPA-942", "6.1.5(a)", "88019FA42805"),
    ("Cisco-CP-7832-3PCC/11.0.1 (00562b043615)", "cisco", "7832", "11.0.1", "00562b043615"),
    (f"Htek UC903 2.0.4.2 {HTEK}", "htek", "UC903", "2.0.4.2", HTEK),
    (f"Gigaset {GIGA};7C2F80E0D605", "gigaset", "N870 IP PRO", GIGA[12:], "7C2F80E0D605"),
    (SNOM_D785, "snom", "D785", "10.1.169.16", "00041396D9B4"),
    (SNOM_710, "snom", "710", "8.7.5.35", "000413741767"),
    (f"W52P 25.30.0.2 {YEA}", "yealink", "W52P", "25.30.0.2", YEA),
    (f"Flyingvoice FIP13G V0.6.24 {MAC}", "flyingvoice", "FIP13G", "0.6.24", MAC),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "vendor", "model", "firmware", "mac"), AGENTS)
def test_a_real_user_agent_is_understood_by_its_vendor_alone(agent, vendor, model, firmware, mac):
    hits = [
        (each.key, next(match.groupdict() for match in matches if match))
        for each in registry().vendors.values()
        if any(matches := [pattern.search(agent) for pattern in each.user_agents])
    ]
    found = {"model": model, "firmware": firmware} | ({"mac": mac} if mac else {})
    assert hits == [(vendor, found)]


def test_every_model_has_lines_a_known_family_and_its_vendors_prefix():
    for key, model in registry().models.items():
        assert key.startswith(model.vendor.key + "-")
        assert model.lines >= 1
        assert model.family in model.vendor.families


def test_a_model_says_which_settings_it_heeds():
    heeded = registry().model("flyingvoice-fip14g").settings
    assert heeded == {"language", "time.zone"}
    assert {"sip.proxy.host", "provisioning.mode"} <= registry().model("fanvil-x1sg").settings
