#!/usr/bin/env bash
# The functions as processes of their own, on a real Kafka and a real MongoDB: what a cluster does, on one machine.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/run.sh source|consumer [--smoke] [--no-build]

Starts Kafka and MongoDB (scripts/services.sh up), builds and starts buy, query, frontend, and what brings purchases
from Kafka to MongoDB:

  source      storer, and the stand-in of the Knative KafkaSource that posts to it
  consumer    consumer

Says what to open, and stops all of it but the services on Ctrl-C. When one of them ends, the others are stopped too.

  --smoke     checks the page's address and buy's with scripts/smoke.sh, and stops
  --no-build  starts what was built before

  FIRST_PORT  ports in a row: buy, storer or consumer, query, frontend, stand-in [3000 3001 3002 8080 8090]
END
}

road=${1:-}
smoke=
build=yes
case $road in
    source | consumer) shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
esac
for option; do
    case $option in
        --smoke) smoke=yes ;;
        --no-build) build= ;;
        *) usage >&2 && exit 64 ;;
    esac
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

ports=(3000 3001 3002 8080 8090)
if [ -n "${FIRST_PORT:-}" ]; then
    for index in "${!ports[@]}"; do ports[index]=$((FIRST_PORT + index)); done
fi
buy=http://127.0.0.1:${ports[0]}
storer=http://127.0.0.1:${ports[1]}
query=http://127.0.0.1:${ports[2]}
page=http://127.0.0.1:${ports[3]}

# All of them, so that the second road needs no other build.
functions=(buy storer query consumer kafka-source frontend)
[ -z "$build" ] || cargo build --release --locked "${functions[@]/#/--package=}"
release=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release
services=$(bash scripts/services.sh up)
eval "$services"

logs=$(mktemp -d)
running=()

# shellcheck disable=SC2317 # the trap calls it
finish() {
    local code=$? index
    trap - EXIT
    # What clients reach first, then what answers it.
    for ((index = ${#running[@]} - 1; index >= 0; index--)); do
        kill -TERM "${running[index]}" 2>/dev/null || continue
        wait "${running[index]}" || code=1
    done
    rm -rf "$logs"
    exit "$code"
}
trap finish EXIT
trap 'exit 0' INT TERM

# start NAME PORT VARIABLE=VALUE...: with nothing else of the environment than where the services are.
start() {
    local name=$1 port=$2 deadline=$((SECONDS + 30))
    shift 2
    env -i HOST=127.0.0.1 PORT="$port" RUST_LOG="${RUST_LOG:-info}" KAFKA_BROKER="$KAFKA_BROKER" MONGODB_URI="$MONGODB_URI" "$@" \
        "$release/$name" >"$logs/$name" 2>&1 &
    running+=("$!")
    until grep -qs '"listening"' "$logs/$name"; do
        if ! kill -0 "${running[-1]}" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            printf 'run: %s does not start:\n%s\n' "$name" "$(tail -n 20 "$logs/$name")" >&2
            exit 1
        fi
        sleep 0.1
    done
}

lists=$query
start query "${ports[2]}"
case $road in
    source)
        start storer "${ports[1]}"
        # As a KafkaSource should be set: tried again for a day.
        start kafka-source "${ports[4]}" SINK="$storer" ORDERING=unordered BACKOFF_POLICY=linear BACKOFF_DELAY=PT0.1S RETRY=1320
        ;;
    consumer)
        start consumer "${ports[1]}"
        lists=$storer
        ;;
esac
start buy "${ports[0]}" CUSTOMER_MANAGEMENT_URL="$lists"
start frontend "${ports[3]}" BUY_URL="$buy" QUERY_URL="$query"

if [ -n "$smoke" ]; then
    API_BASE=$page bash scripts/smoke.sh
    API_BASE=$buy bash scripts/smoke.sh
    exit 0
fi
cat <<END
The page   $page
buy        $buy
query      $query
logs       $logs
Kafka      $KAFKA_BROKER
MongoDB    $MONGODB_URI
Ctrl-C stops the functions; scripts/services.sh down stops Kafka and MongoDB, which keep what was bought.
END
wait -n "${running[@]}" || true
echo "run: a function ended; the logs said at the end:" >&2
tail -n 5 "$logs"/* >&2
exit 1
