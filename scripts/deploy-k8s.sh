#!/usr/bin/env bash
# Puts everything on a cluster without Knative: functions, Kafka and MongoDB; or takes it away, but for the purchases.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/deploy-k8s.sh [OPTION]...

Applies k8s/overlays/keda or another overlay, waits until everything is ready, and buys something through the page. It can be
repeated: what is there already is brought to what the manifests say. k8s/README.md has the single steps.

  --overlay NAME   keda or hpa: who scales customer-management [keda]
  --dry-run        prints what it would do, leaves the files for that in a folder, and does nothing
  --no-smoke       buys nothing
  --undeploy       takes everything away but the claims with the purchases, the Secrets and the namespace

  REGISTRY         where the images are [ghcr.io/user-buy-list]
  TAG              of the images [that of the manifests]
  MONGODB_URI      goes into the Secret customer-management-secret [the one that is there, or a new password for our own MongoDB]

The key file of MongoDB is made once, and never again. Needs kubectl, and a cluster that it reaches.
END
}

me=deploy-k8s
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
# shellcheck source=scripts/deploy.sh
. scripts/deploy.sh
options "$@"

[ -z "$with" ] || die "--with is for Knative"
overlay=${overlay:-keda}
folder=k8s/overlays/$overlay
[ -f "$folder/kustomization.yaml" ] || die "there is no overlay $overlay; say keda or hpa"
render "$folder"
jobs=(job/kafka-topics job/mongodb-init)
functions=(deployment/query deployment/customer-facing deployment/user-buy-frontend)
secret=customer-management-secret
patience=15m

# What must be there, and what must not.
preflight() {
    local needed source
    case $overlay in
        keda)
            kubectl get crd scaledobjects.keda.sh >/dev/null 2>&1 || die "the cluster has no KEDA; install it, or say --overlay hpa"
            ;;
        hpa)
            for needed in podmonitors servicemonitors; do
                kubectl get crd "$needed.monitoring.coreos.com" >/dev/null 2>&1 ||
                    die "the cluster has no $needed: install the Prometheus operator, or say --overlay keda"
            done
            kubectl get apiservice v1beta1.external.metrics.k8s.io >/dev/null 2>&1 ||
                say "warning: nobody answers for external metrics, so customer-management keeps its number of pods;" \
                    "k8s/README.md says how prometheus-adapter does"
            ! has scaledobject customer-management ||
                die "KEDA scales customer-management; k8s/README.md says how to come from one overlay to the other"
            ;;
    esac
    # Both read as the same group: each would get a part, and scaling one would stop the other.
    source=$("${kubectl[@]}" get kafkasource --output name 2>/dev/null) || true
    [ -z "$source" ] || die "$source in $namespace may read as the same group; scripts/deploy-knative.sh --undeploy takes it away"
}

# random BYTES: as text that needs no escaping in an address.
random() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

make_secrets() {
    if [ -n "${MONGODB_URI:-}" ]; then
        make_secret "$secret" MONGODB_URI < <(printf %s "$MONGODB_URI")
    elif [ -n "$dry_run" ] || ! has secret "$secret"; then
        make_secret "$secret" MONGODB_URI < <(printf 'mongodb://user-buy-list:%s@mongodb:27017/purchases?replicaSet=rs0' "$(random 24)")
    fi
    if [ -n "$dry_run" ] || ! has secret mongodb-keyfile; then make_secret mongodb-keyfile keyfile < <(random 256); fi
}

deploy() {
    [ -n "$dry_run" ] || preflight
    do_it kubectl apply --filename "$scratch/Namespace-$namespace.yaml"
    local settings function
    settings=$(make_secrets && do_it kubectl apply --filename "$scratch/ConfigMap-user-buy-list-config.yaml")
    echo "$settings"
    # A Job never runs again, and cannot be changed. These may be repeated.
    do_it "${kubectl[@]}" delete --ignore-not-found --wait "${jobs[@]}"
    do_it kubectl apply --filename "$scratch"
    do_it "${kubectl[@]}" wait --for=condition=complete --timeout="$patience" "${jobs[@]}"
    # What pods read when they started is another now.
    [[ $settings != *' configured'* ]] || "${kubectl[@]}" rollout restart "${functions[@]}" deployment/customer-management
    for function in "${functions[@]}" deployment/customer-management; do
        do_it "${kubectl[@]}" rollout status --timeout="$patience" "$function"
    done
    [ -n "$dry_run" ] || [ -z "$smoke" ] || buy
    say "the page: kubectl --namespace $namespace port-forward svc/user-buy-frontend 8080:80"
}

# By the way that somebody at a terminal has.
buy() {
    local page deadline=$((SECONDS + 60))
    "${kubectl[@]}" port-forward svc/user-buy-frontend :80 >"$scratch/forward" 2>&1 &
    forward=$!
    # Beyond this function.
    trap 'kill "$forward" 2>/dev/null || true; rm -rf "$scratch"' EXIT
    until page=$(sed -n 's/^Forwarding from \(127[^ ]*\) .*/\1/p' "$scratch/forward") && [ -n "$page" ]; do
        if ! kill -0 "$forward" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            die "the page cannot be reached: $(<"$scratch/forward")"
        fi
        sleep 0.1
    done
    # KEDA looks every half minute, and pods take their time.
    API_BASE=http://$page SMOKE_DEADLINE_S=${SMOKE_DEADLINE_S:-180} bash scripts/smoke.sh
}

take_away() {
    rm "$scratch"/Namespace-*.yaml "$scratch"/PersistentVolumeClaim-*.yaml
    do_it kubectl delete --ignore-not-found --wait --filename "$scratch"
    say "the claims with the purchases, the Secrets and the namespace $namespace are still there"
}

if [ -n "$undeploy" ]; then take_away; else deploy; fi
