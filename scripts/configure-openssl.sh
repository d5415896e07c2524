#!/bin/sh
# Stands for perl where OpenSSL is built for an image (OPENSSL_SRC_PERL): leaves out what a client of Kafka has no use for. What stays is TLS 1.2
# and 1.3 with the ciphers and curves in use, certificates, and the hashes of SCRAM.
set -eu

if [ "${1:-}" = ./Configure ]; then
    for unused in argon2 aria bf blake2 cast cmp cms ct deprecated des dsa dtls ec2m gost http ktls lms md4 mdc2 ml-dsa ml-kem multiblock \
        nextprotoneg ocb ocsp quic rc2 rc4 rfc3779 rmd160 scrypt siphash siv slh-dsa sm2 sm3 sm4 srp srtp tls1 tls1_1 ts ui-console whirlpool; do
        set -- "$@" "no-$unused"
    done
fi
exec perl "$@"
