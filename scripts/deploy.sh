# shellcheck shell=bash disable=SC2034,SC2154 # whoever reads this file has `usage` and `me`, and uses what is here
# What deploying has in common, on Knative and without.

overlay=
with=
dry_run=
smoke=yes
undeploy=

# options OPTION...
options() {
    while [ "$#" -gt 0 ]; do
        case $1 in
            --overlay=* | --with=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
            --overlay) overlay=${2:-} && shift ;;
            --with) with=${2:-} && shift ;;
            --dry-run) dry_run=yes ;;
            --no-smoke) smoke= ;;
            --undeploy) undeploy=yes ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && exit 64 ;;
        esac
        shift
    done
}

say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# do_it COMMAND...: or say it.
do_it() {
    if [ -n "$dry_run" ]; then
        printf '%q ' "$@" | sed 's/ $//'
        echo
    else
        "$@"
    fi
}

# render FOLDER: one file in $scratch for each object, called KIND-NAME.yaml; and the namespace that they are in.
render() {
    command -v kubectl >/dev/null || die "kubectl is missing; install it"
    scratch=$(mktemp -d)
    [ -n "$dry_run" ] || trap 'rm -rf "$scratch"' EXIT
    kubectl kustomize "$1" |
        sed -e "s,ghcr.io/user-buy-list/\([a-z]*\):\([0-9.]*\),${REGISTRY:-ghcr.io/user-buy-list}/\1:${TAG:-\2}," |
        awk -v folder="$scratch" '
            function flush() { if (text != "") printf "%s", text > (folder "/" kind "-" name ".yaml"); text = kind = name = "" }
            $0 == "---" { flush(); next }
            /^kind: / { kind = $2 }
            /^metadata:/ { within = 1; text = text $0 "\n"; next }
            /^[^ ]/ { within = 0 }
            within && /^  name: / { name = $2 }
            { text = text $0 "\n" }
            END { flush() }'
    namespace=$(sed -n 's/^  namespace: //p' "$scratch"/*.yaml | sort -u)
    [[ $namespace =~ ^[a-z0-9-]+$ ]] || die "$1 has no objects of one namespace"
    kubectl=(kubectl --namespace "$namespace")
}

has() { "${kubectl[@]}" get "$@" >/dev/null 2>&1; }

make_namespace() {
    [ -z "$dry_run" ] || { echo "kubectl create namespace $namespace" && return 0; }
    kubectl create namespace "$namespace" --dry-run=client --output yaml >"$scratch/namespace.yaml"
    kubectl apply --filename "$scratch/namespace.yaml"
}

# make_secret NAME KEY: of its standard input: what is an argument, everybody on this machine can read.
make_secret() {
    if [ -n "$dry_run" ]; then
        echo "kubectl --namespace $namespace create secret generic $1 --from-file=$2=/dev/stdin"
    else
        local object
        object=$("${kubectl[@]}" create secret generic "$1" --from-file="$2"=/dev/stdin --dry-run=client --output yaml)
        kubectl apply --filename - <<<"$object"
    fi
}
