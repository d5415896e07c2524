#!/usr/bin/env bash
# Builds the manifests, and checks them as far as that goes without a cluster.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/manifests.sh install
       scripts/manifests.sh build FOLDER
       scripts/manifests.sh check [FOLDER]...

  install   gets kustomize, kube-score, kubernetes-validate and CustomResourceDefinitions into .tools, by Go and pip; skips what
            is there
  build     prints the objects of a folder with a kustomization.yaml, as they would be applied
  check     builds the folders, or all that are ours, and holds every object to the schemas of Kubernetes or of its
            CustomResourceDefinition, and to kube-score. Says what it has no schema for; with CI set that is a failure

  CRDS_DIR  where the CustomResourceDefinitions of Knative, Strimzi and KEDA are, as YAML [../shared/crds]. Those of Knative
            Serving, KEDA and the Prometheus operator are installed; of the others only who has them can check

What no schema knows (defaults that lose purchases, probes, scalers, names) is checked by `check-manifests`, which takes the
objects of anybody:

    scripts/manifests.sh build k8s/overlays/keda | cargo run --release -p manifests
END
}

# Everything that somebody may apply.
folders=(kafka knative/base knative/overlays/keda knative/overlays/secured k8s k8s/overlays/hpa k8s/overlays/keda)

# Modules, with the sums of which their go.sum has those of all that they need.
kustomize_module=sigs.k8s.io/kustomize/kustomize/v5
kustomize_version=v5.7.1
kustomize_sum=h1:sYJsarwy/SDJfjjLMUqwFDGPwzUtMOQ1i1Ed49+XSbw=
kube_score_module=github.com/zegl/kube-score
kube_score_version=v1.20.0
kube_score_sum=h1:J1VqK86SunV4Gg8emPTmwUVxe0rmXnAs5K9ZUbGMKR8=
# Modules that ship definitions, with the files. A module's sum is that of all its files.
definitions='knative.dev/serving v0.51.0 h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to= config/core/300-resources/service.yaml
github.com/kedacore/keda/v2 v2.21.0 h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps= config/crd/bases/keda.sh_scaledobjects.yaml
github.com/prometheus-operator/prometheus-operator v0.93.0 h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io= example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml
github.com/prometheus-operator/prometheus-operator v0.93.0 h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io= example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml'

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
tools=$root/.tools
list=$root/scripts/manifests.txt
export LC_ALL=C.UTF-8

die() {
    printf 'manifests: %s\n' "$*" >&2
    exit 1
}

kustomize=$tools/kustomize-$kustomize_version
kube_score=$tools/kube-score-$kube_score_version
crds=$tools/crds-$(sha256sum <<<"$definitions" | cut -c1-12)
# shellcheck source=scripts/packages.sh
. "$root/scripts/packages.sh"

get_definitions() (
    [ ! -d "$crds" ] || exit 0
    echo "getting CustomResourceDefinitions" >&2
    build=$(mktemp -d "$tools/manifests.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    cd "$build"
    go_here
    mkdir definitions
    while read -r name version sum file; do
        source=$(go_module "$name" "$version" "$sum") || exit 1
        cp "$source/$file" "definitions/${file##*/}"
    done <<<"$definitions"
    mv definitions "$crds"
)

# Whoever is killed here leaves partial files, and the next one starts anew.
install() (
    mkdir -p "$tools"
    exec 9>"$tools/install.lock"
    flock 9
    get_go_program "$kustomize_module" "$kustomize_version" "$kustomize_sum" . "$kustomize"
    get_go_program "$kube_score_module" "$kube_score_version" "$kube_score_sum" ./cmd/kube-score "$kube_score"
    get_definitions
    get_python kubernetes-validate "$list"
)

build() {
    [ -x "$kustomize" ] || die "kustomize is not installed; run \`scripts/manifests.sh install\`"
    "$kustomize" build "$1"
}

check() {
    local folder failed=0
    [ "$#" -gt 0 ] || set -- "${folders[@]}"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    for folder in "$@"; do
        echo "-- $folder"
        build "$folder" >"$scratch/objects.yaml"
        hold_to_schemas "$scratch/objects.yaml" || failed=1
        score "$scratch/objects.yaml" || failed=1
    done
    [ "$failed" -eq 0 ] || die "something above is wrong"
    echo "manifests: nothing is wrong with what could be checked"
}

hold_to_schemas() {
    local home
    home=$(python_folder kubernetes-validate "$list")
    [ -d "$home" ] || die "kubernetes-validate is not installed; run \`scripts/manifests.sh install\`"
    PYTHONPATH=$home PYTHONDONTWRITEBYTECODE=1 python3 "$root/scripts/manifests/schemas.py" "$1" "$crds" "${CRDS_DIR:-../shared/crds}"
}

# Exceptions of single objects are annotations, beside their reasons. For all of them: a tag that is never moved needs no look-up,
# and a registry that is away must not keep pods from starting.
score() {
    [ -x "$kube_score" ] || die "kube-score is not installed; run \`scripts/manifests.sh install\`"
    "$kube_score" score --output-format ci --ignore-test container-image-pull-policy "$1" >"$scratch/score" 2>&1 && return 0
    grep '^\[CRITICAL\]' "$scratch/score" || cat "$scratch/score"
    return 1
}

cd "$root"
case "${1:-}:$#" in
    install:1 | build:2 | check:*) "$@" ;;
    -h:* | --help:*) usage ;;
    *) usage >&2 && exit 64 ;;
esac
