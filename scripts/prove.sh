#!/usr/bin/env bash
# Holds a running User Buy List to its promise while something goes wrong: what was answered with 201 is listed exactly once.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/prove.sh [COMMAND [ARGUMENT]...]

Buys as a new random user, each purchase under a key of its own and again until it is acknowledged; a third of the way it starts
COMMAND, such as one that kills pods. Then it waits until the list has every purchase that was acknowledged, and holds it to have each
once and nothing else. Leaves the purchases behind.

  API_BASE          where it runs [http://localhost:3000]; a page's address does as well
  PURCHASES         how many [300]
  PROVE_DEADLINE_S  how long one purchase may take to be acknowledged, and how long all of them to be listed [300]

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
no_proxy="localhost,127.0.0.1,::1,${no_proxy:-${NO_PROXY:-}}"
export no_proxy
command -v curl >/dev/null || { echo "prove: curl is missing; install it" >&2 && exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

die() {
    printf 'prove: %s: %s\n' "$base" "$*" >&2
    exit 1
}

ask() { curl -q --silent --max-time 20 --output "$dir/answer" --write-out '%{http_code}' "$@" || true; }

# ids: of the answer, in its order.
ids() { grep -o '"id":"[^"]*"' "$dir/answer" | cut -d'"' -f4; }

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
    ids >>"$dir/acknowledged"
}

disturbing=
for ((number = 1; number <= purchases; number++)); do
    if [ "$#" -gt 0 ] && [ -z "$disturbing" ] && [ "$number" -gt $((purchases / 3)) ]; then
        "$@" >"$dir/disturbed" 2>&1 &
        disturbing=$!
    fi
    buy "$number"
done
if [ -n "$disturbing" ]; then
    wait "$disturbing" || die "$1 failed: $(tail -n 20 "$dir/disturbed")"
fi

sort "$dir/acknowledged" >"$dir/expected"
deadline=$((SECONDS + deadline_s))
until [ "$(ask --header 'Accept: application/x-ndjson' "$base/getAllUserBuys/$user")" = 200 ] &&
    ids | sort >"$dir/listed" && cmp -s "$dir/expected" "$dir/listed"; do
    # A line in the first column was acknowledged and is missing; in the second, it is listed and was never acknowledged, or twice.
    [ "$SECONDS" -lt "$deadline" ] ||
        die "the list is not what was acknowledged within $deadline_s s: $(comm -3 "$dir/expected" "$dir/listed" | head -n 20)"
    sleep 0.5
done
echo "prove: $base: $purchases purchases acknowledged, each is listed exactly once; $again requests were sent again"
