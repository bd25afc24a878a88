"""What schemathesis has to know about this platform: how to log in, and which refusals are not about form."""

import json
import os
import threading
import time
import urllib.request
import uuid

import schemathesis

GATEWAY = os.environ["SHOAL_GATEWAY"]
CREDENTIALS = {"email": os.environ["SHOAL_EMAIL"], "password": os.environ["SHOAL_PASSWORD"]}

# Operations that end sessions: they are called as somebody of whom no other check knows.
ENDING = {"auth_log_out", "auth_log_out_everywhere", "auth_change_password", "auth_end_session"}
LOST = {"email": f"lost-{os.getpid()}@example.com", "password": f"lost-{uuid.uuid4()}"}

# Codes that say "the request has not the form that the document gives it". After a request that has, they are
# failures; other codes say that what it asks for cannot be had.
ABOUT_FORM = {
    "common.malformed_body",
    "common.invalid_field",
    "common.unknown_field",
    "common.invalid_query",
    "common.invalid_path",
    "common.invalid_header",
    "common.idempotency_key_missing",
    "common.idempotency_key_invalid",
}

# Fields with rules that no schema can say: which passwords everybody uses, which addresses are not public, which of two
# times is the earlier.
BEYOND_FORM = {"/password", "/new_password", "/url", "from_ms"}


def post(path, body):
    request = urllib.request.Request(GATEWAY + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def log_in(credentials):
    session = post("/auth/v1/login", credentials)
    return session["access_token"], session["user"]["id"]


class Session:
    """A token that is renewed before anything can have ended it for long."""

    def __init__(self):
        self.lock = threading.Lock()
        self.token, self.user_id = log_in(CREDENTIALS)
        self.since = time.monotonic()

    def current(self):
        with self.lock:
            if time.monotonic() - self.since > 20:
                self.token, _ = log_in(CREDENTIALS)
                self.since = time.monotonic()
            return self.token


SESSION = Session()
post("/auth/v1/register", LOST)


@schemathesis.auth(refresh_interval=None)  # Nothing is cached: the token depends on the operation.
class Bearer:
    def get(self, case, context):
        if case.operation.definition.raw.get("operationId") in ENDING:
            return log_in(LOST)[0]
        return SESSION.current()

    def set(self, case, token, context):
        # Spelt so: the check that leaves the token out looks for this name.
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody saws off the branch that all sit on: the account that the checks use keeps its role and its life."""
    parameters = case.path_parameters or {}
    if parameters.get("user_id") == SESSION.user_id and case.method.upper() != "GET":
        parameters["user_id"] = "usr_01jd8x4q6zj9t0c8m3a5v7k2ye"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops "schema-valid request rejected" where the answer says, with a documented code, that form was not why."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        problem = response.json()
    except ValueError:
        return True
    responses = case.operation.definition.raw.get("responses", {})
    documented = responses.get(str(response.status_code), {}).get("x-error-codes", [])
    code = problem.get("code")
    if code not in documented:
        return True
    if code in ABOUT_FORM:
        fields = {error["field"] for error in problem.get("errors", [])}
        return not (fields and fields <= BEYOND_FORM)
    return False
