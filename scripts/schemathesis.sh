#!/usr/bin/env bash
# Schemathesis: asks a running function for what its OpenAPI document promises, and for much that it should refuse.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/schemathesis.sh install
       scripts/schemathesis.sh run URL [OPTION]...

  install   gets it into .tools, by pip; skips what is there
  run       asks the function whose document is at URL, as e2e/schemathesis says; the options are those of `schemathesis run`.
            Exits 1 if an answer is not as the document says

    scripts/schemathesis.sh run http://127.0.0.1:3000/openapi.json --seed 7

It buys, so run it against what nobody needs. Needs Python 3.11 to 3.14, and Linux on x86_64.
END
}

case "${1:-}:$#" in
    install:1 | run:[2-9] | run:[1-9][0-9]) ;;
    -h:* | --help:*) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
esac

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
list=$root/scripts/schemathesis.txt
export LC_ALL=C.UTF-8 PYTHONUTF8=1

die() {
    printf 'schemathesis: %s\n' "$*" >&2
    exit 1
}

command -v python3 >/dev/null || die "python3 is missing; install it"
# shellcheck source=scripts/packages.sh
. "$root/scripts/packages.sh"
home=$(python_folder schemathesis "$list")

install() (
    mkdir -p "$root/.tools"
    exec 9>"$root/.tools/install.lock"
    flock 9
    get_python schemathesis "$list"
)

run() {
    [ -d "$home" ] || die "it is not installed; run \`scripts/schemathesis.sh install\`"
    # A proxy of this environment is no way to a function on this machine.
    export no_proxy="localhost,127.0.0.1,::1,${no_proxy:-${NO_PROXY:-}}"
    # What it is told stands in the work tree, which stays as it is.
    export PYTHONDONTWRITEBYTECODE=1
    export PYTHONPATH=$home SCHEMATHESIS_HOOKS=$root/e2e/schemathesis/rules.py
    exec python3 -m schemathesis.cli --config-file "$root/e2e/schemathesis/config.toml" run "$@"
}

"$@"
