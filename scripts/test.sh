#!/usr/bin/env bash
# Every check of the project, from a fresh machine with Rust and a C compiler to a product that was used and stopped.
#
# One profile and one target folder, so that nothing is built twice that need not be, and `cargo run --release` starts
# at once afterwards.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/test.sh [--nightly]

Runs all checks and tests, and prints the seconds of each phase. Ends at the first phase that fails, with its name.
Needs Rust and a C compiler. Installs what else it needs: by apt-get what is missing of the packages that it names (with
sudo unless root); cargo-deny, cargo-auditable, axe-core, Kafka, MongoDB, Toxiproxy, Schemathesis, kustomize, kube-score, actionlint
and the schemas of Kubernetes into .tools. Kafka and MongoDB run on free ports of 127.0.0.1 and end with the run.

  --nightly    also what takes too long for every change: the fault suite's longer rows, with a soak of an hour, and the
               proof that the suite notices when the promise is broken
END
}

cargo_deny=0.20.2
actionlint=v1.7.12
actionlint_sum=h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY=
axe=4.14.0
# It ships that one, as it is on npm.
axe_wheel='pytest-playwright-axe==4.14.0 --hash=sha256:b8eed34ac17e1c1094983eaef97687e65b3e0c5a0de0257b8b34cc05430a07ca'

nightly=
case "${1:-}" in
    "") ;;
    --nightly) nightly=--nightly ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
esac

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
root=$PWD
# Nothing here asks anybody anything.
exec </dev/null
# A snapshot that is missing or differs is a failure, never a new file.
export INSTA_UPDATE=no
unset INSTA_FORCE_PASS
# A checkout that belongs to another user, as in a container with a mounted folder, is still the one that was asked for.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$PWD

# --- phases ------------------------------------------------------------------------------------------------------------

table=
current=
started=0
servers=()
scratch=$(mktemp -d)
# Beside those that somebody may be working with.
export SERVICES_DIR=$PWD/.tools/test-services

die() {
    printf 'test: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/target.sh
. scripts/target.sh
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

# phase NAME COMMAND...
phase() {
    current=$1
    shift
    started=$SECONDS
    printf '\n== %s\n' "$current"
    "$@"
    table+=$(printf '%6d s  %s' $((SECONDS - started)) "$current")$'\n'
    current=
}

finish() {
    local code=$?
    trap - EXIT
    local server
    for server in "${servers[@]}"; do
        kill -KILL "$server" 2>/dev/null || true
        # Reaped here, so that the shell says nothing about it.
        wait "$server" 2>/dev/null || true
    done
    rm -rf "$scratch"
    bash scripts/services.sh down --wipe || true
    if [ -n "$current" ]; then
        table+=$(printf '%6d s  %s: FAILED' $((SECONDS - started)) "$current")$'\n'
    fi
    printf '\n%s%6d s  in all\n' "$table" "$SECONDS"
    if [ "$code" -eq 0 ]; then
        echo "test: passed"
    else
        echo "test: failed in phase ${current:-none} (exit code $code)"
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- prerequisites -----------------------------------------------------------------------------------------------------

rust() {
    local wanted found tool
    for tool in cargo rustc; do
        command -v "$tool" >/dev/null || die "$tool is missing; install Rust with rustup"
    done
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    found=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" = "$wanted" ] ||
        die "Rust $wanted or later is needed, and this is $found; update it with rustup"
    command -v "${CC:-cc}" >/dev/null ||
        die "a C compiler is missing, and SQLite is built from its source; install gcc or clang"
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        command -v rustup >/dev/null || die "cargo $component is missing; install it as you installed Rust"
        rustup component add "${component/#fmt/rustfmt}"
    done
    echo "Rust $found"
}

system_packages() {
    local missing=() tool
    # librdkafka is built by cmake, and the OpenSSL in it by make and perl.
    for tool in git curl strace kcat cmake make perl g++ shellcheck; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    # For the row of the wrong clock.
    [ -z "$nightly" ] || command -v faketime >/dev/null || missing+=(faketime)
    # Together, because they must be of one version.
    command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    get_debian "${missing[@]}"
}

has_axe() { [[ $(head -n 1 .tools/axe.min.js 2>/dev/null) = "/*! axe v$axe"* ]]; }

# What looks for barriers in the page: one file for any browser.
axe() {
    has_axe && return 0
    echo "getting axe-core $axe"
    printf '%s\n' "$axe_wheel" >"$scratch/axe.wheel"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --require-hashes --requirement "$scratch/axe.wheel" --dest "$scratch/axe"
    python3 -m zipfile -e "$scratch"/axe/*.whl .tools/axe.partial
    mv .tools/axe.partial/pytest_playwright_axe/resources/axe.min.js .tools
    rm -rf .tools/axe.partial
    has_axe || die "this is another axe-core than $axe"
}

prerequisites() {
    rust
    system_packages
    bash scripts/services.sh install
    bash scripts/images.sh install
    get_cargo cargo-deny "$cargo_deny"
    axe
    bash scripts/schemathesis.sh install
    bash scripts/manifests.sh install
    get_go_program github.com/rhysd/actionlint "$actionlint" "$actionlint_sum" ./cmd/actionlint "$PWD/.tools/actionlint-$actionlint"
    # Of no use to anybody any more.
    rm -rf .tools/go-build
}

services() {
    local lines
    lines=$(bash scripts/services.sh up)
    eval "$lines"
    bash scripts/services.sh status
}

# --- the rest ----------------------------------------------------------------------------------------------------------

architecture() {
    bash scripts/architecture.sh
    bash scripts/architecture.sh --self-test
    # Wrappers that name an adapter which is not there yet, and a license that is only in a file, are no news.
    .tools/bin/cargo-deny --locked check --hide-inclusion-graph --allow unused-wrapper --allow no-license-field \
        bans licenses sources
}

scripts() {
    local script
    shellcheck .ci/run scripts/*.sh scripts/services/*.sh
    # What is run is run by its name; what other scripts read is not.
    for script in scripts/*.sh; do
        if [[ $(head -c 2 "$script") = '#!' ]]; then [ -x "$script" ]; else [ ! -x "$script" ]; fi ||
            die "$script begins with #!, or may be executed, but not both"
    done
    ".tools/actionlint-$actionlint"
}

# The runner's own output, and one line that adds it up. More of them at a time than there are processors: most of their time they wait
# for brokers.
tests() {
    RUST_TEST_THREADS=$(($(nproc) * 2)) cargo test --workspace --release --locked 2>&1 | tee "$scratch/tests"
    awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$scratch/tests"
}

# shellcheck disable=SC2086 # nothing, or one option
faults() { bash scripts/faults.sh --no-build $nightly; }

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

said() { grep -q "$1" "$scratch/$2" 2>/dev/null; }
ended() { ! kill -0 "$1" 2>/dev/null; }
said_or_ended() { said "$1" "$2" || ended "$3"; }

# serve NAME SIGN COMMAND...: starts it with nothing of the environment, so that no PORT of a CI server is taken for ours, and
# waits until it says SIGN.
serve() {
    local name=$1 sign=$2
    shift 2
    env -i "$@" >"$scratch/$name" 2>&1 &
    servers+=("$!")
    within 30 said_or_ended "$sign" "$name" "$!" || true
    said "$sign" "$name" || smoke_failed "$name" "it does not start"
}

# stop NAME: the last one that was started.
stop() {
    local server=${servers[-1]} code=0
    kill -TERM "$server" 2>/dev/null || smoke_failed "$1" "it ended by itself"
    within 30 ended "$server" || smoke_failed "$1" "it still runs 30 s after SIGTERM"
    wait "$server" || code=$?
    unset 'servers[-1]'
    [ "$code" -eq 0 ] || smoke_failed "$1" "exit code $code after SIGTERM"
    echo "smoke: $1 stopped with exit code 0 after SIGTERM"
}

address_of() { awk -v name="$1" '$1 == name { print $2; exit }' "$scratch/user-buy-list"; }
smoke_against() { API_BASE=$2 bash scripts/smoke.sh || smoke_failed "$1" "scripts/smoke.sh failed"; }

smoke() {
    local release port
    release=$(target_folder)/release
    serve user-buy-list '^Ctrl-C' "$release/user-buy-list" --data-dir "$scratch/data" \
        --port 0 --buy-port 0 --storer-port 0 --query-port 0
    smoke_against user-buy-list "$(address_of buy)"
    smoke_against user-buy-list "$(address_of page)"
    # The gateway as a process of its own, in front of the same functions.
    serve frontend '"address"' HOST=127.0.0.1 PORT=0 API_BASE="$(address_of buy)" "$release/frontend"
    port=$(sed -n 's/.*"address":"127.0.0.1:\([0-9]*\)".*/\1/p' "$scratch/frontend" | head -n 1)
    smoke_against frontend "http://127.0.0.1:$port"
    stop frontend
    stop user-buy-list
}

# By both roads, as the README says, with what the tests were built with; on ports that nobody else is likely to have.
roads() {
    local road
    for road in source consumer; do
        FIRST_PORT=$((15000 + RANDOM % 2000)) bash scripts/run.sh "$road" --smoke --no-build
    done
}

# What is shipped: each alone, and together by both roads.
images() {
    bash scripts/images.sh build
    bash scripts/images.sh check
    bash scripts/images.sh smoke
}

# buy with what AWS Lambda needs, which no other build has: its tests, and the build that the README names.
lambda() {
    cargo test --release --locked -p buy --features lambda
    cargo build --release --locked -p buy --features lambda
}

smoke_failed() {
    printf -- '--- %s said, at the end:\n%s\n' "$1" "$(tail -n 40 "$scratch/$1")" >&2
    die "$1: $2"
}

# The names only: somebody may go on editing meanwhile.
work_tree() { git status --porcelain --untracked-files=all | cut -c4-; }

clean() {
    work_tree | diff "$scratch/before" - && return 0
    [ -z "${CI:-}" ] || die "the run changed the work tree, see above"
    echo "test: the work tree changed during the run; if you did not, a test did"
}

phase prerequisites prerequisites
work_tree >"$scratch/before"
phase fmt cargo fmt --all --check
phase clippy cargo clippy --workspace --all-targets --all-features --release --locked -- -D warnings
phase architecture architecture
phase scripts scripts
phase manifests bash scripts/manifests.sh check
phase build cargo test --workspace --release --locked --no-run
phase services services
phase tests tests
phase faults faults
[ -z "$nightly" ] || phase "proof of the faults" bash scripts/faults.sh --prove-it-can-fail
# The tests' own dependencies switch features on in shared crates, so what `cargo run --release` starts is another build.
phase product cargo build --release --locked
phase smoke smoke
phase roads roads
phase images images
phase lambda lambda
phase "clean work tree" clean
