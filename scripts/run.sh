#!/usr/bin/env bash
# The functions as processes of their own, on a real Kafka and a real MongoDB: what a cluster does, on one machine.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/run.sh source|consumer [--images] [--smoke] [--no-build]

Starts Kafka and MongoDB (scripts/services.sh up), builds and starts buy, query, frontend, and what brings purchases
from Kafka to MongoDB:

  source      storer, and the stand-in of the Knative KafkaSource that posts to it
  consumer    consumer

Says what to open, and stops all of it but the services on Ctrl-C. When one of them ends, the others are stopped too.

  --images    starts the functions from their images (scripts/images.sh), as pods: nobody's root, nothing writable, and they find
              each other by names
  --smoke     checks the page's address and buy's with scripts/smoke.sh, and stops
  --no-build  starts what was built before

  STAND_IN    the stand-in, where it was built elsewhere [target/release/kafka-source]
  FIRST_PORT  ports in a row: buy, storer or consumer, query, frontend, stand-in [3000 3001 3002 8080 8090]
END
}

road=${1:-}
images=
smoke=
build=yes
case $road in
    source | consumer) shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
esac
for option; do
    case $option in
        --images) images=yes ;;
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
query=http://127.0.0.1:${ports[2]}
page=http://127.0.0.1:${ports[3]}

die() {
    printf 'run: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/target.sh
. scripts/target.sh
# shellcheck source=scripts/containers.sh
. scripts/containers.sh

# All of them, so that the second road needs no other build.
functions=(buy storer query consumer frontend)
if [ -n "$build" ] && [ -n "$images" ]; then
    bash scripts/images.sh build "${functions[@]}"
    cargo build --release --locked --package=kafka-source
elif [ -n "$build" ]; then
    cargo build --release --locked "${functions[@]/#/--package=}" --package=kafka-source
fi
release=$(target_folder)/release
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
        # The name server is root's.
        kill -TERM "${running[index]}" 2>/dev/null || as_root kill -TERM "${running[index]}" 2>/dev/null || continue
        wait "${running[index]}" || code=1
    done
    rm -rf "$logs"
    exit "$code"
}
trap finish EXIT
trap 'exit 0' INT TERM

# start NAME PORT VARIABLE=VALUE...: with nothing else of the environment.
start() {
    local name=$1 port=$2
    shift 2
    set -- HOST=127.0.0.1 PORT="$port" RUST_LOG="${RUST_LOG:-info}" "$@"
    # The stand-in is no function, and there is no image of it.
    if [ -n "$images" ] && [ "$name" != kafka-source ]; then
        run "$name" '"listening"' in_container "$name" "${resolving[@]}" "${@/#/--env=}"
    else
        run "$name" '"listening"' env -i "$@" "${STAND_IN:-$release/$name}"
    fi
}

# run NAME SIGN COMMAND...: until it says SIGN.
run() {
    local name=$1 sign=$2 deadline=$((SECONDS + 30))
    shift 2
    "$@" >"$logs/$name" 2>&1 &
    running+=("$!")
    until grep -qs "$sign" "$logs/$name"; do
        if ! kill -0 "${running[-1]}" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            die "$name does not start: $(tail -n 20 "$logs/$name")"
        fi
        sleep 0.1
    done
}

# host NAME: where that Service of a cluster is.
host() { echo 127.0.0.1; }
if [ -n "$images" ]; then
    case $road in
        # Knative routes by whole names.
        source) host() { echo "$1.$domain"; } ;;
        consumer) host() { echo "$1"; } ;;
    esac
    run dnsmasq started serve_names
fi
kafka=KAFKA_BROKER=${KAFKA_BROKER//127.0.0.1/$(host kafka)}
mongodb=MONGODB_URI=${MONGODB_URI/127.0.0.1/$(host mongodb)}

lists=http://$(host query):${ports[2]}
start query "${ports[2]}" "$mongodb"
case $road in
    source)
        buyer=buy
        start storer "${ports[1]}" "$mongodb"
        # As a KafkaSource should be set: tried again for a day.
        start kafka-source "${ports[4]}" KAFKA_BROKER="$KAFKA_BROKER" SINK="http://127.0.0.1:${ports[1]}" ORDERING=unordered BACKOFF_POLICY=linear \
            BACKOFF_DELAY=PT0.1S RETRY=1320
        ;;
    consumer)
        buyer=customer-facing
        start consumer "${ports[1]}" "$kafka" "$mongodb"
        lists=http://$(host customer-management):${ports[1]}
        ;;
esac
start buy "${ports[0]}" "$kafka" CUSTOMER_MANAGEMENT_URL="$lists"
start frontend "${ports[3]}" BUY_URL="http://$(host "$buyer"):${ports[0]}" QUERY_URL="http://$(host query):${ports[2]}"

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
