"""Buys something through the gateway with a client that was made of the platform's document, after importing every
module of it."""

import importlib
import os
import pkgutil

import shoal_client
from shoal_client import AuthenticatedClient, Client
from shoal_client.api.accounts import auth_register
from shoal_client.api.orders import order_get_order, order_place_order
from shoal_client.api.products import order_get_product, order_list_products
from shoal_client.api.sessions import auth_log_in
from shoal_client.models import ItemRequest, LogIn, Order, PlaceOrder, ProblemDetails, Register

GATEWAY, RUN = os.environ["SHOAL_GATEWAY"], os.environ["SHOAL_RUN"]

modules = [m.name for m in pkgutil.walk_packages(shoal_client.__path__, "shoal_client.")]
for name in modules:
    importlib.import_module(name)

email, password = f"python-{RUN}@example.com", "correct horse battery staple"
anyone = Client(base_url=GATEWAY)
auth_register.sync(client=anyone, body=Register(email=email, password=password))
tokens = auth_log_in.sync(client=anyone, body=LogIn(email=email, password=password))
product = order_list_products.sync(client=anyone, limit=1).items[0]

me = AuthenticatedClient(base_url=GATEWAY, token=tokens.access_token)
wish = PlaceOrder(items=[ItemRequest(product_id=product.id, quantity=2)])
placed = order_place_order.sync_detailed(client=me, body=wish, idempotency_key=f"python-{RUN}")
order = placed.parsed
assert isinstance(order, Order) and placed.status_code in (201, 202), placed
assert order.total.minor_units == 2 * product.price.minor_units, order
assert placed.headers["location"].endswith(order.id), placed.headers
assert order_get_order.sync(order.id, client=me).id == order.id

missing = order_get_product.sync("prd_none", client=anyone)
assert isinstance(missing, ProblemDetails) and missing.code == "order.product_not_found", missing

print(f"{len(modules)} modules imported; an order of {order.total.minor_units} minor units of {order.total.currency} is {order.status}")
