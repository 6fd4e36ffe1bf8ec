import json
from pathlib import Path

import pytest

from agent import signing

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))


def test_a_code_is_read_however_it_is_typed():
    code = VECTORS["code"]
    for typed in (code, code.lower(), code.replace("-", ""), f"  {code.replace('-', ' ')}\n"):
        assert signing.code_bytes(typed).hex() == VECTORS["code_hex"]


@pytest.mark.parametrize("typed", ["", "ABCD", "ABCD-" * 7 + "ABC1", "ABCD-" * 9, "é" * 32])
def test_what_is_no_code_is_refused_in_words(typed):
    with pytest.raises(signing.CodeError, match="Copy it again"):
        signing.code_bytes(typed)


def test_both_sides_derive_the_keys_of_the_vectors():
    code = bytes.fromhex(VECTORS["code_hex"])
    nonces = [signing.from_base64(VECTORS[f"{side}_nonce"]) for side in ("agent", "desk")]
    assert signing.lookup(code) == VECTORS["lookup"]
    assert signing.enrol_key(code).hex() == VECTORS["enrol_key_hex"]
    assert signing.agent_secret(code, *nonces).hex() == VECTORS["secret_hex"]


def test_hkdf_gives_what_rfc_5869_says():
    key, salt = b"\x0b" * 22, bytes(range(13))
    found = signing.hkdf(key, salt, bytes(range(0xF0, 0xFA)), 42).hex()
    assert found == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


@pytest.mark.parametrize("row", VECTORS["requests"], ids=lambda row: row["path"])
def test_a_request_is_signed_as_in_the_vectors(row):
    body = row["body"].encode()
    found = signing.request_mac(
        bytes.fromhex(row["key_hex"]), row["method"], row["path"], row["time"], row["nonce"], body
    )
    assert found == row["mac"]


@pytest.mark.parametrize("row", VECTORS["answers"], ids=lambda row: str(row["status"]))
def test_an_answer_is_signed_as_in_the_vectors(row):
    key, body = bytes.fromhex(row["key_hex"]), row["body"].encode()
    assert signing.answer_mac(key, row["nonce"], row["status"], body) == row["mac"]


@pytest.mark.parametrize("row", VECTORS["commands"], ids=lambda row: row["verb"])
def test_a_command_is_signed_as_in_the_vectors(row):
    found = signing.command_mac(
        bytes.fromhex(row["secret_hex"]), row["id"], row["verb"], row["expires"], row["params"]
    )
    assert found == row["mac"]


def test_a_comparison_takes_any_text():
    assert signing.same("ab", "ab")
    assert not signing.same("ab", "é\udcff")
