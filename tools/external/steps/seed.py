"""Makes things of every kind, so that schemathesis has real ids to put into paths and gets past "not found"."""

import json
import time
import urllib.error
import urllib.request

PATIENCE_S = 15


class Somebody:
    """Calls the gateway with a session of its own."""

    def __init__(self, gateway, credentials):
        self.gateway, self.token, self.keys = gateway, None, 0
        session = self.post("/auth/v1/login", credentials)
        self.token, self.user_id, self.session_id = session["access_token"], session["user"]["id"], session["session_id"]

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, json.dumps(body).encode())

    def call(self, method, path, body=None):
        self.keys += 1
        headers = {"content-type": "application/json", "idempotency-key": f"seed-{time.time_ns()}-{self.keys}"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.gateway + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"the seed: {method} {path} answered {refused.code}: {refused.read().decode()}") from refused


def dictionaries(platform, credentials, is_admin):
    """Ids by the operations that take them: triples of a pattern of paths, a parameter and its values."""
    me = Somebody(platform.gateway, credentials)
    # Of its own: what other steps found, they may have sold out or switched off.
    mug = {"name": "Seed mug", "price": {"currency": "EUR", "decimal": "4.90"}, "stock": 1_000_000}
    product = Somebody(platform.gateway, platform.admin).post("/order/v1/products", mug)["id"]
    orders = [me.post("/order/v1/orders", {"items": [{"product_id": product, "quantity": 1}]}) for _ in range(6)]
    payments = [order["payment_id"] for order in orders]
    invoices = ids(eventually(lambda: me.get("/billing/v1/invoices")["items"]))
    inbox = ids(eventually(lambda: me.get("/notification/v1/inbox")["items"]))
    lists = [
        ("/order/v1/orders/", "id", ids(orders)),
        ("/order/v1/products/", "id", [product]),
        ("/billing/v1/(payments|ledger)/", "payment_id", payments),
        ("/billing/v1/references/", "reference", ids(orders)),
        ("/billing/v1/invoices/", "invoice_id", invoices),
        ("/notification/v1/inbox/", "item_id", inbox),
    ]
    for service in ("billing", "notification"):
        lists.append((f"/{service}/v1/webhooks/", "endpoint_id", endpoints(me, f"/{service}/v1/webhooks")))
    return lists + (of_administrators(me) if is_admin else [])


def of_administrators(me):
    accounts = [
        me.post("/auth/v1/service-accounts", {"name": f"seed-{time.time_ns()}", "roles": ["introspect"]}) for _ in range(3)
    ]
    source = {"subject": "Offer for {{ name }}", "text": "Dear {{ name }}."}
    me.call("PUT", "/notification/v1/templates/seed_offer", json.dumps({"category": "news", "sample": {"name": "Ada"}}).encode())
    me.post("/notification/v1/templates/seed_offer/versions", {"channel": "inbox", "locale": "en", "source": source})
    deliveries = eventually(lambda: me.get("/notification/v1/deliveries")["items"])
    return [
        ("/auth/v1/service-accounts/", "client_id", [account["client_id"] for account in accounts]),
        ("/auth/v1/users/", "user_id", strangers(me)),
        ("/billing/v1/platform-webhooks/", "endpoint_id", endpoints(me, "/billing/v1/platform-webhooks")),
        ("/notification/v1/deliveries/", "delivery_id", ids(deliveries)),
        ("/notification/v1/templates/", "name", ["seed_offer"]),
    ]


def strangers(me):
    """Not the caller, who would take the administrator's role from itself."""
    for number in range(3):
        me.post("/auth/v1/register", {"email": f"stranger-{number}@example.com", "password": "correct horse battery staple"})
    return [user["id"] for user in me.get("/auth/v1/users")["items"] if user["id"] != me.user_id]


def endpoints(me, path):
    return [me.post(path, {"url": f"https://hooks.shop.example/{n}"})["id"] for n in range(3)]


def ids(items):
    return [item["id"] for item in items]


def eventually(probe):
    """What the probe gives once it gives anything; what follows an order comes by events."""
    until = time.monotonic() + PATIENCE_S
    while not (found := probe()):
        assert time.monotonic() < until, "the seed: what should follow an order did not come"
        time.sleep(0.05)
    return found


def configuration(lists):
    """The same as settings of schemathesis."""
    lines = []
    for number, (_, _, values) in enumerate(lists):
        lines.append(f"[dictionaries.seed-{number}]\nvalues = {json.dumps(values)}\n")
    for number, (pattern, parameter, _) in enumerate(lists):
        binding = f'{{ dictionary = "seed-{number}", probability = 0.7 }}'
        lines.append(f'[[operations]]\ninclude-path-regex = "^{pattern}"\nparameters = {{ "path.{parameter}" = {binding} }}\n')
    return "\n".join(lines)
