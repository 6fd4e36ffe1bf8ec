from webapp.extensions import db
from webapp.models import AuditEntry


def test_sip_pnp_is_switched_off_and_on_again(bob, site):
    assert "Switch off" in bob.get(f"/sites/{site.id}").text
    assert bob.post(f"/sites/{site.id}/pnp", data={"answer": "0"}).status_code == 303
    assert not site.pnp
    entry = db.session.scalar(AuditEntry.of("Site", site.id))
    assert entry.changes["pnp"] == [True, False]
    assert "Switch on" in bob.get(f"/sites/{site.id}").text
    bob.post(f"/sites/{site.id}/pnp", data={"answer": "1"})
    assert site.pnp


def test_readers_do_not_switch_it(carol, site):
    assert "Switch off" not in carol.get(f"/sites/{site.id}").text
    assert carol.post(f"/sites/{site.id}/pnp", data={"answer": "0"}).status_code == 403
    assert site.pnp
