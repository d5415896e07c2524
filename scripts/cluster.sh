#!/usr/bin/env bash
# A cluster on this machine, with what deploying needs: for the tests that no machine without one can run.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/cluster.sh up k8s|knative
       scripts/cluster.sh load
       scripts/cluster.sh prove k8s|knative
       scripts/cluster.sh disturb k8s|knative
       scripts/cluster.sh state
       scripts/cluster.sh crds FOLDER

  up       makes a cluster by kind, and installs KEDA; or Knative Serving with Kourier, Eventing and its Kafka source, and on it our
           Kafka and MongoDB. The addresses of Services of Knative lead to port 80 of this machine
  load     gives it the images that scripts/images.sh built
  prove    buys through the page, and kills pods meanwhile (scripts/prove.sh)
  disturb  kills pods, one kind after the other, those of Kafka and MongoDB too
  state    prints how it is, and the end of every log
  crds     gets the CustomResourceDefinitions that scripts/manifests.sh holds our manifests to: CRDS_DIR=FOLDER

  PAUSE_S  between two kinds of pods [5]

GitHub Actions runs it. Needs kind, kubectl, podman, and the internet.
END
}

# Of the versions that all of them know.
node=kindest/node:v1.35.0@sha256:452d707d4862f52530247495d180205e029056831160e22870e37e3f6c1ac31f
keda=2.21.0
serving=1.23.0
kourier=1.23.0
eventing=1.23.0
eventing_kafka=1.23.1
strimzi=1.2.0
github=https://github.com
serving_files=$github/knative/serving/releases/download/knative-v$serving
eventing_files=$github/knative/eventing/releases/download/knative-v$eventing
kafka_files=$github/knative-extensions/eventing-kafka-broker/releases/download/knative-v$eventing_kafka
keda_file=$github/kedacore/keda/releases/download/v$keda/keda-$keda.yaml

name=user-buy-list
namespace=user-buy-list
here=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

die() {
    printf 'cluster: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=scripts/containers.sh
. scripts/containers.sh

# Server-side, because some definitions are too large for the annotation that kubectl makes otherwise.
apply() { kubectl apply --server-side --filename "$1"; }
ready() { kubectl --namespace "$1" wait --for=condition=Available --timeout=10m deployment --all; }

up() {
    kind create cluster --name "$name" --image "$node" --wait 5m --config - <<'END'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraPortMappings:
      - containerPort: 31080
        hostPort: 80
END
    case $1 in
        k8s)
            apply "$keda_file"
            ready keda
            ;;
        knative)
            knative_serving
            knative_eventing
            servers
            ;;
    esac
}

knative_serving() {
    apply "$serving_files/serving-crds.yaml"
    kubectl wait --for=condition=Established --timeout=2m crd --all
    apply "$serving_files/serving-core.yaml"
    apply "$github/knative-extensions/net-kourier/releases/download/knative-v$kourier/kourier.yaml"
    # Their webhook must be there to admit the changes.
    ready knative-serving
    ready kourier-system
    configure knative-serving config-network '{"ingress-class":"kourier.ingress.networking.knative.dev"}'
    configure knative-serving config-domain '{"127.0.0.1.sslip.io":""}'
    # The images are on the node, and in no registry that could resolve their tags.
    configure knative-serving config-deployment '{"registries-skipping-tag-resolving":"kind.local,ko.local,dev.local,ghcr.io"}'
    kubectl apply --filename - <<'END'
apiVersion: v1
kind: Service
metadata:
  name: kourier-of-this-machine
  namespace: kourier-system
spec:
  type: NodePort
  selector:
    app: 3scale-kourier-gateway
  ports:
    - port: 80
      targetPort: 8080
      nodePort: 31080
END
}

knative_eventing() {
    apply "$eventing_files/eventing-crds.yaml"
    kubectl wait --for=condition=Established --timeout=2m crd --all
    apply "$eventing_files/eventing-core.yaml"
    local part
    for part in controller source sink; do apply "$kafka_files/eventing-kafka-$part.yaml"; done
    ready knative-eventing
}

# configure NAMESPACE CONFIGMAP DATA
configure() { kubectl --namespace "$1" patch configmap "$2" --type merge --patch "{\"data\":$3}"; }

# Kafka and MongoDB as on plain Kubernetes, without the rest of it.
servers() {
    local uri
    uri="mongodb://user-buy-list:$(od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n')@mongodb:27017/purchases?replicaSet=rs0"
    kubectl apply --filename k8s/base/namespace.yaml
    printf %s "$uri" | kubectl --namespace "$namespace" create secret generic customer-management-secret --from-file=MONGODB_URI=/dev/stdin
    od -An -v -N256 -tx1 /dev/urandom | tr -d ' \n' |
        kubectl --namespace "$namespace" create secret generic mongodb-keyfile --from-file=keyfile=/dev/stdin
    kubectl --namespace "$namespace" apply --filename k8s/base/config.yaml \
        --filename k8s/base/kafka.yaml --filename k8s/base/mongodb.yaml
    kubectl --namespace "$namespace" wait --for=condition=complete --timeout=15m job/kafka-topics job/mongodb-init
}

load() {
    local image archive
    archive=$(mktemp -d)
    for image in buy query storer consumer frontend; do
        podman save --quiet --format docker-archive --output "$archive/$image.tar" "$(image_of "$image")"
        kind load image-archive --name "$name" "$archive/$image.tar"
        rm "$archive/$image.tar"
    done
    rmdir "$archive"
}

# Whoever forwards a port of the page's pod, as `prove` does, would lose it, so that one is left alone. A pod that is not there is a
# disturbance less, and a proof of nothing.
disturb() {
    local label labels=(app=kafka app=mongodb)
    case $1 in
        k8s) labels=(app=customer-facing app=customer-management app=query "${labels[@]}" app=customer-facing) ;;
        knative) labels=(serving.knative.dev/service=buy serving.knative.dev/service=storer "${labels[@]}") ;;
    esac
    for label in "${labels[@]}"; do
        kill_pods "$namespace" "$label"
        sleep "${PAUSE_S:-5}"
    done
    # Whoever delivers is not of our namespace.
    [ "$1" != knative ] || kill_pods knative-eventing app=kafka-source-dispatcher
}

# kill_pods NAMESPACE LABEL
kill_pods() {
    local said
    said=$(kubectl --namespace "$1" delete pod --selector "$2" --grace-period=1)
    echo "$said"
    [[ $said = *deleted* ]] || die "there is no pod of $2 to kill"
}

prove() {
    local page
    case $1 in
        knative) page=$(kubectl --namespace "$namespace" get ksvc frontend --output 'jsonpath={.status.url}') ;;
        k8s)
            page=http://127.0.0.1:8080
            # It ends whenever a connection is reset.
            while :; do kubectl --namespace "$namespace" port-forward svc/user-buy-frontend 8080:80 || sleep 0.2; done >/dev/null 2>&1 &
            forwarding=$!
            trap 'kill "$forwarding" 2>/dev/null || true' EXIT
            curl -q --silent --fail --retry 20 --retry-connrefused --retry-delay 1 --output /dev/null "$page/health"
            ;;
    esac
    API_BASE=$page bash scripts/prove.sh bash scripts/cluster.sh disturb "$1"
}

# A kind that the cluster does not know is no reason to stop.
state() {
    local kind at
    for kind in all kafkasource kafkasink scaledobject; do
        kubectl --namespace "$namespace" get "$kind" --output wide || true
    done
    kubectl --namespace "$namespace" get events --sort-by .lastTimestamp || true
    for at in "$namespace" knative-eventing keda; do
        kubectl --namespace "$at" logs --all-containers --prefix --tail 50 --max-log-requests 50 --selector '!nothing' || true
    done
}

crds() {
    mkdir -p "$1"
    local url
    for url in "$serving_files/serving-crds.yaml" "$eventing_files/eventing-crds.yaml" "$kafka_files/eventing-kafka-controller.yaml" \
        "$kafka_files/eventing-kafka-source.yaml" "$kafka_files/eventing-kafka-sink.yaml" "$keda_file" \
        "$github/strimzi/strimzi-kafka-operator/releases/download/$strimzi/strimzi-cluster-operator-$strimzi.yaml"; do
        curl -q --fail --silent --show-error --location --retry 3 --output "$1/${url##*/}" "$url"
    done
}

case "${1:-}:${2:-}:$#" in
    up:k8s:2 | up:knative:2 | prove:k8s:2 | prove:knative:2 | disturb:k8s:2 | disturb:knative:2) "$@" ;;
    crds:?*:2) crds "$(cd "$here" && realpath -m -- "$2")" ;;
    load::1 | state::1) "$@" ;;
    -h::1 | --help::1) usage ;;
    *) usage >&2 && exit 64 ;;
esac
