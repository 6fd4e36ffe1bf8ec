"""Numbers that no field means."""

import pytest

from tests.webapp.api.program import error

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("digits", [41, 400, 5000])
def test_a_number_of_hundreds_of_digits_is_refused_and_breaks_nothing(bobs_program, digits):
    number = "1" + "0" * (digits - 1)
    sent = f'{{"mac": "0c383e0000aa", "lines": [{{"number": {number}}}]}}'
    answer = bobs_program.ask("POST", "phones", data=sent, headers=JSON)
    assert error(answer) == (400, "bad_request")


def test_one_of_twenty_digits_is_refused_at_its_field(bobs_program):
    sent = {"mac": "0c383e0000aa", "lines": [{"number": 10**20}]}
    assert error(bobs_program.post("phones", sent)) == (422, "invalid")
