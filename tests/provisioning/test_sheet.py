"""The predecessors' list, from the bytes to rows."""

from provisioning.registry import registry
from provisioning.sheet import TEMPLATE, check, read


def test_the_template_is_the_predecessors_header():
    assert TEMPLATE == "mac,ramal,senha,servidor"


def test_the_predecessors_list_works_unchanged():
    data = (
        b"mac,ramal,senha,servidor\r\n0C383E000001,1001,s3cret,10.0.0.1\t\t\t\r\n"
        b"\r\n0c:38:3e:00:00:02,1002,s3cret,10.0.0.1\t\t\t"
    )
    sheet = check(read(data, "list.txt"), registry(), default_model="fanvil-x1sg")
    assert [(row.number, row.mac, row.ok, row.notes) for row in sheet.rows] == [
        (2, "0c383e000001", True, ()),
        (4, "0c383e000002", True, ()),
    ]
    assert sheet.rows[0].lines[0].server == "10.0.0.1"
