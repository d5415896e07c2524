#!/usr/bin/env bash
# An image for each function: one static program from scratch, which is how a pod is there in milliseconds.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/images.sh install
       scripts/images.sh programs FOLDER
       scripts/images.sh build [NAME]...
       scripts/images.sh check [NAME]...
       scripts/images.sh smoke
       scripts/images.sh push FOLDER
       scripts/images.sh join NAME FOLDER

Images of buy, query, storer, consumer, frontend and embedded (the product in one process), or of those that are named.

  install   gets buildah, podman, runc and dnsmasq by apt-get, and cargo-auditable into .tools; skips what is there
  programs  builds the programs for this machine's processor into a folder, with the certificates to trust. They are linked statically,
            and each carries the list of what it was built from, for scanners
  build     does that, and makes an image of each: REGISTRY/NAME:TAG
  check     starts each image as a pod is started (user 65532, no capabilities, nothing writable), asks it for its health, stops it,
            and prints sizes in MB
  smoke     runs them together on a real Kafka and a real MongoDB, once with storer and once with consumer, where they find each
            other by the names of services, and buys; port 53 of an address of 127.0.0.0/8 needs root, by sudo

  push      pushes them as REGISTRY/NAME:TAG-ARCHITECTURE, with the credentials of `docker login` or `buildah login`, and leaves their
            digests in the folder
  join      makes REGISTRY/NAME:TAG of those in the folder, one for each architecture, pushes that, and prints image=, digest= and
            digest_ARCHITECTURE= as lines

  REGISTRY  [ghcr.io/user-buy-list]
  TAG       [the version in Cargo.toml]
  SOURCE    address of the sources, for the label [none]
END
}

command=${1:-}
[ $# -eq 0 ] || shift
cargo_auditable=0.7.7
all=(buy query storer consumer frontend embedded)
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

die() {
    printf 'images: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/containers.sh
. scripts/containers.sh

install() {
    local program missing=()
    for program in buildah podman runc; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    command -v dnsmasq >/dev/null || missing+=(dnsmasq-base)
    [ -f /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    get_debian "${missing[@]}"
    auditable
}

# The names of packages and of their programs are the same, but for one.
program_of() { echo "${1/#embedded/user-buy-list}"; }

auditable() { get_cargo cargo-auditable "$cargo_auditable"; }

# programs FOLDER NAME...: with a target that is named, the flags are for it alone; what runs during the build cannot be static.
programs() {
    local folder=$1 host built name program
    shift
    auditable
    host=$(rustc --version --verbose | sed -n 's/^host: //p')
    RUSTFLAGS='-C target-feature=+crt-static' CARGO_PROFILE_RELEASE_STRIP=symbols \
        .tools/bin/cargo-auditable auditable build --release --locked --target "$host" "${@/#/--package=}"
    built=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/$host/release
    mkdir -p "$folder/data"
    for name; do
        program=$(program_of "$name")
        ! readelf --program-headers "$built/$program" | grep -q INTERP || die "$program is not static"
        cp "$built/$program" "$folder"
    done
    cp -L /etc/ssl/certs/ca-certificates.crt "$folder"
}

build() {
    local name folder labels=()
    programs "$scratch" "$@"
    labels=(--label "org.opencontainers.image.version=$tag" --label "org.opencontainers.image.revision=$(git rev-parse HEAD)"
        --label org.opencontainers.image.licenses=Apache-2.0)
    [ -z "${SOURCE:-}" ] || labels+=(--label "org.opencontainers.image.source=$SOURCE")
    for name; do
        folder=functions/$name
        [ -d "$folder" ] || folder=$name
        # The same sources make the same image, whenever.
        buildah build --quiet --isolation chroot --timestamp "$(git log -1 --format=%ct)" "${labels[@]}" \
            --file "$folder/Dockerfile" --tag "$(image_of "$name")" "$scratch" >/dev/null
        echo "images: built $(image_of "$name")"
    done
}

# A port that nobody listens on, below those that the system gives to clients.
free_port() {
    local port
    while port=$((10000 + RANDOM % 20000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

# Without a broker and without a store, which health does not ask for.
check() {
    local name port running code
    printf '%12s %12s  %s\n' 'program' 'image' '(MB)'
    for name; do
        port=$(free_port)
        # As for a broker that asks for TLS and a password: where one of them was not linked, the program ends at once.
        in_container "$name" --env HOST=127.0.0.1 --env PORT="$port" --env KAFKA_SECURITY_PROTOCOL=sasl_ssl \
            --env KAFKA_SASL_MECHANISM=SCRAM-SHA-512 --env KAFKA_USER=nobody --env KAFKA_PASSWORD=none >"$scratch/$name" 2>&1 &
        running=$!
        healthy "$name" "$port" "$running"
        kill -TERM "$running"
        code=0
        wait "$running" || code=$?
        [ "$code" -eq 0 ] || failed "$name" "it ended with exit code $code after SIGTERM"
        sizes "$name"
    done
}

failed() { die "$1: $2: $(tail -n 20 "$scratch/$1")"; }

# healthy NAME PORT PID
healthy() {
    local deadline=$((SECONDS + 30))
    until curl -q --silent --fail --noproxy '*' --max-time 2 "http://127.0.0.1:$2/health" >/dev/null; do
        kill -0 "$3" 2>/dev/null || failed "$1" "it does not start"
        [ "$SECONDS" -lt "$deadline" ] || failed "$1" "it does not answer /health"
        sleep 0.1
    done
}

sizes() {
    local mounted program image
    program=$(podman image inspect --format '{{index .Config.Entrypoint 0}}' "$(image_of "$1")")
    mounted=$(podman image mount "$(image_of "$1")")
    program=$(stat --format %s "$mounted$program")
    podman image unmount "$(image_of "$1")" >/dev/null
    image=$(podman image inspect --format '{{.Size}}' "$(image_of "$1")")
    printf '%9d.%02d %9d.%02d  %s\n' $((program / 1000000)) $((program / 10000 % 100)) $((image / 1000000)) $((image / 10000 % 100)) "$1"
}

smoke() {
    local road
    for road in source consumer; do
        FIRST_PORT=$((15000 + RANDOM % 2000)) bash scripts/run.sh "$road" --images --smoke --no-build
    done
}

# Registries on this machine have no certificate.
pushing=()
[[ $registry != 127.* ]] || pushing=(--tls-verify=false)

push() {
    local name architecture
    mkdir -p "$1"
    for name in "${all[@]}"; do
        architecture=$(podman image inspect --format '{{.Architecture}}' "$(image_of "$name")")
        buildah push "${pushing[@]}" --digestfile "$1/$name-$architecture" "$(image_of "$name")" \
            "docker://$(image_of "$name")-$architecture" >&2
    done
}

join() {
    local name=$1 list file digest
    list=$(image_of "$name")
    buildah manifest create "join-$name" >&2
    trap 'buildah manifest rm "join-$name" >&2' EXIT
    for file in "$2/$name"-*; do
        digest=$(<"$file")
        buildah manifest add "${pushing[@]}" "join-$name" "docker://$registry/$name@$digest" >&2
        echo "digest_${file##*-}=$digest"
    done
    buildah manifest push "${pushing[@]}" --all --digestfile "$2/$name" "join-$name" "docker://$list" >&2
    echo "image=$registry/$name"
    echo "digest=$(<"$2/$name")"
}

names() {
    local name
    for name; do
        [[ " ${all[*]} " = *" $name "* ]] || die "there is no image of $name; there are those of ${all[*]}"
    done
}

case "$command:$#" in
    install:0 | smoke:0) "$command" ;;
    programs:1) programs "$1" "${all[@]}" ;;
    push:1) push "$1" ;;
    join:2) names "$1" && join "$1" "$2" ;;
    build:* | check:*)
        names "$@"
        [ "$#" -gt 0 ] || set -- "${all[@]}"
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        "$command" "$@"
        ;;
    -h:* | --help:*) usage ;;
    *) usage >&2 && exit 64 ;;
esac
