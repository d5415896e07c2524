"""What of the contract JSON Schema cannot say: white space around a text, the digits of a price, the years of a time.

Where a function and its document disagree about a purchase, these rules decide whether that is a failure. They are written
from the contract and not from the code.
"""

import base64
import json
import re
import unicodedata
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs, parse_qsl, unquote_to_bytes, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

# Unicode's White_Space.
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

OURS = "/user-buy-list/buy"
RECORDED = "dev.userbuylist.purchase.recorded.v1"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
TEXTS = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"]
# The first millisecond of the year 0 and the last one of the year 9999.
MILLISECONDS = (-62167219200000, 253402300799999)

# What was sent under the source and the id of an event.
sent = defaultdict(set)


@schemathesis.hook
def after_call(context, case, response):
    if case.method == "POST" and case.path == "/":
        for event in events(response.request):
            sent[place(event)].add(repr(event))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure stands."""
    if case.method == "GET" and isinstance(failure, RejectedPositiveData):
        return not has_far_cursor(response.request.url)
    if case.method != "POST" or not isinstance(failure, AcceptedNegativeData | RejectedPositiveData):
        return True
    # Whoever sends other content under an id that is taken is refused, and rightly.
    if response.headers.get("kne-reason") == ["conflict"]:
        return not any(len(sent[place(event)]) > 1 for event in events(response.request))
    return is_valid(case.path, response.request) != isinstance(failure, AcceptedNegativeData)


def place(event):
    return repr((event.get("source"), event.get("id")))


def is_valid(path, request):
    """Whether a request states what it should, read as it was sent."""
    if path == "/":
        found = events(request)
        return found is not UNREADABLE and all(map(is_event, found))
    headers, kind = head(request)
    try:
        body = form(text(request.body)) if kind == FORM else exact(request.body)
    except UNREAD:
        return False
    is_taken = kind in (JSON, FORM) and is_key(headers.get("idempotency-key"))
    return is_taken and is_purchase(body, timed=path == "/purchases")


UNREAD = (ValueError, InvalidOperation, RecursionError)
UNREADABLE = [{}]


def events(request):
    """What a delivery brings, with the data as JSON; an event without anything if that cannot be told."""
    headers, kind = head(request)
    try:
        body = exact(request.body)
        if kind in (EVENT, BATCH):
            found = body if kind == BATCH else [body]
            is_read = isinstance(found, list) and all(isinstance(event, dict) for event in found)
            return [opened(event) for event in found] if is_read else UNREADABLE
        if kind != JSON:
            return UNREADABLE
        named = [(name[3:], value) for name, value in headers.items() if name.startswith("ce-")]
        return [{**{name: unquote_to_bytes(value).decode() for name, value in named}, "data": body}]
    except UNREAD:
        return UNREADABLE


def opened(event):
    if event.get("data") is not None or event.get("data_base64") is None:
        return event
    rest = {name: value for name, value in event.items() if name != "data_base64"}
    if not isinstance(event["data_base64"], str):
        raise ValueError("data_base64 is no text")
    return {**rest, "data": exact(base64.b64decode(event["data_base64"], validate=True))}


def head(request):
    headers = {name.lower(): text(value) for name, value in request.headers.items()}
    return headers, headers.get("content-type", "").split(";")[0].strip().lower()


def exact(body):
    """Numbers stay as they were written."""
    return json.loads(body or "", parse_float=Decimal, parse_int=Decimal)


def has_far_cursor(url):
    """Whether a cursor is one that no list can have given out."""
    cursors = parse_qs(urlsplit(text(url)).query).get("cursor", [])
    times = [cursor.split("~")[0] for cursor in cursors]
    first, last = MILLISECONDS
    return any(re.fullmatch("-?[0-9]+", time) and not first <= int(time) <= last for time in times)


def text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def form(body):
    pairs = parse_qsl(body, keep_blank_values=True, errors="strict")
    fields = dict(pairs)
    if any(sum(name == other for other, _ in pairs) > 1 for name in ("username", "userid", "item", "price", "timestamp")):
        raise ValueError("a field is given twice")
    return fields


def is_event(event):
    if event.get("specversion") != "1.0" or event.get("type") != RECORDED or event.get("data_base64") is not None:
        return False
    others = [(name, value) for name, value in event.items() if name != "data" and value is not None]
    if not all(isinstance(value, str) if name in TEXTS else not isinstance(value, dict | list) for name, value in others):
        return False
    named = [event.get("id"), event.get("source")]
    if not all(isinstance(name, str) and name and not has_control(name) for name in named):
        return False
    if event["source"] == OURS and not is_uuid(event["id"]):
        return False
    if event.get("time") is not None and not is_time(event["time"]):
        return False
    data = event.get("data")
    has_time = event.get("time") is not None or (isinstance(data, dict) and not is_blank(data.get("timestamp")))
    return has_time and is_purchase(data, timed=True)


def is_purchase(body, timed):
    if not isinstance(body, dict):
        return False
    userid, item = body.get("userid"), body.get("item")
    return (
        is_text(body.get("username"), 1000)
        and is_text(userid, 256)
        and userid.strip(WHITE) not in (".", "..")
        and (is_blank(item) or is_text(item, 200))
        and is_price(body.get("price"))
        and (not timed or is_blank(body.get("timestamp")) or is_time(body["timestamp"]))
    )


def is_blank(value):
    return value is None or (isinstance(value, str) and not value.strip(WHITE))


def is_text(value, most):
    if not isinstance(value, str):
        return False
    value = value.strip(WHITE)
    return 1 <= len(value) <= most and not has_control(value)


def has_control(value):
    return any(unicodedata.category(character) == "Cc" for character in value)


def is_price(value):
    if isinstance(value, str):
        if not NUMBER.fullmatch(value := value.strip(WHITE)):
            return False
    elif not isinstance(value, Decimal):
        return False
    try:
        value = Decimal(value)
    except InvalidOperation:
        return False
    if not value.is_finite() or not 0 < value <= 999999999999999:
        return False
    _, digits, exponent = value.as_tuple()
    while digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    return len(digits) <= 15 and exponent >= -6


def is_time(value):
    found = isinstance(value, str) and TIME.fullmatch(value.strip(WHITE))
    if not found:
        return False
    day, minute, second, offset = found.groups()
    # Python knows no year 0, which is a leap year like the year 4.
    day = day.replace("0000-", "0004-")
    try:
        # A leap second is a time.
        time = datetime.fromisoformat(f"{day}T{minute}:{'59' if second == '60' else second}{offset.upper()}")
        return time.astimezone(UTC) is not None
    except (ValueError, OverflowError):
        return False


def is_uuid(value):
    try:
        return uuid.UUID(value) is not None
    except ValueError:
        return False


def is_key(value):
    """Bare or quoted, as the documents' pattern says."""
    if value is None:
        return True
    value = value.strip(" \t")
    quoted = re.fullmatch(r'"(?:[ !#-\[\]-~]|\\["\\]){1,255}"', value)
    bare = re.fullmatch(r"[!#-~][ -~]{0,254}", value)
    return bool(quoted or bare)
