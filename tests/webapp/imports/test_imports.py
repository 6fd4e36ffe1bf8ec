"""From the list to the phones, on all three databases."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from flask_babel import force_locale
from sqlalchemy import func, select

from provisioning.errors import SheetError
from webapp import provision
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.i18n import said
from webapp.imports import services, tasks
from webapp.imports.commit import commit, server_from
from webapp.imports.services import Choices, ImportStateError
from webapp.imports.undo import undo
from webapp.models import AuditEntry, ImportChange, Line, Phone, SheetImport, SipServer, Site, User

LIST = (
    b"mac,ramal,senha,servidor\n"
    b"0C383E0A1B2C,1001,p&w<1,10.0.0.5\t\t\t\n"
    b"0c383e0a1b2d,1002,two,sip.new.test"
)


def upload(body=LIST, filename="phones.txt", model="fanvil-x1sg", **choices):
    site = db.session.scalar(select(Site))
    draft = services.upload(
        body,
        filename,
        db.session.scalar(User.named("bob")),
        Choices(**{"model": model, "site": site} | choices),
    )
    db.session.commit()
    return draft


def written(body=LIST, **choices):
    draft = upload(body, **choices)
    commit(draft)
    db.session.commit()
    return draft


def phones():
    return list(db.session.scalars(select(Phone).order_by(Phone.mac)))


def test_a_preview_writes_nothing(everywhere):
    plan = services.preview(upload())
    assert plan.counts == {"added": 2, "changed": 0, "unchanged": 0, "refused": 0}
    assert phones() == []
    assert db.session.scalar(select(func.count()).select_from(SipServer)) == 1


def test_the_predecessors_list_becomes_phones_with_their_lines(everywhere):
    draft = written()
    first, second = phones()
    assert (first.mac, first.model, first.site.name) == ("0c383e0a1b2c", "fanvil-x1sg", "Lisbon")
    assert [(x.user, x.password, x.sip_server.host) for x in first.lines] == [
        ("1001", "p&w<1", "10.0.0.5")
    ]
    assert second.lines[0].sip_server.host == "sip.new.test"
    assert first.admin_password != second.admin_password
    assert first.admin_password not in ("", "admin")
    assert "1001" in first.search
    assert draft.state == "committed"
    assert provision.revise([first, second])[0].word == "new"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pbx.example.net", "pbx.example.net", None),
        ("10.0.0.5:5070", "10.0.0.5", 5070),
        ("2001:db8::5", "2001:db8::5", None),
        ("[2001:db8::5]:5070", "2001:db8::5", 5070),
        ("[2001:db8::5]", "2001:db8::5", None),
    ],
)
def test_a_server_is_read_with_and_without_its_port(text, host, port):
    server = server_from(text)
    assert (server.host, server.port) == (host, port)


def test_an_imported_server_leaves_ports_to_the_settings(everywhere):
    written()
    server = db.session.scalar(select(SipServer).where(SipServer.host == "sip.new.test"))
    assert (server.port, server.transport, server.proxy_host) == (None, None, None)


def test_a_row_names_a_server_as_people_call_it(everywhere):
    db.session.add(SipServer(name="My PBX", host="pbx.test", port=5070))
    written(b"mac,ramal,senha,servidor\n0c383e0a1b2c,1001,one,my pbx\n")
    assert phones()[0].lines[0].sip_server.port == 5070


def test_a_bare_host_is_not_the_server_that_an_earlier_list_named_with_a_port(everywhere):
    written(b"mac,ramal,senha,servidor\n0c383e0a1b2c,1001,one,pbx.test:5080\n")
    plan = services.preview(upload(b"mac,ramal,senha,servidor\n0c383e0a1b2c,1001,one,pbx.test\n"))
    assert plan.rows[0].changes == {"line 1 server": ("pbx.test:5080", "pbx.test")}


def test_host_and_port_find_the_server_that_people_named(everywhere):
    db.session.add(SipServer(name="My PBX", host="pbx.test", port=5080))
    written(b"mac,ramal,senha,servidor\n0c383e0a1b2c,1001,one,pbx.test:5080\n")
    assert phones()[0].lines[0].sip_server.name == "My PBX"


def test_without_a_server_column_a_server_must_be_chosen(everywhere):
    short = b"mac,ramal,senha\n0c383e0a1b2c,1001,one\n"
    with pytest.raises(SheetError, match="Expected header: mac,ramal,senha,servidor"):
        upload(short)
    server = db.session.scalar(select(SipServer))
    draft = upload(short, sip_server=server)
    assert services.preview(draft).counts["added"] == 1
    services.choose(draft, Choices("fanvil-x1sg", draft.site))
    assert services.preview(draft).counts["refused"] == 1


def test_the_same_list_again_changes_nothing(everywhere):
    written()
    assert services.preview(upload()).counts["unchanged"] == 2


def test_what_changed_is_shown_and_written_but_no_password_is_shown(everywhere):
    written()
    again = upload(LIST.replace(b"1001,p&w<1", b"1009,n3w-secret"))
    plan = services.preview(again)
    assert plan.counts == {"added": 0, "changed": 1, "unchanged": 1, "refused": 0}
    [planned] = plan.having("changed")
    assert planned.changes["line 1 extension"] == ("1001", "1009")
    assert "n3w-secret" not in str(planned.changes)
    commit(again)
    db.session.commit()
    assert (phones()[0].lines[0].user, phones()[0].lines[0].password) == ("1009", "n3w-secret")


def test_bad_rows_stay_out_and_good_ones_go_in(everywhere):
    body = LIST + b"\nnonsense,1003,x,10.0.0.5\n0c383e0a1b2c,1004,again,10.0.0.5\n"
    draft = written(body)
    assert draft.counts == {"added": 2, "changed": 0, "unchanged": 0, "refused": 2}
    assert len(phones()) == 2


def test_without_a_site_every_row_says_so(everywhere):
    plan = services.preview(upload(site=None))
    assert plan.counts["refused"] == 2
    assert plan.rows[0].reasons[0].field == "site"


def test_a_row_names_its_own_site_and_profile_or_is_refused(everywhere):
    body = (
        b"mac,ext,password,server,site\n0c383e000001,1,a,10.0.0.5,lisbon\n"
        b"0c383e000002,2,b,10.0.0.5,ACME / Lisbon\n0c383e000003,3,c,10.0.0.5,Atlantis\n"
    )
    plan = services.preview(upload(body, site=None))
    assert [planned.status for planned in plan.rows] == ["added", "added", "refused"]
    assert "Atlantis" in str(plan.rows[2].reasons[0])


def test_undo_deletes_what_it_added_with_everything_that_hangs_on_it(everywhere):
    draft = written()
    provision.revise(phones())
    db.session.commit()
    undo(draft)
    db.session.commit()
    assert phones() == []
    assert db.session.scalar(select(func.count()).select_from(Line)) == 0
    assert draft.state == "undone"


def test_undo_restores_what_it_changed(everywhere):
    written()
    second = written(LIST.replace(b"1001,p&w<1", b"1009,n3w-secret"))
    undo(second)
    db.session.commit()
    line = phones()[0].lines[0]
    assert (line.user, line.password) == ("1001", "p&w<1")
    assert "1001" in phones()[0].search
    assert len(phones()) == 2


def test_undo_waits_for_a_later_upload_of_the_same_phones(everywhere):
    first = written()
    written(LIST.replace(b"1001", b"1009"))
    with pytest.raises(ImportStateError, match="Undo it first"):
        undo(first)


def test_undo_tells_of_changes_by_hand_unless_forced(everywhere):
    draft = written()
    phones()[0].lines[0].password = "by hand"
    db.session.commit()
    with pytest.raises(ImportStateError, match="0c383e0a1b2c"):
        undo(draft)
    undo(draft, force=True)
    db.session.commit()
    assert phones() == []


def test_undo_works_once(everywhere):
    draft = written()
    undo(draft)
    db.session.commit()
    with pytest.raises(ImportStateError):
        undo(draft)


def test_a_cancelled_upload_is_not_usable_any_more(everywhere):
    draft = upload()
    services.cancel(draft)
    db.session.commit()
    assert draft.body is None
    for deed in (services.confirm, commit, services.cancel):
        with pytest.raises(ImportStateError):
            deed(draft)


def test_the_worker_writes_a_confirmed_upload_once(everywhere):
    draft = upload()
    services.confirm(draft)
    db.session.commit()
    tasks.commit(draft.id)
    tasks.commit(draft.id)
    assert len(phones()) == 2
    assert db.session.scalar(select(func.count()).select_from(ImportChange)) == 2
    entry = db.session.scalar(
        AuditEntry.matching(entity="SheetImport").where(AuditEntry.action == "import")
    )
    assert entry.actor == "bob"


def test_a_commit_that_fails_leaves_nothing_and_says_why(everywhere):
    draft = upload()
    services.confirm(draft)
    draft.body = None
    db.session.commit()
    tasks.commit(draft.id)
    assert (draft.state, phones()) == ("failed", [])
    assert "Upload it again" in said(draft)
    with everywhere.test_request_context(), force_locale("fr"):
        assert said(draft) and "Upload it again" not in said(draft)


def test_what_a_failed_upload_said_keeps_its_numbers_and_old_words_stay(app):
    draft = SheetImport()
    draft.fail("Longer than %(most)d MB in %(folder)s", {"most": 10, "folder": Path("/tmp")})
    assert (draft.state, said(draft)) == ("failed", "Longer than 10 MB in /tmp")
    draft.error = "Of before, 100% in words"
    assert said(draft) == "Of before, 100% in words"


def test_a_change_of_the_choices_changes_the_preview(everywhere):
    draft = upload(model="audiocodes-405hd")
    assert services.preview(draft).counts["refused"] == 2
    services.choose(draft, Choices("fanvil-x1sg-sbc", draft.site))
    assert services.preview(draft).counts["added"] == 2


def test_two_uploads_in_one_second_have_two_names(everywhere):
    names = {upload().name for _ in range(30)}
    assert len(names) == 30
    assert all(name.startswith("bob") and name[3:].isdigit() and len(name) == 19 for name in names)


def test_what_is_no_sheet_is_refused_with_words_and_not_kept(everywhere):
    with pytest.raises(SheetError, match="mac,ramal,senha,servidor"):
        upload(b"name,phone\nx,y\n")
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(SheetImport)) == 0


def test_no_password_of_the_list_is_readable_in_the_database(everywhere):
    written(LIST.replace(b"p&w<1", b"verysecretword"))
    dump = str([raw(table) for table in db.metadata.sorted_tables])
    assert "10.0.0.5" in dump
    assert "verysecretword" not in dump


def raw(table):
    """The rows as the database holds them, past the types that decrypt."""
    quoted = db.engine.dialect.identifier_preparer.quote(table.name)
    return db.session.connection().exec_driver_sql(f"SELECT * FROM {quoted}").fetchall()


def test_ten_thousand_rows_are_planned_written_and_undone(app):
    lines = [f"0c383e{n:06x},{n},secret{n},10.0.0.5" for n in range(10_000)]
    body = "\n".join(["mac,ramal,senha,servidor", *lines]).encode()
    marks = [time.perf_counter()]
    draft = upload(body)
    marks.append(time.perf_counter())
    assert services.preview(draft).counts["added"] == 10_000
    marks.append(time.perf_counter())
    with acting_as("bob"):
        commit(draft)
        db.session.commit()
    marks.append(time.perf_counter())
    undo(draft)
    db.session.commit()
    marks.append(time.perf_counter())
    print([f"{b - a:.2f}" for a, b in pairwise(marks)])
    assert phones() == []
