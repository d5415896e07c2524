# shellcheck shell=bash disable=SC2154 # whoever reads this file has `root`, the folder of the project, and `die`
# Packages: Debian's, by apt-get; of Rust, Python and Go, pinned.

# get_debian PACKAGE...: by apt-get, those that whoever calls found missing.
get_debian() {
    local as_root=()
    [ "$#" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing: $*; there is no apt-get here, so install them yourself"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing: $*; install them as root, there is no sudo here"
        as_root=(sudo)
    fi
    echo "installing $*" >&2
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# get_cargo PROGRAM VERSION: a program of cargo, into .tools/bin. Without optimisation it is built in half a minute.
get_cargo() {
    local build
    ! grep -qs "^\"$1 $2 " .tools/.crates.toml || return 0
    echo "building $1 $2" >&2
    build=$(mktemp -d)
    CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --force --root .tools --target-dir "$build" "$1" --version "=$2"
    rm -rf "$build"
}

# python_folder NAME LIST: where the packages of a list are. What is compiled in them fits one version of Python.
python_folder() {
    local python
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$root/.tools/$1-$(sha256sum "$2" | cut -c1-12)-python$python"
}

# get_python NAME LIST: by pip, as the list says; skips what is there. Whoever is killed here leaves a partial folder, and the next
# one starts anew.
get_python() {
    local home
    home=$(python_folder "$1" "$2")
    [ ! -d "$home" ] || return 0
    case ${home##*-python}:$(uname -sm) in
        3.1[1-4]:'Linux x86_64') ;;
        *) die "${2#"$root"/} is for Python 3.11 to 3.14 on x86_64 Linux, and this is Python ${home##*-python} on $(uname -sm)" ;;
    esac
    python3 -m pip --version >/dev/null 2>&1 || die "pip is missing; install it (Debian: python3-pip)"
    echo "getting $1" >&2
    rm -rf "$home.partial"
    PIP_USER=no python3 -m pip --disable-pip-version-check install --quiet --root-user-action=ignore --target "$home.partial" \
        --no-deps --only-binary=:all: --require-hashes --requirement "$2" >&2
    mv -T "$home.partial" "$home"
}

# Modules are in the folder of now, and go with it. What was compiled stays: all programs need the same standard library.
go_here() {
    command -v go >/dev/null || die "go is missing; install it (Debian: golang-go)"
    export GOMODCACHE=$PWD/modules GOCACHE=$root/.tools/go-build GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
    export GOFLAGS='-modcacherw -buildvcs=false'
}

# go_module MODULE VERSION SUM: gets a module after go_here, and prints its folder. Its go.sum has the sums of all that it needs.
go_module() {
    local got
    got=$(go mod download -json "$1@$2") || die "there is no $1 to be had: $got"
    [[ $got = *"\"$3\""* ]] || die "this is another $1 than the one expected: $got"
    sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p' <<<"$got"
}

# get_go_program MODULE VERSION SUM PACKAGE PROGRAM: builds a module's program; skips what is there.
get_go_program() (
    [ ! -x "$5" ] || exit 0
    echo "building $1 $2" >&2
    build=$(mktemp -d "${5%/*}/go.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    cd "$build" || exit
    go_here
    source=$(go_module "$1" "$2" "$3") || exit 1
    cd "$source" || exit
    go build -trimpath -ldflags '-s -w' -o "$5.partial" "$4" 2>"$build/said" || die "$(<"$build/said")"
    mv "$5.partial" "$5"
)
