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
functions=(deployment/query deployment/customer-facing deployment/user-buy-frontend deployment/customer-management)
secret=customer-management-secret
patience=15m

# What must be there, and what must not.
preflight() {
    local needed
    reach_cluster
    case $overlay in
        keda) has crd scaledobjects.keda.sh || die "the cluster has no KEDA; install it, or say --overlay hpa" ;;
        hpa)
            for needed in podmonitors servicemonitors; do
                has crd "$needed.monitoring.coreos.com" ||
                    die "the cluster has no $needed: install the Prometheus operator, or say --overlay keda"
            done
            has apiservice v1beta1.external.metrics.k8s.io ||
                say "warning: nobody answers for external metrics, so customer-management keeps its number of pods;" \
                    "k8s/README.md says how prometheus-adapter does"
            ! has crd scaledobjects.keda.sh || ! has scaledobject customer-management ||
                die "KEDA scales customer-management; k8s/README.md says how to come from one overlay to the other"
            ;;
    esac
    # Both read as the same group: each would get a part.
    ! has crd kafkasources.sources.knative.dev || ! has kafkasource kafka-source ||
        die "kafka-source is in $namespace and reads as the same group; scripts/deploy-knative.sh --undeploy takes it away"
}

# random BYTES: as text that needs no escaping in an address.
random() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# A key file or a password that replaced the one of a database would lock everybody out.
make_secrets() {
    if [ -n "${MONGODB_URI:-}" ]; then
        make_secret apply "$secret" MONGODB_URI < <(printf %s "$MONGODB_URI")
    elif [ -n "$dry_run" ] || ! has secret "$secret"; then
        make_secret create "$secret" MONGODB_URI \
            < <(printf 'mongodb://user-buy-list:%s@mongodb:27017/purchases?replicaSet=rs0' "$(random 24)")
    fi
    if [ -n "$dry_run" ] || ! has secret mongodb-keyfile; then make_secret create mongodb-keyfile keyfile < <(random 256); fi
}

# Pods read their settings when they start. With a mark of these in their template they start anew when the settings are others, also
# when a run before this one was broken off.
start_with_settings() {
    local mark function
    mark=$("${kubectl[@]}" get configmap/user-buy-list-config "secret/$secret" --output 'jsonpath={.items[*].metadata.resourceVersion}')
    for function in "${functions[@]}"; do
        "${kubectl[@]}" patch "$function" --type merge \
            --patch "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"user-buy-list/settings\":\"$mark\"}}}}}"
    done
}

# KEDA may have left it at zero pods, and an HPA leaves it there.
wake() {
    local replicas
    replicas=$("${kubectl[@]}" get deployment/customer-management --output 'jsonpath={.spec.replicas}')
    [ "$replicas" != 0 ] || "${kubectl[@]}" scale --replicas=1 deployment/customer-management
}

deploy() {
    local function
    [ -n "$dry_run" ] || preflight
    do_it kubectl apply --filename "$scratch/Namespace-$namespace.yaml"
    make_secrets
    # A Job never runs again, and cannot be changed. These may be repeated.
    do_it "${kubectl[@]}" delete --ignore-not-found --wait "${jobs[@]}"
    do_it kubectl apply --filename "$scratch"
    do_it "${kubectl[@]}" wait --for=condition=complete --timeout="$patience" "${jobs[@]}"
    [ -n "$dry_run" ] || start_with_settings
    [ -n "$dry_run" ] || [ "$overlay" != hpa ] || wake
    for function in "${functions[@]}"; do
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
    # Where no pod is, one has to come first.
    API_BASE=http://$page SMOKE_DEADLINE_S=${SMOKE_DEADLINE_S:-180} bash scripts/smoke.sh
}

# Whatever overlay it was. Scalers first, so that nobody brings pods back.
take_away() {
    local name kinds=horizontalpodautoscaler,deployment,statefulset,job,service,configmap,networkpolicy,poddisruptionbudget
    for name in scaledobjects.keda.sh podmonitors.monitoring.coreos.com servicemonitors.monitoring.coreos.com; do
        if [ -n "$dry_run" ] || has crd "$name"; then kinds=$name,$kinds; fi
    done
    do_it "${kubectl[@]}" delete --ignore-not-found --wait --selector app.kubernetes.io/part-of=user-buy-list "$kinds"
    say "the claims with the purchases, the Secrets and the namespace $namespace are still there"
}

if [ -n "$undeploy" ]; then take_away; else deploy; fi
