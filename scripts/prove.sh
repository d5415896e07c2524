#!/usr/bin/env bash
# Holds a running User Buy List to its promise while something goes wrong: what was answered with 201 is listed exactly once.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/prove.sh [COMMAND [ARGUMENT]...]

Buys as a new random user, each purchase under a key of its own and again until it is acknowledged. A third of the way it starts
COMMAND, such as one that kills pods, and goes on buying until that has ended. Then it waits until the list has every purchase that was
acknowledged, and holds it, now and a while later, to have each once and nothing else. Leaves the purchases behind.

  API_BASE          where it runs [http://localhost:3000]; a page's address does as well
  PURCHASES         how many, at least [300]
  PROVE_DEADLINE_S  how long one purchase may take to be acknowledged, and how long all of them to be listed [300]
  PROVE_SETTLE_S    after which the list must still be the same: what is delivered twice is delivered late [10]

Exits 0 with one line, or 1 with what is missing or too much. Needs curl.
END
}

case "${1:-}" in
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 64 ;;
esac

export LC_ALL=C
base=${API_BASE:-http://localhost:3000}
base=${base%/}
purchases=${PURCHASES:-300}
deadline_s=${PROVE_DEADLINE_S:-300}
settle_s=${PROVE_SETTLE_S:-10}
no_proxy="localhost,127.0.0.1,::1,${no_proxy:-${NO_PROXY:-}}"
export no_proxy
command -v curl >/dev/null || { echo "prove: curl is missing; install it" >&2 && exit 1; }
dir=$(mktemp -d)
disturbing=
trap '[ -z "$disturbing" ] || kill "$disturbing" 2>/dev/null || true; rm -rf "$dir"' EXIT

die() {
    printf 'prove: %s: %s\n' "$base" "$*" >&2
    exit 1
}

ask() { curl -q --silent --max-time 20 --output "$dir/answer" --write-out '%{http_code}' "$@" || true; }

# ids: of the answer, in its order.
ids() { { cat "$dir/answer" && echo; } | sed 's/"id":/\n&/g' | sed -n 's/^"id":"\([^"]*\)".*/\1/p'; }

user=prove-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
again=0

# buy NUMBER: until it is acknowledged. The same key makes the same purchase, however often it is sent.
buy() {
    local deadline=$((SECONDS + deadline_s)) status
    until status=$(ask --header "Idempotency-Key: \"$user-$1\"" --data "username=Prove&userid=$user&item=tea&price=$1" "$base/buy") &&
        [ "$status" = 201 ]; do
        case $status in
            000 | 404 | 408 | 429 | 5??) ;;
            *) die "purchase $1 was answered with $status: $(head -c 1000 "$dir/answer")" ;;
        esac
        [ "$SECONDS" -lt "$deadline" ] || die "purchase $1 was not acknowledged within $deadline_s s; the last answer was $status"
        again=$((again + 1))
        sleep 0.2
    done
    [ "$(ids | wc -l)" -eq 1 ] || die "purchase $1 was acknowledged without an id: $(head -c 1000 "$dir/answer")"
    ids >>"$dir/acknowledged"
}

is_disturbed() { [ -n "$disturbing" ] && kill -0 "$disturbing" 2>/dev/null; }

bought=0
until [ "$bought" -ge "$purchases" ] && ! is_disturbed; do
    if [ "$#" -gt 0 ] && [ -z "$disturbing" ] && [ "$bought" -ge $((purchases / 3)) ]; then
        "$@" >"$dir/disturbed" 2>&1 &
        disturbing=$!
    fi
    bought=$((bought + 1))
    buy "$bought"
done
if [ -n "$disturbing" ]; then
    wait "$disturbing" || { disturbing= && die "$1 failed: $(tail -n 20 "$dir/disturbed")"; }
    disturbing=
fi

sort "$dir/acknowledged" >"$dir/expected"
# listed: is it what was acknowledged?
listed() {
    status=$(ask --header 'Accept: application/x-ndjson' "$base/getAllUserBuys/$user")
    [ "$status" = 200 ] && ids | sort >"$dir/listed" && cmp -s "$dir/expected" "$dir/listed"
}

# A line in the first column was acknowledged and is missing; in the second, it is listed twice or was never acknowledged.
differs() { die "$1: $([ "$status" = 200 ] && comm -3 "$dir/expected" "$dir/listed" | head -n 20 || echo "answered with $status")"; }

deadline=$((SECONDS + deadline_s))
until listed; do
    [ "$SECONDS" -lt "$deadline" ] || differs "the list is not what was acknowledged within $deadline_s s"
    sleep 0.5
done
sleep "$settle_s"
listed || differs "the list is another after $settle_s s"
echo "prove: $base: $bought purchases acknowledged, each is listed exactly once; $again requests were sent again"
