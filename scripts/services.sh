#!/usr/bin/env bash
# A real Kafka and a real MongoDB on 127.0.0.1, for development and tests: what a fake says about them proves nothing. And
# a proxy to come between them and a test.
#
# A service keeps its ports as long as its data, so that after a restart it is the same one for everybody who uses it.
#
# Here is what all services have in common. What is particular to NAME is in services/NAME.sh:
#
#   NAME_version      the one that is installed
#   NAME_packages     prints the packages that are missing
#   get_NAME          fills the current folder, which becomes .tools/NAME-VERSION
#   prepare_NAME      chooses its ports, once
#   start_NAME        starts the process, by `launch`
#   NAME_is_ready     whether it can be used; what a new one needs for that is made here
#   NAME_variables    prints where it is
#
# Three brokers are three services of one program, so start_kafka and kafka_is_ready get the name of one.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/services.sh COMMAND [kafka|kafka-1|kafka-2|kafka-3|mongod|toxiproxy]...

One or three Kafka brokers, one mongod (a replica set of one) and one Toxiproxy on 127.0.0.1. Without a name, kafka and
mongod are meant, and toxiproxy if it was named in an earlier `up`. Of three brokers, kafka means all.

  install            gets the programs into .tools, and by apt-get what they need; skips what is there; without a name, all
  up                 installs, starts what does not run, waits until it is ready, and prints what `env` prints
  down [--wipe]      stops gracefully; with --wipe the data and the ports go too
  status             a line for each; exits 3 unless all run
  env                shell lines: KAFKA_BROKER, KAFKA_PROXIED, KAFKA_PROXY_PORT, KAFKA_SECURED, MONGODB_URI, TOXIPROXY_URL,
                     SERVICES_DIR
  kill NAME          SIGKILL, for tests of faults; `up` mends it
  pause|resume NAME  SIGSTOP and SIGCONT, for tests of faults

  SERVICES_DIR       where data, logs and ports are [.tools/services]; each folder has services of its own
  KAFKA_BROKERS      1, or 3: new brokers kafka-1, kafka-2 and kafka-3, of which two must run; each keeps all records, and
                     what is acknowledged is kept by two at least [1]
  KAFKA_PORT         port of a new broker, of three the first [a free one]
  MONGODB_PORT       port of a new mongod [a free one]
  TOXIPROXY_PORT     port of a new toxiproxy, where its API is [a free one]
  PURCHASE_TOPIC     created by up [purchases]
  DEAD_LETTER_TOPIC  created by up [purchases-dead-letters]

Kafka listens on KAFKA_PROXIED too, and tells who comes there to come back to 127.0.0.1:KAFKA_PROXY_PORT. Nothing listens
on that one: a test puts a proxy there that leads to KAFKA_PROXIED. On KAFKA_SECURED it asks for SASL PLAIN and knows the user
shop with the password correct-horse. Of three brokers, each of these variables is a list with commas, in the same order.
Needs Linux on x86_64.

    eval "$(scripts/services.sh up)"
END
}

command=${1:-}
[ $# -eq 0 ] || shift
names=()
wipe=
for argument; do
    case "$command $argument" in
        *" kafka" | *" kafka-"[123] | *" mongod" | *" toxiproxy") names+=("$argument") ;;
        "down --wipe") wipe=yes ;;
        *) usage >&2 && exit 64 ;;
    esac
done
# Nothing here asks anybody anything.
exec </dev/null
# Java reads the names of files as the locale says.
export LC_ALL=C.UTF-8
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
tools=$root/.tools
state=$(realpath -m -- "${SERVICES_DIR:-$tools/services}")

case "$command ${#names[@]}" in
    -h\ * | --help\ *) usage && exit 0 ;;
    "install 0") names=(kafka mongod toxiproxy) ;;
    "up 0" | "down 0" | "status 0" | "env 0")
        names=(kafka mongod)
        [ ! -e "$state/toxiproxy" ] || names+=(toxiproxy)
        ;;
    install\ * | up\ * | down\ * | status\ * | env\ * | kill\ [1-9] | pause\ [1-9] | resume\ [1-9]) ;;
    *) usage >&2 && exit 64 ;;
esac

say() { printf 'services: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# shellcheck source=scripts/packages.sh
. "$root/scripts/packages.sh"
for name in kafka mongod toxiproxy; do
    # shellcheck source=/dev/null # each is checked by itself
    . "$root/scripts/services/$name.sh"
done

# Programs are installed, and services run.
programs=()
for name in kafka mongod toxiproxy; do
    [[ " ${names[*]}" != *" $name"* ]] || programs+=("$name")
done
services=()
for name in "${names[@]}"; do
    case $name in
        kafka) services+=("${brokers[@]}") ;;
        kafka-*)
            [ "${#brokers[@]}" -eq 3 ] ||
                die "there is no $name in $state; to have three brokers: KAFKA_BROKERS=3 scripts/services.sh up kafka"
            [ -z "$wipe" ] || die "$name alone cannot be wiped, its ports are known to the others: \`down kafka --wipe\`"
            services+=("$name")
            ;;
        *) services+=("$name") ;;
    esac
done

# --- installation ------------------------------------------------------------------------------------------------------

program_of() { echo "${1%-[123]}"; }
version_of() { local version && version=$(program_of "$1")_version && echo "${!version}"; }
installed() { [ -d "$tools/$1-$(version_of "$1")" ]; }
meant() { [[ " ${programs[*]} " = *" $1 "* ]]; }

packages() {
    local name missing
    mapfile -t missing < <(for name in "${programs[@]}"; do "${name}_packages"; done)
    get_debian "${missing[@]}"
    ! meant kafka || recent_java || die "Kafka needs Java 17, and \`java\` is an older one; put a later one first in PATH"
}

# Whoever is killed here leaves a partial folder, and the next one starts anew.
install() {
    local name
    mkdir -p "$tools"
    packages
    for name in "${programs[@]}"; do
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
        [[ " ${KAFKA_PORT:-} ${MONGODB_PORT:-} ${TOXIPROXY_PORT:-} " != *" $next "* ]]; do :; done
    echo "$next" | tee "$tools/next-port"
)

# choose_ports NAME GIVEN KEY...: once for each folder of data. The first may be given.
choose_ports() {
    local name=$1 given=${2/#0/} has key
    shift 2
    mkdir -p "$state/$name"
    has=$(port "$name" PORT)
    if [ -n "$has" ]; then
        [ "${given:-$has}" = "$has" ] || die "the $name in $state has port $has, not $given;" \
            "to have a new one, without the data: \`down $(program_of "$name") --wipe\`, then \`up\`"
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
        grep -xF "-e$state/$1"/{data,server.properties,proxies.json} >/dev/null && echo "$pid"
}

ended() { ! pid_of "$1" >/dev/null; }

# Even before it is the program that it is going to be; while it becomes one, it has no arguments. What ended is a zombie.
lives() { grep -s '^State:.[^ZX]' "/proc/$1/status" >/dev/null; }

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
            "end that, or have another port, without the data: \`down $(program_of "$name") --wipe\`, then \`up\`"
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

# --- commands ----------------------------------------------------------------------------------------------------------

# lock_of NAME: a file, other ones for other data.
lock_of() { mkdir -p "$tools/locks" && echo "$tools/locks/$1-$(cksum <<<"$state" | cut -d' ' -f1)"; }

# each COMMAND: for all services that are meant, at the same time, and one command at a time for each.
each() {
    local name job jobs=() failed=0
    for name in "${services[@]}"; do
        (
            flock 9
            "$1" "$name"
        ) 9>"$(lock_of "$name")" &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do wait "$job" || failed=1; done
    return "$failed"
}

up() {
    local program pid
    program=$(program_of "$1")
    "prepare_$program"
    if pid=$(pid_of "$1"); then
        # It may have been paused.
        kill -CONT "$pid"
    else
        "start_$program" "$1"
        pid=$!
    fi
    within 60 ready_or_ended "$1" "$pid" && lives "$pid" && return
    say "$1 said, at the end:"
    tail -n 20 "$state/$1/log" >&2
    ! lives "$pid" || die "$1 was not ready within 60 s; it still runs, and its log is $state/$1/log"
    die "$1 ended by itself; its log is $state/$1/log; to have a new one, without the data: \`down $program --wipe\`, then \`up\`"
}

ready_or_ended() { "$(program_of "$1")_is_ready" "$1" || ! lives "$2"; }

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
    for name in "${services[@]}"; do
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
    local name
    for name in "${services[@]}"; do
        [ -n "$(port "$name" PORT)" ] || die "there is no $name in $state; start it: scripts/services.sh up $name"
    done
    for name in "${programs[@]}"; do "${name}_variables"; done
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
    kill) for name in "${services[@]}"; do signal "$name" KILL; done ;;
    pause) for name in "${services[@]}"; do signal "$name" STOP; done ;;
    resume) for name in "${services[@]}"; do signal "$name" CONT; done ;;
esac
