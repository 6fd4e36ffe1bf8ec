"""A phone's own certificate, as a trusted proxy that has verified it hands it on."""

from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from provisioning.identify import MAC
from provisioning.mac import SEPARATORS


@lru_cache(maxsize=4096)
def macs_in(escaped: str) -> frozenset[str]:
    """The MAC addresses in the certificate's common name and alternative names.

    Empty for what is no certificate and for one that a maker gives to all its phones.
    """
    try:
        certificate = x509.load_pem_x509_certificate(unquote(escaped).encode())
        texts = [*common_names(certificate), *alternative_names(certificate)]
    except ValueError:
        return frozenset()
    found = (mac for text in texts for mac in MAC.findall(text.lower()))
    return frozenset(SEPARATORS.sub("", mac) for mac in found)


def common_names(certificate: x509.Certificate) -> list[str]:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(name.value) for name in found]


def alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return []
    names = extension.value
    if not isinstance(names, x509.SubjectAlternativeName):
        return []
    kinds = (x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name)
    return [str(name) for kind in kinds for name in names.get_values_for_type(kind)]
