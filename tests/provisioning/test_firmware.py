from fnmatch import fnmatchcase

import pytest

from provisioning.firmware import advice, known, parts
from provisioning.registry import Registry, registry


def judged(model, firmware):
    return advice(registry().model(model), firmware)


@pytest.mark.parametrize(
    ("model", "firmware", "flaws"),
    [
        ("grandstream-gxp1625", "1.0.7.64", ["CVE-2026-2329"]),
        ("grandstream-gxp1625", "1.0.7.81", []),
        ("grandstream-gxp1625", "1.0.10.2", []),  # ten is more than seven: numbers, not letters
        ("poly-vvx450", "6.4.7.1234", ["CVE-2026-0826"]),
        ("poly-vvx450", "6.4.8.0001", []),
        ("poly-vvx600", "5.9.0.0001", []),
        ("cisco-8841", "11-3-7MPP", ["CVE-2023-20078"]),
        ("cisco-8841", "11.3.7SR1", []),
        ("cisco-8841", "12-0-1", []),
        ("audiocodes-405hd", "2.2.16.694", ["CVE-2023-22957"]),
        ("audiocodes-405hd", "3.4.8.808", []),
    ],
)
def test_a_firmware_with_a_published_flaw_is_named(model, firmware, flaws):
    assert [flaw.name for flaw in judged(model, firmware).flaws] == flaws


def test_what_will_not_be_mended_is_said_of_every_firmware():
    [flaw] = judged("cisco-spa504g", "7.6.2").flaws
    assert flaw.fixed == "" and judged("cisco-spa504g", "99.0").flaws == (flaw,)


@pytest.mark.parametrize(
    ("firmware", "outdated"),
    [("2.4.10", True), ("2.4.12", False), ("2.4.12.2", False), ("2.12.1", False)],
)
def test_an_older_firmware_than_the_newest_line_is_outdated(firmware, outdated):
    found = judged("fanvil-x1sg", firmware)
    assert (found.newest, found.outdated) == ("2.4.12", outdated)
    assert found.word == ("outdated" if outdated else "")


@pytest.mark.parametrize("firmware", ["", "unknown", "٣.٤", "-"])
def test_what_has_no_number_is_not_judged(firmware):
    found = judged("grandstream-gxp1625", firmware)
    assert (found.word, found.newest) == ("", "")


def test_numbers_without_end_do_no_harm():
    assert parts("9" * 5000)[0] == 999_999_999


def test_every_model_an_advisory_names_is_known_and_every_version_has_numbers():
    keys = registry().models
    for vendor in registry().vendors.values():
        toml = known(vendor.folder)
        for row in (*toml.get("newest", ()), *toml.get("flaws", ())):
            for name in row["models"]:
                assert any(fnmatchcase(key, name) for key in keys), name
            version = row.get("firmware", row.get("below"))
            assert version is None or parts(version), row


def test_a_vendor_of_another_folder_brings_its_own_advisories(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "vendor.toml").write_text(
        'name = "Acme"\nfiles = ["{mac}.cfg"]\n[families.one]\ntemplate = "one.cfg.j2"\n'
        'format = "audiocodes"\n[models]\nacme-1 = { name = "Acme 1", family = "one", lines = 1 }\n'
    )
    (folder / "one.cfg.j2").write_text("")
    (folder / "advisories.toml").write_text(
        '[[flaws]]\nname = "ACME-1"\nmodels = ["acme-*"]\nimpact = "outage"\nsource = "https://x"\n'
    )
    model = Registry.load(tmp_path).model("acme-1")
    assert advice(model, "1.0").word == "vulnerable"
