# shellcheck shell=bash disable=SC2154,SC2164 # services.sh reads this file: it sets what is not set here, and errexit
# Toxiproxy: connections that are slow, cut or swallowed when a test says so. It forgets its proxies when it ends.

toxiproxy_version=2.5.0
# Of the module, whose go.sum has those of all that it needs.
toxiproxy_sum=h1:i4LPT+qrSlKNtQf5QliVjdP08GyAH8+BUIc9gT0eahc=

toxiproxy_packages() { installed toxiproxy || command -v go >/dev/null || echo golang-go; }

get_toxiproxy() {
    local module=github.com/Shopify/toxiproxy/v2 program=$PWD/toxiproxy source
    go_here
    source=$(go_module "$module" "v$toxiproxy_version" "$toxiproxy_sum") || exit 1
    (
        cd "$source"
        go build -trimpath -ldflags "-s -w -X $module.Version=$toxiproxy_version" -o "$program" ./cmd/server >&2
    )
    rm -rf modules cache
    [[ $(./toxiproxy -version) = *" $toxiproxy_version" ]] || die "this toxiproxy does not run"
}

prepare_toxiproxy() { choose_ports toxiproxy "${TOXIPROXY_PORT:-}" PORT; }

start_toxiproxy() {
    # It starts with no proxies; the file is there so that the process is known by it.
    echo '[]' >"$state/toxiproxy/proxies.json"
    launch toxiproxy env LOG_LEVEL=info "$tools/toxiproxy-$toxiproxy_version/toxiproxy" -host 127.0.0.1 \
        -port "$(port toxiproxy PORT)" -config "$state/toxiproxy/proxies.json"
}

toxiproxy_is_ready() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$(port toxiproxy PORT)" && printf 'GET /version HTTP/1.0\r\n\r\n' >&3 &&
            timeout 2 grep -qF "$toxiproxy_version" <&3
    ) 2>/dev/null
}

toxiproxy_variables() { variable TOXIPROXY_URL "http://127.0.0.1:$(port toxiproxy PORT)"; }
