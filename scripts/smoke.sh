#!/usr/bin/env bash
# Buys twice and finds exactly these two in the list: the promise, from outside, in a few seconds.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/smoke.sh

Checks a running User Buy List from outside: health, two purchases (JSON and form), a repeated request, the list,
and a refusal. Leaves two purchases of a new random user behind.

  API_BASE          where it runs [http://localhost:3000]; a page's address does as well
  SMOKE_DEADLINE_S  how long the purchases may take to be listed [60]

Exits 0 with one line, or 1 with the reason and what was received. Needs curl.
END
}

case "${1:-}" in
    "") ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
esac

export LC_ALL=C
base=${API_BASE:-http://localhost:3000}
base=${base%/}
deadline_s=${SMOKE_DEADLINE_S:-60}
# A proxy of this environment is no way to a server on this machine.
no_proxy="localhost,127.0.0.1,::1,${no_proxy:-${NO_PROXY:-}}"
export no_proxy

command -v curl >/dev/null || { echo "smoke: curl is missing; install it" >&2 && exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=
request=

# The request goes into the message as it was made, so that it can be repeated by hand.
fail() {
    {
        printf 'smoke: %s: %s\n' "$base" "$1"
        [ -z "$request" ] || printf -- '--- sent: curl %s\n' "$request"
        [ ! -s "$dir/error" ] || printf -- '--- curl said: %s\n' "$(cat "$dir/error")"
        [ ! -s "$dir/head" ] || printf -- '--- received:\n%s\n' "$(tr -d '\r' <"$dir/head")"
        [ ! -s "$dir/body" ] || printf '%s\n' "$(head -c 4000 "$dir/body")"
    } >&2
    exit 1
}

# send CURL-ARGUMENTS...: the answer's head and body are in files, its status in $status (000 when there was none).
send() {
    request=$(printf "%q " "$@")
    : >"$dir/head" && : >"$dir/body"
    status=$(curl -q --silent --show-error --max-time 15 --dump-header "$dir/head" --output "$dir/body" \
        --write-out '%{http_code}' "$@" 2>"$dir/error") || true
}

expect() {
    [ "$status" = "$1" ] || fail "$2: expected $1, got $status"
}

# member NAME: its value in the JSON object on stdin. Enough for the values of this script: they have no quotes or braces.
member() {
    local key='.*"'"$1"'"[[:space:]]*:[[:space:]]*'
    sed -n -e "s/$key\"\([^\"]*\)\".*/\1/p" -e t -e "s/$key\([^\",}[:space:]]*\).*/\1/p"
}

# bought WHAT: prints "ID TIMESTAMP" of an acknowledged purchase.
bought() {
    expect 201 "$1"
    local id timestamp
    id=$(tr -d '\n' <"$dir/body" | member id)
    timestamp=$(tr -d '\n' <"$dir/body" | member timestamp)
    if [ -z "$id" ] || [ -z "$timestamp" ]; then fail "$1: the answer names no id or no timestamp"; fi
    printf '%s %s\n' "$id" "$timestamp"
}

random=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
# A slash in a user id is where a path that is decoded too early goes wrong.
userid="smoke/$random"
list="$base/getAllUserBuys/smoke%2F$random"
# Fifteen digits: exact as a decimal and through a double, and wrong in a float or when rounded to cents.
price_json=123456789.012345
price_form=0.1

send "$base/health"
expect 200 "the health route"

json="{\"username\":\"Smoke\",\"userid\":\"$userid\",\"item\":\"tea\",\"price\":$price_json}"
buy_json() {
    send --header 'Content-Type: application/json' --header "Idempotency-Key: \"$random\"" --data "$json" "$base/buy"
}
buy_json
first=$(bought "buying with JSON") || exit 1
buy_json
again=$(bought "repeating with the same Idempotency-Key") || exit 1
[ "${first% *}" = "${again% *}" ] ||
    fail "the same request with the same Idempotency-Key was bought twice: ${first% *} and ${again% *}"

send --data-urlencode username=Smoke --data-urlencode "userid=$userid" --data-urlencode "price=${price_form}0" "$base/buy"
second=$(bought "buying with a form") || exit 1
[ "${second% *}" != "${first% *}" ] || fail "two purchases have the same id ${first% *}"

send --header 'Content-Type: application/json' \
    --data "{\"username\":\"Smoke\",\"userid\":\"$userid\",\"price\":-1}" "$base/buy"
expect 400 "a price of -1"
[ -n "$(tr -d '\n' <"$dir/body" | member error)" ] || fail "a refusal has no member error"

deadline=$((SECONDS + deadline_s))
until
    send --header 'Prefer: wait=10' "$list?contains=${first% *}&contains=${second% *}"
    [ "$status" = 200 ] && grep -qi '^contains: *true' "$dir/head"
do
    [ "$SECONDS" -lt "$deadline" ] || fail "the purchases ${first% *} and ${second% *} were not listed within $deadline_s s"
    # It already waited, unless it had no place left for one who waits.
    sleep 1
done

# One purchase a line: "TIMESTAMP ID PRICE USERID".
tr -d '\r\n' <"$dir/body" | tr '}' '\n' | while IFS= read -r object; do
    line=
    for name in timestamp id price userid; do line="$line $(printf '%s\n' "$object" | member "$name")"; done
    printf '%s\n' "${line# }"
done >"$dir/listed"

[ "$(wc -l <"$dir/listed")" -eq 2 ] || fail "the list has $(wc -l <"$dir/listed") purchases where 2 were bought"
# Either time of the repeated one may be the first that was stored.
grep -qxF -e "${first#* } ${first% *} $price_json $userid" -e "${again#* } ${again% *} $price_json $userid" "$dir/listed" ||
    fail "the list differs from what was bought with JSON: ${first#* } ${first% *} $price_json $userid"
grep -qxF "${second#* } ${second% *} $price_form $userid" "$dir/listed" ||
    fail "the list differs from what was bought with a form: ${second#* } ${second% *} $price_form $userid"
sort -r "$dir/listed" | cmp -s - "$dir/listed" || fail "the list is not newest first"

echo "smoke: $base: two purchases bought once each and listed exactly, newest first"
