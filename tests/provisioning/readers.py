"""Independent readers of the phones' file formats: they share no code with what they check."""

import re
import xml.etree.ElementTree as ElementTree


def read_fanvil(body):
    """Return {"sip.line.1.PhoneNumber": "1001"}."""
    found = {}

    def walk(element, path):
        for child in element:
            name = ".".join(filter(None, (path, child.tag, child.get("index"))))
            if len(child):
                walk(child, name)
            else:
                assert name not in found, f"{name} stands twice in the file"
                found[name] = child.text or ""

    walk(ElementTree.fromstring(body), "")
    return found


def read_pairs(body):
    """Return {"voip/line/0/id": "1001"}; a line ends at LF and nowhere else."""
    found = {}
    lines = body.decode("utf-8").split("\n")
    assert lines.pop() == ""
    for line in lines:
        key, sign, value = line.partition("=")
        assert sign and re.fullmatch(r"[\w/]+", key, re.ASCII), f"not key=value: {line!r}"
        assert key not in found, f"{key} stands twice in the file"
        found[key] = value
    return found


def read_yealink(body):
    """Return {"account.1.label": "Reception"}; passwords carry their user in front of a colon."""
    lines = body.decode("utf-8").split("\n")
    assert lines.pop(0) == "#!version:1.0.0.1"
    assert lines.pop() == ""
    found = {}
    for line in lines:
        key, sign, value = line.partition(" = ")
        assert sign and re.fullmatch(r"[\w.]+", key, re.ASCII), f"not key = value: {line!r}"
        if key.endswith("user_password"):
            user, colon, value = value.partition(":")
            key += colon + user
        assert key not in found, f"{key} stands twice in the file"
        found[key] = value
    return found


def read_indexed(body):
    """Return {"user_name": ..} for elements, {("user_name", "1"): ..} for those with an idx."""
    found = {}
    for element in ElementTree.fromstring(body).iter():
        if len(element) == 0:
            idx = element.get("idx")
            name = (element.tag, idx) if idx else element.tag
            assert name not in found, f"{name} stands twice in the file"
            found[name] = element.text or ""
    return found


def read_numbers(body):
    """Return {"P47": "pbx.example.net:5060"}."""
    config = ElementTree.fromstring(body).find("config")
    found = {element.tag: element.text or "" for element in config}
    assert len(found) == len(config), "a number stands twice in the file"
    return found


def read_names(body):
    """Return the text, or else the value, of every element that has a name."""
    found = {}
    for element in ElementTree.fromstring(body).iter():
        name = element.get("name")
        if name:
            assert name not in found, f"{name} stands twice in the file"
            found[name] = element.get("value", element.text or "")
    return found


def read_attributes(body):
    master = ElementTree.fromstring(body)
    assert master.tag == "APPLICATION"
    assert re.fullmatch(r"[0-9a-f]{12}-settings\.cfg", master.get("CONFIG_FILES"))
    (settings,) = master
    return dict(settings.attrib)


def fanvil_account(values, number):
    line = f"sip.line.{number}"
    account = {
        "user": values[f"{line}.PhoneNumber"],
        "password": values[f"{line}.RegisterPswd"],
        "auth_user": values[f"{line}.RegisterUser"],
        "display_name": values[f"{line}.DisplayName"],
        "host": values[f"{line}.RegisterAddr"],
        "proxy_host": values[f"{line}.ProxyAddr"],
    }
    title = values.get(f"dsskey.internal.1.Fkey.{number}.Title")
    return account if title is None else account | {"label": title}


def audiocodes_account(values, number):
    line, sip = f"voip/line/{number - 1}", "voip/signalling/sip"
    registrar = f"{sip}/sip_registrar/addr"
    return {
        "user": values[f"{line}/id"],
        "password": values[f"{line}/auth_password"],
        "auth_user": values[f"{line}/auth_name"],
        "display_name": values[f"{line}/description"],
        "label": values[f"{line}/extension_display"],
        "host": values[registrar if registrar in values else f"{sip}/proxy_address"],
        "proxy_host": values.get(f"{sip}/sip_outbound_proxy/addr", ""),
    }


def flyingvoice_account(values, number):
    names = {
        "user": "DBID_SIP_PHONE_NUM",
        "password": "DBID_SIP_PASSWORD",
        "auth_user": "DBID_SIP_ACCOUNT",
        "display_name": "DBID_SIP_DIS_NAME",
        "host": "DBID_DNSSRV_DOMAIN",
    }
    columns = {field: values[name].split("\t") for field, name in names.items()}
    assert {len(column) for column in columns.values()} == {20}
    return {field: column[number - 1] for field, column in columns.items()}


def yealink_account(values, number):
    account = f"account.{number}"
    return {
        "user": values[f"{account}.user_name"],
        "password": values[f"{account}.password"],
        "auth_user": values[f"{account}.auth_name"],
        "display_name": values[f"{account}.display_name"],
        "label": values[f"{account}.label"],
        "host": values[f"{account}.sip_server.1.address"],
        "proxy_host": values.get(f"{account}.outbound_proxy.1.address", ""),
    }


def host_of(text):
    """Return the host of "host:5060" and "[2001:db8::1]:5060"."""
    host, colon, port = text.rpartition(":")
    assert colon and port.isdigit(), text
    inside = host.removeprefix("[").removesuffix("]")
    return inside if len(host) == len(inside) + 2 and ":" in inside else host


def snom_account(values, number):
    def said(name):
        return values[(name, str(number))]

    outbound, sign, _ = said("user_outbound").rpartition(";transport=")
    assert sign
    account = {
        "user": said("user_name"),
        "password": said("user_pass"),
        "auth_user": said("user_pname"),
        "display_name": said("user_realname"),
        "label": said("user_idle_text"),
        "host": host_of(said("user_host")),
    }
    # Without a proxy the server itself stands there.
    return account if outbound == said("user_host") else account | {"proxy_host": host_of(outbound)}


def optional_host(text):
    return host_of(text) if text else ""


def grandstream_account(values, number):
    account = f"account.{number}"
    return {
        "user": values[f"{account}.sip.userid"],
        "password": values[f"{account}.sip.subscriber.password"],
        "auth_user": values[f"{account}.sip.subscriber.userid"],
        "display_name": values[f"{account}.sip.subscriber.name"],
        "label": values[f"{account}.name"],
        "host": host_of(values[f"{account}.sip.server.1.address"]),
        "proxy_host": optional_host(values[f"{account}.sip.outboundProxy.1.address"]),
    }


GRANDSTREAM = {
    1: "35 34 36 3 270 47 48",
    2: "404 406 405 407 417 402 403",
    3: "504 506 505 507 517 502 503",
    4: "604 606 605 607 617 602 603",
}
HTEK = {
    1: "35 34 36 3 20000 47 48",
    2: "735 734 736 703 20001 47 48",
    3: "504 506 505 507 20002 47 48",
    4: "604 606 605 607 20003 47 48",
    5: "1704 1706 1705 1707 20378 47 48",
    6: "1804 1806 1805 1807 20379 47 48",
}


def numbers_account(table):
    def account(values, number):
        said = [values[f"P{code}"] for code in table[number].split()]
        names = ("user", "password", "auth_user", "display_name", "label")
        found = dict(zip(names, said, strict=False))
        return found | {"host": host_of(said[5]), "proxy_host": optional_host(said[6])}

    return account


def poly_account(values, number):
    reg = f"reg.{number}"
    return {
        "user": values[f"{reg}.address"],
        "password": values[f"{reg}.auth.password"],
        "auth_user": values[f"{reg}.auth.userId"],
        "display_name": values[f"{reg}.displayName"],
        "label": values[f"{reg}.label"],
        "host": values[f"{reg}.server.1.address"],
        "proxy_host": values.get(f"{reg}.outboundProxy.address", ""),
    }


def cisco_account(values, number):
    return {
        "user": values[f"User_ID_{number}_"],
        "password": values[f"Password_{number}_"],
        "auth_user": values[f"Auth_ID_{number}_"],
        "display_name": values[f"Display_Name_{number}_"],
        "label": values[f"Short_Name_{number}_"],
        "host": host_of(values[f"Proxy_{number}_"]),
        "proxy_host": optional_host(values.get(f"Outbound_Proxy_{number}_", "")),
    }


def gigaset_account(values, number):
    """An account has one name only: the label is shown when there is no display name."""
    account = f"SipAccount.{number:05}"
    return {
        "user": values[f"{account}.UserName"],
        "password": values[f"{account}.AuthPassword"],
        "auth_user": values[f"{account}.AuthName"],
        "host": values["SipProvider.0.RegServerAddress"],
        "proxy_host": values.get("SipProvider.0.OutboundProxyAddress", ""),
    }


# A new family cannot be rendered untested: its reader is missing here.
READERS = {
    "sysconf": (read_fanvil, fanvil_account),
    "400hd": (read_pairs, audiocodes_account),
    "fip": (read_pairs, flyingvoice_account),
    "account": (read_yealink, yealink_account),
    "t": (read_yealink, yealink_account),
    "t2": (read_yealink, yealink_account),
    "desk": (read_indexed, snom_account),
    "d8": (read_indexed, snom_account),
    "p": (read_numbers, numbers_account(GRANDSTREAM)),
    "v2": (read_names, grandstream_account),
    "vvx": (read_attributes, poly_account),
    "soundpoint": (read_attributes, poly_account),
    "edge": (read_attributes, poly_account),
    "spa": (read_indexed, cisco_account),
    "mpp": (read_indexed, cisco_account),
    "uc": (read_numbers, numbers_account(HTEK)),
    "nx70": (read_names, gigaset_account),
}
# Where a line without a label shows its user, and a host stands with its port.
LABELLED = READERS.keys() - {"sysconf", "400hd", "fip"}


def read(model, body):
    return READERS[model.family][0](body)


def account(model, body, number=1):
    """Return what the file says about one line, as far as the format can say it."""
    return READERS[model.family][1](read(model, body), number)
