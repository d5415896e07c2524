# shellcheck shell=bash disable=SC2034 # whoever reads this file has `die`, and uses what is here
# Images as a cluster runs them: nobody's root, without a capability, and unable to write to what they are made of. On the network of
# this machine, where a name server of their own tells them the names of services.

registry=${REGISTRY:-ghcr.io/user-buy-list}
# Owners may have capitals in their names, and images may not.
registry=${registry,,}
tag=${TAG:-$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)}

image_of() { echo "$registry/$1:$tag"; }

# The limits are those that any machine grants. crun, which is the default of podman, needs more of the kernel than runc.
restricted=(--network host --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pull never)
podman=(podman)
! command -v runc >/dev/null || podman+=(--runtime runc)

# in_container NAME OPTION...: runs the image in the foreground, so that signals reach it and its exit code is ours.
in_container() {
    local name=$1
    shift
    exec "${podman[@]}" run --rm "${restricted[@]}" "$@" "$(image_of "$name")"
}

# The names as a pod sees them, whole and short.
domain=user-buy-list.svc.cluster.local
name_server=127.$((RANDOM % 100 + 100)).$((RANDOM % 250)).53
resolving=(--dns "$name_server" --dns-search "$domain" --dns-search svc.cluster.local --dns-option ndots:5)

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Who answers them: 127.0.0.1 for every name in the domain, and that there is none for any other. Port 53 is root's.
serve_names() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    command -v dnsmasq >/dev/null || die "dnsmasq is missing; run \`scripts/images.sh install\`"
    exec "${sudo[@]}" dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --pid-file= --no-hosts --no-resolv --bind-interfaces \
        --listen-address="$name_server" --address="/$domain/127.0.0.1" --address=/#/
}
