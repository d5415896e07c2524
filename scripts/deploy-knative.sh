#!/usr/bin/env bash
# Puts the functions on a cluster with Knative Serving, Eventing and the Kafka source, or takes them away.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/deploy-knative.sh [OPTION]...

Applies knative/base or one of its overlays, waits until everything is ready, and buys something through the page's address.
It can be repeated: what is there already is brought to what the manifests say.

  --overlay NAME   keda or secured, in place of the base
  --with TOOL      kn or kubectl, for the Services [kn if it is there]
  --dry-run        prints what it would do, leaves the files for that in a folder, and does nothing
  --no-smoke       buys nothing
  --undeploy       takes the functions away; purchases, topics and Secrets stay

  REGISTRY         where the images are [ghcr.io/user-buy-list]
  TAG              of the images [that of the manifests]
  MONGODB_URI      goes into the Secret customer-management-secret; without it, the Secret must be there

The Services go by `kn service apply`, the KafkaSource and the KafkaSink by kubectl: kn's Kafka plugin cannot set retries, a dead letter
sink, the ordering or the first offset, and what it leaves out loses purchases. Needs kubectl, and a cluster that it reaches.
END
}

me=deploy-knative
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
# shellcheck source=scripts/deploy.sh
. scripts/deploy.sh
options "$@"

folder=knative/base
[ -z "$overlay" ] || folder=knative/overlays/$overlay
[ -f "$folder/kustomization.yaml" ] || die "there is no overlay $overlay; say keda or secured"
[ -n "$with" ] || { command -v kn >/dev/null && with=kn; } || with=kubectl
case $with in
    kn) command -v kn >/dev/null || die "kn is missing; install it, or say --with kubectl" ;;
    kubectl) ;;
    *) die "--with takes kn or kubectl" ;;
esac
render "$folder"
[ -f "$scratch/KafkaSource-kafka-source.yaml" ] || die "$folder has no KafkaSource"
# Who is asked for something comes before who asks.
services=(query storer buy frontend)
secret=customer-management-secret

# What must be there, and what must not.
preflight() {
    local name flag
    reach_cluster
    for name in services.serving.knative.dev kafkasources.sources.knative.dev kafkasinks.eventing.knative.dev; do
        has crd "$name" ||
            die "the cluster has no $name: install Knative Serving, Eventing, and Eventing's Kafka broker and source"
    done
    flag=$(kubectl --namespace knative-eventing get configmap config-kafka-features --ignore-not-found \
        --output 'jsonpath={.data.controller-autoscaler-keda}')
    [ "$overlay" != keda ] || [ "$flag" = enabled ] ||
        say "warning: KEDA will not scale the KafkaSource, because the feature controller-autoscaler-keda is off in" \
            "knative-eventing/config-kafka-features"
    for name in kafka-auth-buy kafka-auth-source kafka-auth-sink; do
        [ "$overlay" != secured ] || has secret "$name" ||
            die "there is no Secret $name in $namespace; knative/overlays/secured/kustomization.yaml says what is in it"
    done
    # Both read as the same group: each would get a part. It may be asleep, and its scaler wakes it.
    ! has deployment customer-management ||
        die "customer-management is in $namespace and reads as the same group; scripts/deploy-k8s.sh --undeploy takes it away"
    [ -n "${MONGODB_URI:-}" ] || has secret "$secret" ||
        die "there is no Secret $secret in $namespace: set MONGODB_URI, such as mongodb://user:password@host:27017/purchases"
}

deploy() {
    [ -n "$dry_run" ] || preflight
    make_namespace
    [ -z "${MONGODB_URI:-}" ] || make_secret apply "$secret" MONGODB_URI < <(printf %s "$MONGODB_URI")
    local service
    # Before anything that could need it.
    do_it kubectl apply --filename "$scratch/KafkaSink-dead-letters.yaml"
    for service in "${services[@]}"; do
        case $with in
            kn) do_it kn service apply "$service" --namespace "$namespace" --filename "$scratch/Service-$service.yaml" ;;
            kubectl) do_it kubectl apply --filename "$scratch/Service-$service.yaml" ;;
        esac
    done
    do_it "${kubectl[@]}" wait --for=condition=Ready --timeout=300s kafkasink/dead-letters "${services[@]/#/ksvc/}"
    # Last: from here on purchases are delivered.
    do_it kubectl apply --filename "$scratch/KafkaSource-kafka-source.yaml"
    do_it "${kubectl[@]}" wait --for=condition=Ready --timeout=300s kafkasource/kafka-source
    [ -z "$dry_run" ] || return 0
    local page
    page=$("${kubectl[@]}" get ksvc frontend --output 'jsonpath={.status.url}')
    say "the page is at $page"
    [ -z "$smoke" ] || API_BASE=$page bash scripts/smoke.sh
}

take_away() {
    # First: what was not delivered stays in the topic.
    do_it "${kubectl[@]}" delete --ignore-not-found --wait kafkasource/kafka-source
    do_it "${kubectl[@]}" delete --ignore-not-found --wait "${services[@]/#/ksvc/}" kafkasink/dead-letters
    say "the Secret, the topics and the namespace $namespace are still there"
}

if [ -n "$undeploy" ]; then take_away; else deploy; fi
