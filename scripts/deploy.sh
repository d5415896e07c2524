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
            --overlay | --with)
                [ -n "${2:-}" ] || { usage >&2 && exit 64; }
                declare -g "${1#--}=$2"
                shift
                ;;
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

# reach_cluster: so that nothing is taken for missing where nobody could be asked.
reach_cluster() {
    local said
    said=$(kubectl version 2>&1) || die "the cluster does not answer: $said"
}

# render FOLDER: one file in $scratch for each object, called KIND-NAME.yaml; and the namespace that they are in.
render() {
    command -v kubectl >/dev/null || die "kubectl is missing; install it"
    scratch=$(mktemp -d)
    [ -n "$dry_run" ] || trap 'rm -rf "$scratch"' EXIT
    local registry=${REGISTRY:-ghcr.io/user-buy-list}
    # Images have no capitals in their names.
    kubectl kustomize "$1" |
        sed -e "s,ghcr.io/user-buy-list/\([a-z]*\):\([0-9.]*\),${registry,,}/\1:${TAG:-\2}," |
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

# has KIND NAME: in the namespace. What cannot be asked for is no answer.
has() {
    local found
    found=$("${kubectl[@]}" get "$@" --ignore-not-found --output name) || die "nobody can tell whether there is $*"
    [ -n "$found" ]
}

# There or not; labels of somebody else's making stay.
make_namespace() {
    [ -n "$dry_run" ] || [ -z "$(kubectl get namespace "$namespace" --ignore-not-found --output name)" ] || return 0
    do_it kubectl create namespace "$namespace"
}

# make_secret VERB NAME KEY: of its standard input, because what is an argument, everybody on this machine can read. `create` never
# replaces one, `apply` does.
make_secret() {
    local object
    if [ -n "$dry_run" ]; then
        echo "kubectl --namespace $namespace create secret generic $2 --from-file=$3=/dev/stdin"
        return
    fi
    object=$("${kubectl[@]}" create secret generic "$2" --from-file="$3"=/dev/stdin --dry-run=client --output yaml)
    kubectl "$1" --filename - <<<"$object"
}
