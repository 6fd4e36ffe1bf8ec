"""What is stored can be read with the right keys, by nobody else, and not after tampering."""

import hashlib
import zlib
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from webapp.config import new_key
from webapp.secretbox import COMMON, SecretBox, SecretBoxError

BODY = b"<sysConf>secret</sysConf>" * 100
KEY = new_key()
GOLDEN = Path(__file__).parents[1] / "provisioning" / "golden"
CUT = (0, 1, 3, 5, 8, 17, 20, -1)


def test_a_body_comes_back_smaller_hidden_and_never_the_same_twice():
    box = SecretBox([KEY])
    stored = box.pack(BODY)
    assert box.unpack(stored) == BODY
    assert len(stored) < len(BODY) / 2
    assert b"sysConf" not in stored
    assert stored != box.pack(BODY)


def test_a_body_packed_before_any_change_of_this_module_is_read():
    """As zlib itself reads it: with the checksums, and whatever the level it was made with."""
    box = SecretBox([KEY])
    for level in (1, 9):
        stream = zlib.compressobj(level, zlib.DEFLATED, 14, 6, zlib.Z_DEFAULT_STRATEGY, COMMON)
        assert box.unpack(box._seal_body(stream.compress(BODY) + stream.flush())) == BODY


def test_an_empty_body_is_a_body():
    assert SecretBox([KEY]).unpack(SecretBox([KEY]).pack(b"")) == b""


def test_no_octet_of_a_stored_body_can_be_changed():
    box = SecretBox([KEY])
    stored = box.pack(b"short")
    for place in range(len(stored)):
        spoilt = bytearray(stored)
        spoilt[place] ^= 1
        with pytest.raises(SecretBoxError):
            box.unpack(bytes(spoilt))


@pytest.mark.parametrize("length", CUT)
def test_a_body_cut_short_is_refused(length):
    box = SecretBox([KEY])
    with pytest.raises(SecretBoxError):
        box.unpack(box.pack(BODY)[:length])


def test_another_key_opens_neither_body_nor_text():
    box = SecretBox([new_key()])
    with pytest.raises(SecretBoxError):
        box.unpack(SecretBox([KEY]).pack(BODY))
    with pytest.raises(SecretBoxError):
        box.open(SecretBox([KEY]).seal(b"text"))


def test_a_body_that_was_a_fernet_token_is_still_read():
    old = Fernet(KEY).encrypt(zlib.compress(BODY))
    assert SecretBox([new_key(), KEY]).unpack(old) == BODY


def test_a_new_key_in_front_reads_the_old_and_writes_the_new():
    new = new_key()
    both = SecretBox([new, KEY])
    assert both.unpack(SecretBox([KEY]).pack(BODY)) == BODY
    assert SecretBox([new]).unpack(both.pack(BODY)) == BODY


def test_what_was_rotated_no_longer_needs_the_old_key():
    old, new = SecretBox([KEY]), new_key()
    both, after = SecretBox([new, KEY]), SecretBox([new])
    assert after.unpack(both.rotate(old.pack(BODY))) == BODY
    assert after.unpack(both.rotate(Fernet(KEY).encrypt(zlib.compress(BODY)))) == BODY
    assert after.open(both.rotate(old.seal(b"text"))) == b"text"


def test_what_no_key_opens_is_not_rotated():
    for sealed in (SecretBox([KEY]).pack(BODY), SecretBox([KEY]).seal(b"text")):
        with pytest.raises(SecretBoxError):
            SecretBox([new_key()]).rotate(sealed)


def test_the_common_text_is_what_stored_bodies_were_made_with():
    """Whoever sees this fail has made every stored body unreadable: restore webapp/bodies.dict."""
    assert hashlib.sha256(COMMON).hexdigest() == (
        "742a81b71e1934e594a7e1ca9964eb38b8b40d30f1ee93154ed51432946b22fb"
    )


@pytest.mark.parametrize(
    "file", ["fanvil-x1sg.xml", "fanvil-x5u.xml", "audiocodes-405hd.cfg", "flyingvoice-fip14g.cfg"]
)
def test_what_files_have_in_common_is_not_stored_with_each(file):
    assert len(SecretBox([KEY]).pack((GOLDEN / file).read_bytes())) < 600
