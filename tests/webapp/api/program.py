"""A program that uses the API: it has a token, and no cookies."""

from tests.conftest import PASSWORD
from webapp.extensions import db


class Program:
    def __init__(self, app, token="", address="192.0.2.7"):
        self.client = app.test_client(use_cookies=False)
        self.token, self.address = token, address

    def sign_in(self, name, password=PASSWORD, **more):
        answer = self.post("token", {"name": name, "password": password, **more})
        assert answer.status_code == 201, answer.text
        self.token = answer.json["token"]
        return self

    def ask(self, method, path, json=None, headers=(), **how):
        sent = dict(headers)
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if json is not None:
            how["json"] = json
        address = path if path.startswith("/") else f"/api/v1/{path}"
        where = {"REMOTE_ADDR": self.address}
        answer = self.client.open(address, method=method, headers=sent, environ_base=where, **how)
        db.session.rollback()  # a process has its own transaction for every request
        return answer

    def get(self, path, **how):
        return self.ask("GET", path, **how)

    def post(self, path, json=None, **how):
        return self.ask("POST", path, json, **how)

    def delete(self, path, **how):
        return self.ask("DELETE", path, **how)


def error(answer):
    """(status, code) of a refusal, which must be JSON with the reference that is in the log."""
    assert answer.mimetype == "application/json", answer.text
    found = answer.json["error"]
    assert found["message"] and found["reference"] == answer.headers["X-Request-ID"]
    return answer.status_code, found["code"]
