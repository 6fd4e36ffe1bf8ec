import os
from dataclasses import replace

import pytest

from tests.conftest import client_of
from webapp import create_app
from webapp.logs.reading import TAIL, transfer

VSFTPD = (
    "Thu Sep  4 20:57:10 2003 1 10.0.0.5 1234 /0c383e000001.cfg b _ o a ftp@example.org ftp 0 * c"
)
WU_FTPD = (
    "Sun Nov 22 03:04:05 2026 12 pc7.example.net 98765 /pub/my phone file.cfg"
    " a T i r ana ftp 1 ana c"
)


@pytest.fixture
def bob_with(config, app):
    """bob's browser on an installation with these log files."""

    def build(**paths):
        changed = create_app(replace(config, **paths))
        changed.config["WTF_CSRF_ENABLED"] = False
        return client_of(changed, "bob")

    return build


def test_a_line_of_vsftpd():
    found = transfer(VSFTPD)
    assert found.when.isoformat() == "2003-09-04T20:57:10"
    assert (found.address, found.file, found.size) == ("10.0.0.5", "/0c383e000001.cfg", 1234)
    assert found.action == "download"


def test_a_line_of_wu_ftpd_with_blanks_in_the_name():
    found = transfer(WU_FTPD)
    assert found.file == "/pub/my phone file.cfg"
    assert (found.address, found.action) == ("pc7.example.net", "upload")


@pytest.mark.parametrize(
    ("line", "action"),
    [
        (VSFTPD.replace(" 1234 ", " 0 ")[:-1] + "i", "search"),
        (VSFTPD[:-1] + "i", "download"),
        (VSFTPD[:-2], "download"),
        (VSFTPD.replace(" o a ", " d a "), ""),
        (VSFTPD.replace("/0c383e000001.cfg", "/a b _ o c.cfg"), "download"),
        (VSFTPD.replace("10.0.0.5", "::ffff:10.0.0.5"), "download"),
    ],
)
def test_what_was_done(line, action):
    found = transfer(line)
    assert found.when
    assert found.action == action


@pytest.mark.parametrize(
    "line",
    [
        "",
        "garbage",
        VSFTPD[:40],
        VSFTPD.replace("Sep", "Foo"),
        VSFTPD.replace(" 4 ", "31 "),
        VSFTPD.replace("20:57", "25:57"),
        VSFTPD.replace(" b _ o a", ""),
        "٣ " + VSFTPD,
        "Thu Sep 4 20:57:10 2003 1 10.0.0.5 1 " + "a b o a r " * 20_000,
        "Thu Sep  4 20:57:10 2003 1 10.0.0.5 1 " + "a b o a r 0 " * 400,
    ],
)
def test_a_damaged_line_is_kept_as_it_is(line):
    assert transfer(line).when is None
    assert transfer(line).raw == line


def test_the_page_has_five_columns_and_shows_damage_raw(bob_with, tmp_path):
    log = tmp_path / "xferlog"
    log.write_text(f"{VSFTPD}\n{WU_FTPD}\n\n<script>alert(1)</script>\n")
    page = bob_with(ftp_log=log).get("/logs/ftp").text
    for words in ("2003-09-04", "20:57:10", "10.0.0.5", "/0c383e000001.cfg", "Download", "Upload"):
        assert words in page
    assert "<script>alert" not in page
    assert page.index("not understood") < page.index("2026-11-22") < page.index("2003-09-04")


def test_the_last_line_of_the_tftp_log_is_visible(bob_with, tmp_path):
    log = tmp_path / "tftpd.log"
    log.write_text("".join(f"line {n} <b>\n" for n in range(20_000)))
    page = bob_with(tftp_log=log).get("/logs/tftp-server").text
    assert "line 19999 &lt;b&gt;" in page
    assert "line 100 " not in page
    assert len(page) < 3 * TAIL


def test_what_is_not_there_is_said(bob_with, tmp_path):
    missing = tmp_path / "gone.log"
    client = bob_with(tftp_log=missing, ftp_log=missing)
    for path in ("/logs/tftp-server", "/logs/ftp"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Log file not found" in answer.text


def test_what_cannot_be_read_is_said(bob_with, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "cannot be read" in bob_with(tftp_log=pipe).get("/logs/tftp-server").text
    assert "cannot be read" in bob_with(tftp_log=tmp_path).get("/logs/tftp-server").text


def test_without_a_path_the_page_says_how_to_set_it(bob):
    assert "BELLDESK_TFTP_LOG" in bob.get("/logs/tftp-server").text
    assert "BELLDESK_FTP_LOG" in bob.get("/logs/ftp").text


def test_binary_junk_and_a_file_without_lines_are_safe(bob_with, tmp_path):
    log = tmp_path / "junk"
    log.write_bytes(bytes(range(256)) * 2000)
    page = bob_with(tftp_log=log, ftp_log=log).get("/logs/tftp-server")
    assert page.status_code == 200
    assert "\x00" not in page.text
    assert "\x1b" not in page.text


def test_a_huge_file_is_read_from_its_end_only(bob_with, tmp_path):
    log = tmp_path / "huge"
    with log.open("wb") as file:
        file.truncate(20 * 1024**3)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe last line\n")
    page = bob_with(tftp_log=log).get("/logs/tftp-server").text
    assert "the last line" in page


@pytest.mark.parametrize("query", ["?path=/etc/passwd", "?file=../../etc/passwd"])
def test_no_other_file_is_ever_shown(bob_with, tmp_path, query):
    log = tmp_path / "log"
    log.write_text("own line\n")
    client = bob_with(tftp_log=log, ftp_log=log)
    for path in ("/logs/tftp-server", "/logs/ftp"):
        assert "root:" not in client.get(path + query).text
    assert client.get("/logs/tftp-server/etc/passwd").status_code == 404
