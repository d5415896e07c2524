#!/usr/bin/env bash
# Proves the boundaries of the design: who links what, and how files look. A Cargo edge is the only proof that a function
# does not carry a driver that it never needs.
set -euo pipefail
# A command that fails inside $(...) must not look like one that found nothing.
shopt -s inherit_errexit

usage() {
    cat <<'END'
Usage: scripts/architecture.sh [--self-test]

Checks the dependency graph (cargo tree, every target, default features, without dev-dependencies unless a rule says so)
and the tracked files. Prints every broken rule with the evidence and what to do; exits 1 if there is any.

  --self-test  proves that each rule can fail, in a copy of the tree with one violation planted for each
END
}

export LC_ALL=C
broken=0

# rule NAME WHAT-TO-DO COMMAND...: the rule holds when the command prints nothing, which is the evidence against it. A
# command that fails ends everything: no evidence because nothing was looked at proves nothing.
rule() {
    local name=$1 remedy=$2 evidence
    shift 2
    evidence=$("$@")
    [ -n "$evidence" ] || return 0
    broken=$((broken + 1))
    printf '\nbroken rule: %s\n' "$name"
    printf '%s\n' "$evidence" | sed 's/^/    /'
    printf '  what to do: %s\n' "$remedy"
}

# To find nothing is no failure here.
select_lines() { grep "$@" || [ $? -eq 1 ]; }
search() { git grep "$@" || [ $? -eq 1 ]; }

tree() {
    cargo tree --quiet --locked --target all "$@"
}

names() {
    tree "$@" --prefix none --format '{p}' | cut -d' ' -f1 | sort -u
}

# links PACKAGE CRATE...: those of the crates that end up in the package, and over which way.
links() {
    local package=$1 all crate
    shift
    all=$(names --package "$package" --edges normal)
    for crate in "$@"; do
        if grep -qxF "$crate" <<<"$all"; then
            echo "$package links $crate:"
            tree --invert "$crate" --package "$package" --edges normal | awk 'NR <= 12 { print "  " $0 }'
        fi
    done
}

# imports CRATE [EXCEPT]: who depends on it directly, dev-dependencies left out. testkit and e2e are nothing but tests and may
# import anything: a rule of their own says that nobody else depends on them.
imports() {
    names --workspace --invert "$1" --edges normal,build --depth 1 |
        select_lines -vxF -e "$1" -e "${2:-$1}" -e testkit -e e2e | sed "s/$/ depends on $1/"
}

# What is in no graph cannot be asked about.
lambda_hosts() {
    local all
    all=$(names --workspace --edges normal)
    ! grep -qxF lambda_http <<<"$all" || imports lambda_http
}

big_numbers() {
    # All edges, tests included: features unify, and a test must read numbers as production does.
    tree --workspace --edges normal,build,dev --prefix none --format '{p} has {f}' |
        select_lines '^serde_json .*arbitrary_precision' | sed 's/ (\*)$//' | sort -u
    # The graph says that it is on; a manifest of ours may tell where.
    search -n 'arbitrary_precision"' -- '*Cargo.toml'
}

dependencies() {
    local store="depend on the port in purchase: this adapter belongs to another function"
    rule "buy links neither SQLite nor MongoDB" "$store" \
        links buy rusqlite libsqlite3-sys sqlite mongodb mongo-store
    rule "the product in one process links neither Kafka nor MongoDB" \
        "depend on functions without default features: what they need as processes of their own is a feature" \
        links embedded rdkafka rdkafka-sys kafka-log mongodb mongo-store
    rule "query does not link rdkafka" "$store" links query rdkafka rdkafka-sys kafka-log
    rule "storer does not link rdkafka" "$store" links storer rdkafka rdkafka-sys kafka-log
    rule "purchase links neither a runtime, nor a server, nor a driver" \
        "keep the domain pure: move what needs this to serve or to an adapter" \
        links purchase tokio axum rusqlite rdkafka mongodb
    rule "redrive links no driver" "give it what it needs through its ports" links redrive rusqlite rdkafka mongodb
    rule "no default build links lambda_http" "leave it to the feature lambda" lambda_hosts
    rule "serve knows nothing of purchase" "move what needs both to intake or to a function" links serve purchase
    local driver adapter
    while read -r driver adapter; do
        rule "only $adapter imports $driver" \
            "move the code that needs $driver into $adapter; a test may have it as a dev-dependency" \
            imports "$driver" "$adapter"
    done <<'END'
rusqlite sqlite
rdkafka kafka-log
mongodb mongo-store
END
    rule "testkit is a dev-dependency only" "list testkit under [dev-dependencies]" imports testkit
    rule "nothing depends on e2e" "move what is needed to testkit" imports e2e
    rule "nothing depends on openapi" "serve the committed document: no product needs what makes it" imports openapi
    rule "serde_json never has arbitrary_precision" \
        "drop the feature, it changes every number of the build: read prices through RawValue" big_numbers
}

# longer_than LINES PATTERN...: the tracked files that are longer. One that was deleted and not committed is no file.
longer_than() {
    local most=$1 file count
    shift
    git ls-files -z -- "$@" | while IFS= read -r -d '' file; do
        [ -f "$file" ] || continue
        count=$(wc -l <"$file")
        [ "$count" -le "$most" ] || echo "$file: $((count)) lines"
    done
}

vague_names() {
    local vague='(common|core|utils?|helpers?|managers?)'
    git ls-files -- '*.rs' '*Cargo.toml' | select_lines -E "(^|/)([a-z0-9_-]+[_-])?$vague(\.rs$|/)"
    search -nE "^[[:space:]]*(pub(\([a-z: ]+\))? )?mod ([a-z0-9_]+_)?$vague( *\{|;)" -- '*.rs'
    search -nE "^name = \"([a-z0-9_-]+[_-])?$vague\"" -- '*Cargo.toml'
}

# Not the middle of something: a URL, a relative path, what follows a variable.
machine_paths() {
    search -InE '(^|[^]A-Za-z0-9_.~:/)}-])/(home|root|work|Users)/' | cut -c1-160
}

silent_ignores() {
    search -nE '#\[ignore\]|cfg_attr\(.*, *ignore *\)' -- '*.rs'
}

stale_sabotage() {
    local file
    git ls-files -z -- 'e2e/sabotage/*.patch' | while IFS= read -r -d '' file; do
        git apply --check "$file" 2>/dev/null || echo "$file"
    done
}

files() {
    rule "no Rust file has more than 500 lines" "split it by noun" longer_than 500 '*.rs'
    rule "no main.rs has more than 60 lines" "main only wires: move the rest into the library beside it" \
        longer_than 60 main.rs '*/src/main.rs' '*/src/bin/*/main.rs'
    rule "no crate or module is called common, core, utils, helpers or manager" "name it after what it holds" vague_names
    rule "no tracked text names a path of one machine" "write it relative to the repository, or as a variable" machine_paths
    rule "each sabotage applies" "write the patch anew, else nothing proves that its row can fail" stale_sabotage
    rule "no test is ignored without a reason" "write #[ignore = \"why\"], or delete the test" silent_ignores
}

check() {
    git rev-parse --git-dir >/dev/null || { echo "architecture: this needs the git repository" >&2 && exit 1; }
    dependencies
    files
    if [ "$broken" -gt 0 ]; then
        printf '\narchitecture: %s broken\n' "$broken"
        exit 1
    fi
    echo "architecture: all rules hold"
}

# --- self-test ---------------------------------------------------------------------------------------------------------

# depend MANIFEST TABLE LINE: adds a dependency; a table for a target that always matches never meets one that is there.
depend() {
    printf '\n[target."cfg(all())".%s]\n%s\n' "$2" "$3" >>"$1/Cargo.toml"
}

# stub NAME: an empty crate.
stub() {
    mkdir -p "crates/$1/src"
    printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n' "$1" >"crates/$1/Cargo.toml"
    : >"crates/$1/src/lib.rs"
}

# lines NUMBER: that many lines.
lines() {
    seq "$1" | sed 's,^,// ,'
}

plant() {
    depend functions/buy dependencies 'mongodb.workspace = true
rusqlite.workspace = true
testkit.workspace = true
e2e = { path = "../../e2e" }
openapi = { path = "../../crates/openapi" }'
    depend functions/query dependencies 'rdkafka.workspace = true'
    depend functions/storer dependencies 'rdkafka.workspace = true'
    depend crates/purchase dependencies 'tokio.workspace = true
axum.workspace = true
serde_json = { workspace = true, features = ["arbitrary_precision"] }'
    depend crates/redrive dependencies 'rusqlite.workspace = true'
    depend crates/serve dependencies 'purchase.workspace = true
lambda_http.workspace = true'

    mkdir -p crates/purchase/src/planted/common
    lines 501 >crates/purchase/src/planted/lines_501.rs
    lines 500 >crates/purchase/src/planted/lines_500.rs
    stub planted_61
    stub planted_60
    lines 61 >crates/planted_61/src/main.rs
    lines 60 >crates/planted_60/src/main.rs
    : >crates/purchase/src/planted/common/mod.rs
    echo 'mod string_utils {}' >crates/purchase/src/planted/inline.rs
    # In two pieces, so that this file does not break the rule itself.
    printf 'see %s/someone/notes\n' '/home' >planted_path.txt
    sed 's/^-/-planted/' e2e/sabotage/ignores-the-key.patch >e2e/sabotage/planted.patch
    printf '#[test]\n#[%s]\nfn planted() {}\n' 'ignore' >crates/purchase/src/planted/silent.rs
    printf '#[test]\n#[ignore = "why"]\nfn planted() {}\n' >crates/purchase/src/planted/spoken.rs
}

self_test() {
    local copy output
    copy=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now is meant
    trap "rm -rf '$copy'" EXIT
    git ls-files -z | while IFS= read -r -d '' file; do
        [ -f "$file" ] || continue
        mkdir -p "$copy/$(dirname "$file")"
        cp "$file" "$copy/$file"
    done
    cp "${BASH_SOURCE[0]}" "$copy/architecture.sh"
    cd "$copy"
    git init --quiet .
    plant
    # A commit is not needed: to be tracked is.
    git add --all
    # Only the edges between members are new, so nothing has to be fetched.
    cargo metadata --quiet --offline --format-version 1 >/dev/null
    if output=$(bash ./architecture.sh 2>&1); then
        printf 'self-test: a tree full of violations passes:\n%s\n' "$output" >&2
        exit 1
    fi
    local missing=0
    while IFS= read -r claim; do
        grep -qF -- "$claim" <<<"$output" && continue
        echo "self-test: not found: $claim" >&2
        missing=1
    done <<'END'
broken rule: buy links neither SQLite nor MongoDB
buy links rusqlite:
buy links libsqlite3-sys:
buy links mongodb:
broken rule: the product in one process links neither
embedded links rdkafka:
embedded links mongodb:
broken rule: query does not link rdkafka
query links rdkafka:
broken rule: storer does not link rdkafka
storer links rdkafka:
broken rule: purchase links neither
purchase links tokio:
purchase links axum:
broken rule: redrive links no driver
redrive links rusqlite:
broken rule: no default build links lambda_http
serve depends on lambda_http
broken rule: serve knows nothing of purchase
serve links purchase:
broken rule: only sqlite imports rusqlite
buy depends on rusqlite
broken rule: only kafka-log imports rdkafka
query depends on rdkafka
broken rule: only mongo-store imports mongodb
buy depends on mongodb
broken rule: testkit is a dev-dependency only
buy depends on testkit
broken rule: nothing depends on e2e
buy depends on e2e
broken rule: nothing depends on openapi
buy depends on openapi
broken rule: serde_json never has arbitrary_precision
crates/purchase/Cargo.toml:
lines_501.rs: 501 lines
crates/planted_61/src/main.rs: 61 lines
planted/common/mod.rs
mod string_utils
planted_path.txt:1:
e2e/sabotage/planted.patch
planted/silent.rs:2:
END
    for innocent in lines_500.rs planted_60/ spoken.rs ignores-the-key 'testkit depends on' 'sqlite depends on'; do
        grep -qF -- "$innocent" <<<"$output" || continue
        echo "self-test: wrongly accused: $innocent" >&2
        missing=1
    done
    if [ "$missing" -ne 0 ]; then
        printf '%s\n' "$output" >&2
        exit 1
    fi
    echo "architecture: each rule can fail"
}

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# The copy of the self-test lies at the root of its tree.
[ -f Cargo.toml ] || cd ..

case "${1:-}" in
    "") check ;;
    --self-test) self_test ;;
    -h | --help) usage ;;
    *) usage >&2 && exit 64 ;;
esac
