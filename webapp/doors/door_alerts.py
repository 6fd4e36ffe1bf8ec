"""What of the requests at the phones' doors somebody should look at, and in which words."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from provisioning.errors import N_
from provisioning.mac import format_mac
from webapp.doors.entry import Entry
from webapp.doors.failures import Offence
from webapp.doors.flood import source
from webapp.models import Alert

MOST_OPEN = 300
OTHERS = ""  # the source of an alert that stands for many

WALK = N_(
    "%(address)s asked for %(count)s phones one after the other that are not here or not for it,"
    " last for %(mac)s. It is banned for %(minutes)s minutes; phones that are known to be there"
    " are served all the same. If these are new phones of yours, adopt them and lift the ban."
)
BAN = N_(
    "%(address)s gave %(count)s wrong keys or passwords within minutes. It is banned for"
    " %(minutes)s minutes; phones that are known to be there are served all the same."
)
TFTP_WALK = N_(
    "%(count)s requests of %(address)s over TFTP were refused one after the other: phones that are"
    " not here, or an address outside the networks of their site. Over TFTP an address can be"
    " forged, so it is told and not banned."
)
OLD_KEY = N_(
    "%(address)s asked for %(mac)s with a key that was replaced and is over. Either that phone"
    " missed the change and must be opened and started again, or somebody kept the key."
)
AWAY = N_(
    "%(mac)s came with its own key from %(address)s, a network it was never seen in. If nobody"
    " moved it, give it a new key and change its SIP passwords; if it stays there, open it again."
)
CLOSED_WINDOW = N_(
    "%(mac)s asks for its file from %(address)s and gets none: its window is closed. Open it, then"
    " start it again."
)
OTHER_NETWORK = N_(
    "%(mac)s is asked for from %(address)s and gets no file: it is pinned to another network. If"
    " the phone moved, open it again."
)
TWO_NETWORKS = N_(
    "The file of %(mac)s was given to two networks in the same moment, the second to %(address)s."
    " One of them was not the phone: change its SIP passwords, give it a new key, open it again."
)
OF_A_PHONE = {"closed_window": CLOSED_WINDOW, "other_network": OTHER_NETWORK}


class Notice(NamedTuple):
    kind: str
    source: str
    message: str
    params: dict[str, Any]
    site_id: int | None
    phone_id: int | None


def notice_of(entry: Entry) -> Notice | None:
    """What a request by itself tells, if it does."""
    if entry.reason == "old_key":
        return about(entry, "old_key", source(entry.address), OLD_KEY)
    if entry.reason in OF_A_PHONE:
        return about(entry, entry.reason, entry.clues.mac, OF_A_PHONE[entry.reason])
    if entry.away:
        return about(entry, "own_key_away", entry.clues.mac, AWAY)
    return None


def second_network(entry: Entry) -> Notice:
    return about(entry, "two_networks", entry.clues.mac, TWO_NETWORKS)


def about(entry: Entry, kind: str, name: str, message: str) -> Notice:
    params = {"address": entry.address[:45], "mac": format_mac(entry.clues.mac)}
    return Notice(kind, name, message, params, entry.site_id, entry.phone_id)


def over_tftp(offence: Offence) -> Notice:
    params = {"address": offence.source, "count": offence.failures}
    return Notice("walk", offence.source, TFTP_WALK, params, offence.entry.site_id, None)


def of_offence(offence: Offence, length: timedelta) -> Notice:
    params: dict[str, Any] = {"address": offence.source, "count": offence.failures}
    params["minutes"] = int(length.total_seconds() // 60)
    if offence.kind == "walk":
        params["mac"] = format_mac(offence.entry.clues.mac)
    message = WALK if offence.kind == "walk" else BAN
    return Notice(offence.kind, offence.source, message, params, offence.entry.site_id, None)


def write(connection: Connection, notice: Notice, times: int, now: datetime) -> bool:
    """Count on where the same alert is open, else open it; True when it was opened.

    Of single phones only so many are opened: a walk must not bury what is said of it. And who has
    a thousand addresses gets one alert for those beyond so many.
    """
    if count_on(connection, notice, times, now):
        return False
    if (connection.scalar(Alert.waiting()) or 0) >= MOST_OPEN:
        if notice.phone_id:
            return False
        notice = notice._replace(source=OTHERS)
        if count_on(connection, notice, times, now):
            return False
    when = {"first_at": now, "last_at": now, "times": times}
    connection.execute(insert(Alert).values(**notice._asdict(), **when))
    return True


def count_on(connection: Connection, notice: Notice, times: int, now: datetime) -> bool:
    more = {"times": Alert.times + times, "last_at": now, "params": notice.params}
    counted = update(Alert).where(*the_same(notice)).values(**more)
    return connection.execute(counted).rowcount > 0


def the_same(notice: Notice) -> tuple[ColumnElement[bool], ...]:
    return (
        Alert.kind == notice.kind,
        Alert.source == notice.source,
        Alert.closed_at.is_(None),
    )


def merge(connection: Connection, notice: Notice) -> None:
    """Two processes may have opened the same one; the older stays and counts for both."""
    same = the_same(notice)
    found = connection.execute(select(func.min(Alert.id), func.sum(Alert.times)).where(*same)).one()
    if found[0] is None:
        return
    gone = connection.execute(delete(Alert).where(*same, Alert.id != found[0])).rowcount
    if gone:
        connection.execute(update(Alert).where(Alert.id == found[0]).values(times=found[1]))
