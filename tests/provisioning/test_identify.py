"""Who asks? Real User-Agents and file names of phones, and names no phone would send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.identify import Clues, identify, models_of_file
from provisioning.registry import registry

FANVIL = "Fanvil X1SG 2.4.12.2 0c383e07e16c"
AUDIOCODES = "AUDC-IPPhone/2.2.8.61 (440HDG-Rev0; 00908F602AAC)"


@pytest.mark.parametrize(
    "file",
    [
        "0c383e000001.cfg",
        "0C383E000001.CFG",
        "0c:38:3e:00:00:01.cfg",
        "0C-38-3E-00-00-01.xml",
        "0c38.3e00.0001.cfg",
        "/sub/folder/0c383e000001.cfg?token=1",
        "0c383e000001",
        "405HD_0c383e000001_conf.cfg",
        "cfg0c383e000001.xml",
        "SEP0C383E000001.cnf.xml",
    ],
)
def test_it_reads_the_mac_from_the_file_name(file):
    assert identify(file, "").mac == "0c383e000001"


@pytest.mark.parametrize(
    "file",
    [
        "",
        "f0X3shw1.100.cfg",
        "000171907677D.cfg",
        "000000000000.cfg",
        "ffffffffffff.cfg",
        "01005e000001.cfg",
        "../0c383e000001.cfg",
        "a/../0c383e000001.cfg",
        "..\\0c383e000001.cfg",
        "0c383e000001.cfg\0.png",
        "0c383e000001/sysconf.cfg",
        "other.cfg?mac=0c383e000001",
        "٠c383e000001.cfg",
    ],
)
def test_it_finds_no_mac_where_none_can_be_trusted(file):
    assert identify(file, "").mac == ""


def test_a_suspicious_path_takes_the_mac_from_the_user_agent_too():
    assert identify("../../etc/passwd", FANVIL) == Clues(
        "", "fanvil", "fanvil-x1sg", "2.4.12.2", "passwd"
    )


def test_it_understands_a_fanvil():
    found = identify("f0X1sghw1.100.cfg", FANVIL)
    assert found == Clues("0c383e07e16c", "fanvil", "fanvil-x1sg", "2.4.12.2", "f0X1sghw1.100.cfg")


def test_it_understands_an_audiocodes_and_its_gigabit_spelling():
    found = identify("440HD.img", AUDIOCODES)
    assert found == Clues("00908f602aac", "audiocodes", "audiocodes-440hd", "2.2.8.61", "440HD.img")


def test_a_user_agent_without_mac_leaves_it_to_the_file_name():
    found = identify("00908f9d8992.cfg", "AUDC/3.1.2.89 AUDC-IPPhone-405HD_UC_3.1.2.89/11")
    assert (found.mac, found.model, found.firmware) == (
        "00908f9d8992",
        "audiocodes-405hd",
        "3.1.2.89",
    )


def test_the_file_name_wins_over_the_user_agent():
    assert identify("0c383e000001.cfg", FANVIL).mac == "0c383e000001"


def test_a_model_nobody_knows_is_left_empty():
    found = identify("x.cfg", "Fanvil Z99 Ultra 1.2.3 0c383e07e16c")
    assert (found.vendor, found.model, found.firmware) == ("fanvil", "", "1.2.3")


def test_the_mac_alone_tells_the_vendor():
    assert identify("0c383e000001.cfg", "curl/8").vendor == "fanvil"
    assert identify("020000000001.cfg", "").vendor == ""


def test_a_file_s_name_tells_the_model_where_each_model_has_its_own():
    [model] = models_of_file("snomD785-000413AABBCC.htm", "000413aabbcc")
    assert model.key == "snom-d785"
    for file, mac in (("0c383e000001.cfg", "0c383e000001"), ("x", "0c383e000001"), ("", "1" * 12)):
        assert models_of_file(file, mac) == ()


@given(st.text(), st.text())
def test_nothing_a_client_sends_breaks_it(file, user_agent):
    found = identify(file, user_agent)
    assert found.mac == "" or len(found.mac) == 12
    assert "/" not in found.file


@pytest.mark.parametrize("model", registry().models.values(), ids=lambda model: model.key)
def test_it_reads_the_mac_from_every_name_a_phone_asks_for(model):
    for name in model.files("0c383e00000a"):
        assert identify(f"/sub/{name}", "").mac == "0c383e00000a"
