#!/usr/bin/env bash
# The fault suite: does the one promise hold whatever fails on the way? And would the suite notice if it did not?
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/faults.sh [--row N]... [--seed S] [--nightly] [--list] [--no-build]
       scripts/faults.sh --prove-it-can-fail [NAME]...

Kills, pauses, starves and confuses real processes on a real Kafka and a real MongoDB while clients buy, and compares what
the clients were told with what the lists hold in the end. Prints a table; exits 1 unless every row passed, with evidence
that its fault bit.

  --row N              only this row, repeatable; --list shows them
  --seed S             repeats the random choices of a run
  --nightly            also the rows that take too long for every change
  --no-build           runs what was built before
  --prove-it-can-fail  breaks a copy of the tree in ten ways, one after the other (e2e/sabotage), or in those that are named;
                       each must turn the row that its file names red

Needs what scripts/test.sh installs. The services that it starts end with it.
END
}

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
exec </dev/null

prove=
build=yes
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit 0 ;;
        --prove-it-can-fail) prove=yes ;;
        --no-build) build= ;;
        --nightly | --list) arguments+=("$1") ;;
        --row | --seed)
            [ $# -gt 1 ] || { usage >&2 && exit 64; }
            arguments+=("$1" "$2")
            shift
            ;;
        --*) usage >&2 && exit 64 ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

die() {
    printf 'faults: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/target.sh
. scripts/target.sh

# Programs only; those that scripts/test.sh builds together with the tests are as good.
build() { cargo build --workspace --release --locked --bins --quiet; }

own_services() {
    local lines
    [ -n "${KAFKA_BROKER:-}" ] && return
    export SERVICES_DIR=$PWD/.tools/fault-services
    trap 'bash scripts/services.sh down --wipe' EXIT
    lines=$(bash scripts/services.sh up)
    eval "$lines"
}

suite() {
    [ -z "$build" ] || build
    [[ " ${arguments[*]} " == *" --list "* ]] || own_services
    "$(target_folder)/release/faults" "${arguments[@]}"
}

# --- the proof ---------------------------------------------------------------------------------------------------------

# sabotage FILE: applies it to the copy, runs the row that it names, and takes it back; whether the row was red.
sabotage() {
    local file=$1 name row code=0 said
    name=$(basename "$file" .patch)
    row=$(sed -n 's/^Row: //p' "$file")
    [ -n "$row" ] || die "$file names no row"
    patch --quiet --strip=1 --directory="$copy" <"$file" || die "$name does not apply any more"
    if ! (cd "$copy" && CARGO_TARGET_DIR="$proof/target" build) >"$proof/$name.build" 2>&1; then
        tail -n 30 "$proof/$name.build" >&2
        die "$name does not build"
    fi
    said=$("$proof/target/release/faults" --row "$row" 2>&1) || code=$?
    patch --quiet --strip=1 --reverse --directory="$copy" <"$file"
    printf '%s\n' "$said" >"$proof/$name.log"
    if [ "$code" -eq 1 ] && grep -qE "^ *$row .* FAILED" "$proof/$name.log"; then
        printf '%-32s row %2s  red\n' "$name" "$row"
    else
        printf '%-32s row %2s  NOT NOTICED, see %s\n' "$name" "$row" "$proof/$name.log"
        return 1
    fi
}

prove() {
    local files=() file missed=0
    proof=$PWD/.tools/sabotage copy=$PWD/.tools/sabotage/tree
    for name in "${arguments[@]}"; do files+=("e2e/sabotage/$name.patch"); done
    [ "${#files[@]}" -gt 0 ] || files=(e2e/sabotage/*.patch)
    mkdir -p "$proof"
    rm -rf "$copy"
    mkdir "$copy"
    git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$copy"
    ln -s "$PWD/.tools" "$copy/.tools"
    # What was built of others' crates is the same.
    [ -d "$proof/target" ] || cp -a "$(target_folder)" "$proof/target"
    own_services
    for file in "${files[@]}"; do sabotage "$file" || missed=$((missed + 1)); done
    echo "${#files[@]} ways to break the promise, $missed not noticed"
    [ "$missed" -eq 0 ]
}

if [ -n "$prove" ]; then prove; else suite; fi
