#!/usr/bin/env python3
"""A small ticket shop of a reseller's, to show how one sells through Fairgate.

Its fans wait in Fairgate's room. Whoever is let in brings an admission pass, which the shop verifies by itself, with
the published keys alone. Then it exchanges pass and API key for a hold, and the hold for an order.

    shop.py --fairgate URL --show SHOW            serves the shop on 127.0.0.1:8090 (--listen for another address)
    shop.py --fairgate URL --show SHOW --once     goes through everything once as one fan, and prints JSON

The API key stands in FAIRGATE_API_KEY, or in the file named by --key-file. It needs the scopes catalog:read, orders:read
and orders:write. Needs Python 3.9 and python3-cryptography.
"""

import argparse
import hashlib
import html
import http.server
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookies import SimpleCookie

sys.dont_write_bytecode = True  # An example leaves nothing behind in the repository.

from passes import PassRefused, Passes


class Problem(Exception):
    """A call that Fairgate refused, with the id of the problem and the seconds after which to ask again, if any."""

    def __init__(self, status, body, retry_after):
        self.status, self.retry_after = status, retry_after
        self.id = str(body.get("type", "")).rsplit(":", 1)[-1] or f"http-{status}"
        super().__init__(f"{self.id}: {body.get('detail') or body.get('title') or status}")


class Fairgate:
    """The calls that a shop makes."""

    def __init__(self, base, api_key, names):
        """`names` are issuer and audience of this Fairgate's passes."""
        self.base, self.api_key, self.names = base.rstrip("/"), api_key, names

    def call(self, method, path, token=None, body=None, key=None):
        """One call. Repeats it while Fairgate asks for patience; purchase calls carry a key, so a repeat is safe."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.call_once(method, path, token, body, key)
            except Problem as problem:
                patient = problem.status in (429, 503) or problem.id == "request-in-progress"
                if not patient or time.monotonic() > deadline:
                    raise
                time.sleep(min(float(problem.retry_after or 1), 5))

    def call_once(self, method, path, token, body, key):
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            try:
                problem = json.loads(error.read())
            except ValueError:
                problem = {}
            raise Problem(error.code, problem, error.headers.get("Retry-After")) from None

    def join(self, room):
        """A place for a fan. With the key, the shop is counted by its key and not as one fan at its own address."""
        return self.call("POST", f"/v1/rooms/{room}/places", self.api_key)["ticket"]

    def place(self, room, ticket):
        return self.call("GET", f"/v1/rooms/{room}/place", ticket)

    def claim(self, room, ticket):
        return self.call("POST", f"/v1/rooms/{room}/pass", ticket)["pass"]

    def passes(self):
        return Passes(self.call("GET", "/.well-known/paseto-keys")["keys"], *self.names)

    def show(self, show):
        return self.call("GET", f"/v1/reseller/shows/{show}", self.api_key)

    def hold(self, admission_pass, ticket_type, quantity):
        key = hashlib.sha256(f"{admission_pass} {ticket_type} {quantity}".encode()).hexdigest()
        body = {"pass": admission_pass, "items": [{"ticket_type": ticket_type, "quantity": quantity}]}
        return self.call("POST", "/v1/holds", self.api_key, body, key)

    def order(self, hold, name, email):
        """Places the order and waits for its payment link. A repeat for the same hold finds the same order."""
        key = hashlib.sha256(hold.encode()).hexdigest()
        body = {"hold": hold, "buyer": {"name": name, "email": email}}
        order = self.call("POST", "/v1/orders", self.api_key, body, key)
        for _ in range(50):
            if order["state"] != "pending" and not (order["state"] == "placed" and not order["payment"]["url"]):
                break
            time.sleep(0.2)
            order = self.read(order["order"])
        return order

    def read(self, order):
        return self.call("GET", f"/v1/orders/{order}", self.api_key)

    def orders(self, show):
        return self.call("GET", f"/v1/reseller/orders?show={show}", self.api_key)["orders"]


def sell(fairgate, passes, show, admission_pass, name, email, quantity=1):
    """Verifies a pass and sells the cheapest tickets of the show that are left to whoever brings it."""
    claims = passes.verify(admission_pass, show)
    types = [of for of in fairgate.show(show)["ticket_types"] if of["free"] is None or of["free"] >= quantity]
    if not types:
        raise PassRefused("no ticket is left")
    cheapest = min(types, key=lambda of: of["price_minor"])
    hold = fairgate.hold(admission_pass, cheapest["ticket_type"], quantity)
    return claims, hold, fairgate.order(hold["hold"], name, email)


def once(fairgate, show):
    """One fan's way through line and shop, as JSON."""
    passes = fairgate.passes()
    ticket = fairgate.join(show)
    deadline = time.monotonic() + 120
    while (place := fairgate.place(show, ticket))["state"] == "waiting":
        if time.monotonic() > deadline:
            raise SystemExit("the line did not move far enough within 120 s")
        time.sleep(min(place.get("poll_after_ms", 500), 2000) / 1000)
    admission_pass = fairgate.claim(show, ticket)
    at = len(admission_pass) // 2
    forged = admission_pass[:at] + ("A" if admission_pass[at] != "A" else "B") + admission_pass[at + 1:]
    try:
        passes.verify(forged, show)
        raise SystemExit("a forged pass was taken for a good one")
    except PassRefused as refused:
        forged = str(refused)
    claims, hold, order = sell(fairgate, passes, show, admission_pass, "Example Fan", "fan@shop.example")
    listed = [entry["order"] for entry in fairgate.orders(show)]
    return {"show": show, "place": claims["place"], "pass": "verified", "forged": forged, "order": order["order"],
            "state": order["state"], "amount_minor": hold["amount_minor"], "currency": hold["currency"],
            "payment_url": order["payment"]["url"], "read_back": fairgate.read(order["order"])["state"],
            "listed": order["order"] in listed}


class Shop(http.server.BaseHTTPRequestHandler):
    """`/` waits with the fan, `/buy?pass=…` sells, `/orders` reads back. On loopback only: it asks nobody who they are."""

    fairgate = passes = show = None

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        pages = {"/": self.wait, "/buy": self.buy, "/orders": self.orders}
        try:
            pages.get(address.path, self.nothing)(dict(urllib.parse.parse_qsl(address.query)))
        except (PassRefused, Problem) as fault:
            self.answer(f"<h1>That did not work</h1><p>{html.escape(str(fault))}</p><p><a href='/'>Back to the line</a></p>", 409)

    def wait(self, _):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("place")
        ticket = cookie.value if cookie else self.fairgate.join(self.show)
        place = self.fairgate.place(self.show, ticket)
        if place["state"] == "waiting":
            keep = f"place={ticket}; HttpOnly; SameSite=Lax; Path=/"
            self.answer(f"<h1>In line for {self.show}</h1><p>{place['ahead']} people are ahead of you.</p>", 200,
                        {"Set-Cookie": keep, "Refresh": "2"})
        elif place["state"] == "your_turn":
            admission_pass = self.fairgate.claim(self.show, ticket)
            self.answer("", 303, {"Location": "/buy?" + urllib.parse.urlencode({"pass": admission_pass})})
        else:
            gone = "place=; Max-Age=0; Path=/"
            self.answer("<h1>Your turn is over</h1><p><a href='/'>Join the line again</a></p>", 200, {"Set-Cookie": gone})

    def buy(self, query):
        _, hold, order = sell(self.fairgate, self.passes, self.show, query.get("pass", ""), "Example Fan", "fan@shop.example")
        amount = f"{hold['amount_minor']} {hold['currency']} (minor units)"
        link = html.escape(order["payment"]["url"] or "/orders", quote=True)
        self.answer(f"<h1>Your ticket is reserved</h1><p>{amount}</p><p><a href='{link}'>Pay</a> · <a href='/orders'>Orders</a></p>")

    def orders(self, _):
        rows = "".join(f"<li>{html.escape(order['order'])}: {html.escape(order['state'])}</li>" for order in self.fairgate.orders(self.show))
        self.answer(f"<h1>Orders</h1><ul>{rows}</ul>")

    def nothing(self, _):
        self.answer("<h1>There is nothing here</h1>", 404)

    def answer(self, body, status=200, headers=None):
        page = f"<!doctype html><html lang='en'><title>Example shop</title>{body}</html>".encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_request(self, code="-", size="-"):
        """Addresses carry passes, which are not for logs."""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--fairgate", default="http://127.0.0.1:8080", help="where Fairgate is")
    options.add_argument("--show", required=True, help="the show's id; its room has the same")
    options.add_argument("--issuer", default="fairgate", help="who signs its passes")
    options.add_argument("--audience", default="fairgate-checkout", help="whom they are for")
    options.add_argument("--key-file", help="a file with the API key")
    options.add_argument("--listen", type=int, default=8090, help="the port on 127.0.0.1")
    options.add_argument("--once", action="store_true", help="buy once as one fan and print JSON")
    given = options.parse_args()
    api_key = open(given.key_file, encoding="utf-8").read() if given.key_file else os.environ.get("FAIRGATE_API_KEY", "")
    if not api_key.strip():
        sys.exit("give the API key in FAIRGATE_API_KEY or --key-file; keys are made in the portal")
    fairgate = Fairgate(given.fairgate, api_key.strip(), (given.issuer, given.audience))
    if given.once:
        try:
            print(json.dumps(once(fairgate, given.show)))
        except (Problem, PassRefused, OSError) as fault:
            sys.exit(str(fault))
        return
    Shop.fairgate, Shop.passes, Shop.show = fairgate, fairgate.passes(), given.show
    print(f"the shop is at http://127.0.0.1:{given.listen}/", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", given.listen), Shop).serve_forever()


if __name__ == "__main__":
    main()
