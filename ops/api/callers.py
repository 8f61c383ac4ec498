"""Makes one of each kind of caller on a running system with the demo catalog, for ops/api-check.

callers.py URL FOLDER reads the first admin's `email<TAB>password` from standard input. It writes into FOLDER the description
as it is served, and beside it `described.json`, whose parameters have things of this system as examples; and for each kind of
caller the token that its calls carry.
"""

import html
import json
import pathlib
import re
import sys
import time
import uuid

import requests

URL, FOLDER = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
ROOM = "mira-vale-harbour-lights"
PASSWORD = "a rehearsal of many words"


def call(method, path, token=None, **more):
    headers = more.pop("headers", {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = requests.request(method, URL + path, headers=headers, timeout=15, **more)
    if answer.status_code >= 400:
        sys.exit(f"{method} {path} answered {answer.status_code}: {answer.text}")
    return answer.json() if answer.content else {}


def signed_in(email, one_time):
    """A session of somebody who has just been given a one-time password."""
    token = call("POST", "/v1/admin/sessions", json={"email": email, "password": one_time})["token"]
    call("PUT", "/v1/admin/password", token, json={"password": PASSWORD})
    return call("POST", "/v1/admin/sessions", json={"email": email, "password": PASSWORD})["token"]


def operator(admin):
    email = "operator@fairgate.example"
    new = {"email": email, "name": "Olga", "role": "operator", "current_password": PASSWORD}
    return signed_in(email, call("POST", "/v1/admin/people", admin, json=new)["one_time_password"])


class Portal:
    """A reseller's browser."""

    def __init__(self):
        self.browser = requests.Session()

    def post(self, page, form, to=None):
        text = self.browser.get(URL + page, timeout=15).text
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        if not found:
            sys.exit(f"{page} has no form: {text[:500]}")
        form = {**form, "csrf": html.unescape(found[1])}
        answer = self.browser.post(URL + (to or page), data=form, timeout=15)
        if answer.status_code >= 400:
            sys.exit(f"{to or page} answered {answer.status_code}: {answer.text[:2000]}")
        return answer


def reseller(admin):
    """An approved reseller's API key, and a show and ticket type of theirs."""
    portal = Portal()
    portal.post("/portal/sign-up", {
        "company": "Quay Tickets", "about": "Shows.", "name": "Ada",
        "email": "ada@quay.example", "password": PASSWORD,
    })
    waiting = call("GET", "/v1/admin/resellers?state=pending", admin)["resellers"][0]
    call("PATCH", f"/v1/admin/resellers/{waiting['reseller']}", admin, json={"state": "approved"})
    portal.post("/portal/venues/new", {
        "name": "Quay Hall", "city": "Hamburg", "country": "DE", "address": "",
        "time_zone": "Europe/Berlin",
    })
    venues = portal.browser.get(URL + "/portal/venues", timeout=15).text
    venue = re.search(r"/portal/venues/([0-9a-f-]{36})", venues)[1]
    show = portal.post("/portal/shows/new", {
        "title": "Harbour Lights", "performer": "Mira Vale", "genre": "Pop", "description": "",
        "venue": venue, "doors_at": "2031-11-21T19:00", "starts_at": "2031-11-21T20:00",
        "on_sale_at": "2024-11-21T20:00",
    }).url.rsplit("/", 1)[1].split("?")[0]
    portal.post(f"/portal/shows/{show}/ticket-types/new", {
        "name": "Floor", "description": "", "price": "45.00", "currency": "EUR",
        "per_order_max": "4", "allotted": "100",
    })
    scopes = [
        "catalog_read", "catalog_write", "stock_write", "orders_read", "orders_write",
        "tickets_read", "reports_read",
    ]
    page = portal.post("/portal/keys", {"name": "A key", **dict.fromkeys(scopes, "on")}).text
    key = re.search(r"<code>(fgk_[^<]{37,})<", page)[1]
    types = call("GET", f"/v1/reseller/shows/{show}", key)["ticket_types"]
    return key, {
        "reseller": waiting["reseller"], "show": show, "ticket_type": types[0]["ticket_type"],
    }


def session():
    """A fan's checkout session."""
    place = call("POST", f"/v1/rooms/{ROOM}/places")["ticket"]
    until = time.monotonic() + 90
    while call("GET", f"/v1/rooms/{ROOM}/place", place)["state"] != "your_turn":
        if time.monotonic() > until:
            sys.exit(f"nobody was let into {ROOM} within 90 s")
        time.sleep(0.3)
    admitted = call("POST", f"/v1/rooms/{ROOM}/pass", place)["pass"]
    return call("POST", "/v1/checkout/sessions", json={"pass": admitted})["session_token"]


def order(token):
    """An order that waits for its payment, and what it was made of."""
    ticket_type = call("GET", f"/v1/shows/{ROOM}")["ticket_types"][0]["ticket_type"]
    fresh = lambda: {"Idempotency-Key": str(uuid.uuid4())}
    items = {"items": [{"ticket_type": ticket_type, "quantity": 1}]}
    hold = call("POST", "/v1/holds", token, json=items, headers=fresh())["hold"]
    buyer = {"hold": hold, "buyer": {"name": "Ada", "email": "ada@fairgate.example"}}
    made = call("POST", "/v1/orders", token, json=buyer, headers=fresh())
    return {"order": made["order"], "ticket_type": ticket_type}


def describe(api, name, things):
    """The description with `things` as examples of the parameters that are called so."""
    for item in api["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in things:
                    parameter["schema"].pop("example", None)
                    parameter["example"] = things[parameter["name"]]
    (FOLDER / f"{name}.json").write_text(json.dumps(api))


def main():
    email, password = sys.stdin.read().strip().split("\t")
    admin = signed_in(email, password)
    key, theirs = reseller(admin)
    fan = session()
    tokens = {
        "anonymous": ("", {"room": ROOM, "show": ROOM}),
        "place": (call("POST", f"/v1/rooms/{ROOM}/places")["ticket"], {"room": ROOM}),
        "session": (fan, {"show": ROOM, **order(fan)}),
        "reseller": (key, {**theirs, "room": ROOM}),
        "operator": (operator(admin), {"room": ROOM, "show": ROOM}),
        # A show of the reseller's: what an admin withdraws here is missed by nobody.
        "admin": (admin, {**theirs, "room": ROOM}),
    }
    served = requests.get(URL + "/openapi.json", timeout=15).json()
    (FOLDER / "openapi.json").write_text(json.dumps(served))
    for name, (token, things) in tokens.items():
        (FOLDER / f"{name}.token").write_text(token)
        describe(json.loads(json.dumps(served)), name, things)


main()
