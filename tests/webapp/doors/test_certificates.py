"""The phone's own certificate: what counts as one, who may hand it on, and nginx doing so."""

import os
import subprocess
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from tests.conftest import make_config
from tests.daemons import find_program, need, running
from tests.webapp.doors.cast import BODY, MAC, add_phone, commit
from tests.webapp.doors.test_real_server import PORT, gunicorn
from tests.webapp.doors.test_windows import SHORT, add_bootstrap, ask, change
from webapp import create_app
from webapp.config import Config
from webapp.doors.certificates import macs_in
from webapp.doors.trace import fetch_as
from webapp.environment import ConfigError
from webapp.extensions import db, utcnow
from webapp.models import Fetch, Site

HEADER = "X-Client-Cert"
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t; proxy_temp_path {folder}/t;
  fastcgi_temp_path {folder}/t; uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/desk.pem; ssl_certificate_key {folder}/desk.key;
    ssl_client_certificate {folder}/maker.pem; ssl_verify_client optional; ssl_verify_depth 3;
    location /p/ {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
      proxy_set_header X-Client-Cert-Verify $ssl_client_verify;
    }}
  }}
}}
"""


class Maker:
    """A maker of phones, with a root of its own."""

    def __init__(self, name="Maker's root"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = self.sign(self.name, self.key, None, is_root=True)

    def sign(self, subject, key, alternative, is_root=False):
        now = utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        )
        if alternative:
            names = x509.SubjectAlternativeName([alternative])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, alternative=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self.sign(subject, key, alternative), key


MAKER = Maker()


def escaped(certificate):
    return quote(certificate.public_bytes(serialization.Encoding.PEM).decode(), safe="")


def of(name, alternative=None):
    return escaped(MAKER.issue(name, alternative)[0])


@pytest.mark.parametrize(
    "name", [MAC, MAC.upper(), "0c:38:3e:00:00:01", "0C-38-3E-00-00-01", f"VVX 500 {MAC}"]
)
def test_the_mac_is_found_in_the_common_name(name):
    assert macs_in(of(name)) == {MAC}


def test_the_mac_is_found_in_an_alternative_name():
    assert macs_in(of("phone", x509.DNSName(f"{MAC}.phones.example"))) == {MAC}
    assert macs_in(of("phone", x509.UniformResourceIdentifier(f"urn:mac:{MAC}"))) == {MAC}


@pytest.mark.parametrize("text", ["", "rubbish", "-----BEGIN%20CERTIFICATE-----%0Ax", "%ff%00"])
def test_what_is_no_certificate_holds_none(text):
    assert macs_in(text) == frozenset()


def test_one_that_a_maker_gives_to_all_its_phones_holds_none():
    assert macs_in(of("Maker's generic phone")) == frozenset()
    assert macs_in(of(f"{MAC}ff")) == frozenset()  # a serial number is no MAC


@pytest.fixture
def proxied(config):
    """A Belldesk behind a proxy that it trusts."""
    from tests.webapp.doors.conftest import Door

    values = {**vars(config), "trusted_proxies": 1, "client_cert_header": HEADER}
    app = create_app(Config(**values))
    with app.app_context():
        door = Door(app)
        change(door, certificate_required=True)
        yield door
        door.close()


def with_certificate(door, certificate, verify="SUCCESS", **more):
    headers = {HEADER: certificate, f"{HEADER}-Verify": verify, "X-Forwarded-For": "10.0.0.9"}
    return ask(door, headers=headers, **more)


def test_its_own_certificate_opens_and_no_other_does(proxied):
    assert with_certificate(proxied, of(MAC)).data == BODY
    add_phone(proxied.site, "0c383e000002")
    refused = [
        with_certificate(proxied, of("0c383e000002")),
        with_certificate(proxied, of(MAC), file="0c383e000002.cfg"),
        with_certificate(proxied, of("Maker's generic phone")),
        with_certificate(proxied, of(MAC), verify="FAILED:self-signed certificate"),
        with_certificate(proxied, of(MAC), verify="NONE"),
        with_certificate(proxied, ""),
        ask(proxied, headers={HEADER: of(MAC), "X-Forwarded-For": "10.0.0.9"}),
        with_certificate(proxied, of(MAC), file="0c383e0000ee.cfg"),
    ]
    assert len({(answer.status, str(answer.headers), answer.data) for answer in refused}) == 1
    assert refused[0].status_code == 404
    rows = [fetch.reason for fetch in proxied.logged(Fetch.newest_first())]
    assert rows.count("wrong_certificate") == len(refused) - 1


def test_the_certificate_is_wanted_besides_the_key_and_not_instead(proxied):
    assert with_certificate(proxied, of(MAC), key="wrong").status_code == 404


def test_the_bootstrap_wants_it_too(proxied):
    add_bootstrap(proxied.phone)
    change(proxied, policy="strict")
    assert ask(proxied, "10.0.0.9").status_code == 404
    assert with_certificate(proxied, of(MAC)).data == SHORT


def test_tftp_carries_none_and_gives_nothing(proxied):
    assert fetch_as(MAC, via="tftp", address="10.0.0.9").reason == "wrong_certificate"
    assert fetch_as(MAC).served


def test_without_a_proxy_anybody_could_send_the_header(door):
    change(door, certificate_required=True)
    assert with_certificate(door, of(MAC)).status_code == 404


def test_the_header_is_refused_in_words_without_a_trusted_proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("BELLDESK_INSTANCE", str(tmp_path))
    monkeypatch.setenv("BELLDESK_CLIENT_CERT_HEADER", HEADER)
    with pytest.raises(ConfigError, match="BELLDESK_TRUSTED_PROXIES"):
        Config.from_environment()
    monkeypatch.setenv("BELLDESK_TRUSTED_PROXIES", "1")
    assert Config.from_environment().client_cert_header == HEADER
    monkeypatch.setenv("BELLDESK_CLIENT_CERT_HEADER", "X Client")
    with pytest.raises(ConfigError, match="a header's name"):
        Config.from_environment()


def write(folder, name, certificate, key=None):
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.pem").write_bytes(pem)
    if key:
        kinds = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        clear = key.private_bytes(serialization.Encoding.PEM, *kinds)
        (folder / f"{name}.key").write_bytes(clear)


def test_nginx_hands_on_what_it_has_verified(tmp_path, template_database):
    need("nginx", "curl")
    phone, stranger = MAKER.issue(MAC), Maker("Somebody else").issue(MAC)
    write(tmp_path, "desk", *MAKER.issue("127.0.0.1"))
    write(tmp_path, "maker", MAKER.root)
    write(tmp_path, "phone", *phone)
    write(tmp_path, "stranger", *stranger)
    environment = {"BELLDESK_TRUSTED_PROXIES": "1", "BELLDESK_CLIENT_CERT_HEADER": HEADER}
    with ExitStack() as stack:
        desk = stack.enter_context(gunicorn(tmp_path, template_database, PORT | environment))
        require_certificates(tmp_path)
        port = stack.enter_context(nginx(tmp_path, desk.port))

        def get(*words):
            url = f"https://127.0.0.1:{port}/p/{desk.key}/{MAC}.cfg"
            command = ["curl", "--silent", "--insecure", *words, url]
            return subprocess.run(command, capture_output=True, timeout=60).stdout

        def own(name):
            return "--cert", str(tmp_path / f"{name}.pem"), "--key", str(tmp_path / f"{name}.key")

        assert get(*own("phone")) == BODY
        assert get() == b"Not found\n"
        forged = "-H", f"{HEADER}: {escaped(phone[0])}", "-H", f"{HEADER}-Verify: SUCCESS"
        assert get(*forged) == b"Not found\n"
        assert BODY not in get(*own("stranger"))


def require_certificates(folder):
    app = create_app(make_config(folder))
    with app.app_context():
        db.session.execute(update(Site).values(certificate_required=True))
        assert db.session.scalar(select(Site)).certificate_required
        commit()
        db.session.remove()
        db.engine.dispose()


def nginx(folder, behind):
    def command(port):
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, behind=behind))
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        program = find_program("nginx")
        return [program, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(config), *user]

    def greet(port):
        done = subprocess.run(["curl", "-sk", f"https://127.0.0.1:{port}/"], capture_output=True)
        if done.returncode:
            raise OSError("nginx does not answer yet")

    return running(command, greet, OSError, folder / "nginx")
