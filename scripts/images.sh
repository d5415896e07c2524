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
       scripts/images.sh save FOLDER
       scripts/images.sh publish NAME FOLDER

Images of buy, query, storer, consumer, frontend and embedded (the product in one process), or of those that are named.

  install   gets buildah, podman, runc and dnsmasq by apt-get, and cargo-auditable into .tools; skips what is there
  programs  builds the programs for this machine's processor into a folder, with the certificates to trust. They are linked statically,
            and each carries the list of what it was built from, for scanners
  build     does that, and makes an image of each: REGISTRY/NAME:TAG
  check     starts each image as a pod is started (user 65532, no capabilities, nothing writable), asks it for its health, stops it,
            and prints sizes in MB
  smoke     runs them together on a real Kafka and a real MongoDB, once with storer and once with consumer, where they find each
            other by the names of services, and buys; port 53 of an address of 127.0.0.0/8 needs root, by sudo

  save      writes the images into a folder, as archives of this processor
  publish   pushes REGISTRY/NAME:TAG for all processors that the folder has archives of, with the credentials of `docker login` or
            `buildah login`; prints image=, digest= and digest_PROCESSOR= as lines

  REGISTRY  [ghcr.io/user-buy-list]
  TAG       [the version in Cargo.toml]
  SOURCE    address of the sources, for the label [none]
END
}

command=${1:-}
[ $# -eq 0 ] || shift
cargo_auditable=0.7.7
all=(buy query storer consumer frontend embedded)
here=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

die() {
    printf 'images: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/target.sh
. scripts/target.sh
# shellcheck source=scripts/containers.sh
. scripts/containers.sh

install() {
    local program missing=()
    # Whoever is not root needs the last one.
    for program in buildah podman runc newuidmap; do
        command -v "$program" >/dev/null || missing+=("${program/newuidmap/uidmap}")
    done
    command -v dnsmasq >/dev/null || missing+=(dnsmasq-base)
    [ -f /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    get_debian "${missing[@]}"
    auditable
}

# The names of packages and of their programs are the same, but for one.
program_of() { echo "${1/#embedded/user-buy-list}"; }

auditable() { get_cargo cargo-auditable "$cargo_auditable"; }

# compile PACKAGE...: into $built. With a target that is named, the flags are for it alone; what runs during the build cannot be static.
compile() {
    local host small='-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
    auditable
    host=$(rustc --version --verbose | sed -n 's/^host: //p')
    RUSTFLAGS='-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs' CFLAGS=$small CXXFLAGS=$small \
        OPENSSL_SRC_PERL=$PWD/scripts/configure-openssl.sh \
        .tools/bin/cargo-auditable auditable build --profile image --locked --target "$host" "${@/#/--package=}"
    built=$(target_folder)/$host/image
}

# programs FOLDER NAME...
programs() {
    local folder=$1 name program headers
    shift
    compile "$@"
    mkdir -p "$folder/data"
    for name; do
        program=$(program_of "$name")
        headers=$(readelf --program-headers "$built/$program")
        [[ $headers != *INTERP* ]] || die "$program is not static"
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
    local name port code
    printf '%12s %12s  %s\n' 'program' 'image' '(MB)'
    for name; do
        port=$(free_port)
        # As for a broker that asks for TLS and a password: where one of them was not linked, the program ends at once.
        in_container "$name" --env HOST=127.0.0.1 --env PORT="$port" --env KAFKA_SECURITY_PROTOCOL=sasl_ssl \
            --env KAFKA_SASL_MECHANISM=SCRAM-SHA-512 --env KAFKA_USER=nobody --env KAFKA_PASSWORD=none >"$scratch/$name" 2>&1 &
        running=$!
        healthy "$name" "$port"
        kill -TERM "$running"
        code=0
        wait "$running" || code=$?
        running=
        [ "$code" -eq 0 ] || failed "$name" "it ended with exit code $code after SIGTERM"
        sizes "$name"
    done
}

failed() { die "$1: $2: $(tail -n 20 "$scratch/$1")"; }

# healthy NAME PORT
healthy() {
    local deadline=$((SECONDS + 30))
    until curl -q --silent --fail --noproxy '*' --max-time 2 "http://127.0.0.1:$2/health" >/dev/null; do
        kill -0 "$running" 2>/dev/null || failed "$1" "it does not start"
        [ "$SECONDS" -lt "$deadline" ] || failed "$1" "it does not answer /health"
        sleep 0.1
    done
}

# sizes NAME: for everybody, and only root may mount an image.
sizes() {
    local container program image
    container=$(podman create --pull never "$(image_of "$1")")
    program=$(podman cp "$container:/usr/local/bin/$(program_of "$1")" - | tar --extract --to-stdout | wc -c)
    podman rm "$container" >/dev/null
    image=$(podman image inspect --format '{{.Size}}' "$(image_of "$1")")
    printf '%9d.%02d %9d.%02d  %s\n' $((program / 1000000)) $((program / 10000 % 100)) $((image / 1000000)) $((image / 10000 % 100)) "$1"
}

smoke() {
    local road
    # With all of them, so that it finds everything built.
    compile "${all[@]}" kafka-source
    for road in source consumer; do
        STAND_IN=$built/kafka-source FIRST_PORT=$((15000 + RANDOM % 2000)) bash scripts/run.sh "$road" --images --smoke --no-build
    done
}

save() {
    local name processor
    mkdir -p "$1"
    for name in "${all[@]}"; do
        processor=$(podman image inspect --format '{{.Architecture}}' "$(image_of "$name")")
        rm -f "$1/$name-$processor.tar"
        podman save --quiet --format oci-archive --output "$1/$name-$processor.tar" "$(image_of "$name")"
    done
}

publish() {
    local name=$1 archive list processor options=()
    # Registries on this machine have no certificate.
    [[ $registry != 127.* ]] || options=(--tls-verify=false)
    list=publish-$name-$$
    buildah manifest create "$list" >&2
    for archive in "$2/$name"-*.tar; do
        buildah manifest add "$list" "oci-archive:$archive" >&2
    done
    buildah manifest push "${options[@]}" --all --digestfile "$scratch/digest" "$list" "docker://$(image_of "$name")" >&2
    echo "image=$registry/$name"
    echo "digest=$(<"$scratch/digest")"
    for archive in "$2/$name"-*.tar; do
        processor=${archive##*-}
        echo "digest_${processor%.tar}=$(tar --extract --to-stdout --file "$archive" index.json | grep -o 'sha256:[0-9a-f]*' | head -n 1)"
    done
    buildah manifest rm "$list" >&2
}

names() {
    local name
    for name; do
        [[ " ${all[*]} " = *" $name "* ]] || die "there is no image of $name; there are those of ${all[*]}"
    done
}

# A folder is meant from where the command was given.
from_here() { (cd "$here" && realpath -m -- "$1"); }

scratch=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill -TERM "$running" 2>/dev/null || true; rm -rf "$scratch"' EXIT
case "$command:$#" in
    install:0 | smoke:0) "$command" ;;
    save:1) save "$(from_here "$1")" ;;
    programs:1) programs "$(from_here "$1")" "${all[@]}" ;;
    publish:2) names "$1" && publish "$1" "$(from_here "$2")" ;;
    build:* | check:*)
        names "$@"
        [ "$#" -gt 0 ] || set -- "${all[@]}"
        "$command" "$@"
        ;;
    -h:* | --help:*) usage ;;
    *) usage >&2 && exit 64 ;;
esac
