#!/bin/sh
# Keeps the one file with key and chain that nginx serves: a self-signed placeholder at first, so that nginx can
# start and answer Let's Encrypt's challenge, then Let's Encrypt's certificate, renewed for ever.
#
#   certificate.sh placeholder   make the self-signed file unless there is a file
#   certificate.sh install       take over what certbot holds
#   certificate.sh keep          both, and ask certbot twice a day
set -eu

: "${STICKERSNAP_DOMAIN:?set it to the name people type, such as stickers.example.org}"
: "${NGINX_CERTIFICATE:?set it to the file that nginx serves}"
letsencrypt=${LETSENCRYPT_FOLDER:-/etc/letsencrypt}
umask 077

replace() { # KEY CHAIN: both at once, and only if something changed
    cat "$1" "$2" > "$NGINX_CERTIFICATE.new" || return 1
    if cmp -s "$NGINX_CERTIFICATE.new" "$NGINX_CERTIFICATE"; then
        rm "$NGINX_CERTIFICATE.new"
    else
        mv "$NGINX_CERTIFICATE.new" "$NGINX_CERTIFICATE"
    fi
}

placeholder() {
    [ ! -s "$NGINX_CERTIFICATE" ] || return 0
    folder=$(mktemp -d)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=$STICKERSNAP_DOMAIN" -addext "subjectAltName=DNS:$STICKERSNAP_DOMAIN" \
        -keyout "$folder/key.pem" -out "$folder/chain.pem" 2> "$folder/log" || { cat "$folder/log" >&2; return 1; }
    replace "$folder/key.pem" "$folder/chain.pem"
    rm -r "$folder"
    echo "A self-signed certificate stands in for $STICKERSNAP_DOMAIN until Let's Encrypt answers."
}

install() {
    live=$letsencrypt/live/$STICKERSNAP_DOMAIN
    replace "$live/privkey.pem" "$live/fullchain.pem"
}

obtain() {
    # CERTBOT_OPTIONS is a list of words, such as `--staging`.
    # shellcheck disable=SC2086
    certbot certonly --webroot --webroot-path "$NGINX_ACME_ROOT" --config-dir "$letsencrypt" \
        --cert-name "$STICKERSNAP_DOMAIN" --domain "$STICKERSNAP_DOMAIN" --email "$LETSENCRYPT_EMAIL" \
        --agree-tos --no-eff-email --non-interactive --keep-until-expiring ${CERTBOT_OPTIONS:-} &&
        install
}

answers() { # URL
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)' "$1" 2> /dev/null
}

keep() {
    placeholder
    if [ "${STICKERSNAP_CERTIFICATE:-letsencrypt}" = self-signed ]; then
        echo "STICKERSNAP_CERTIFICATE=self-signed: Let's Encrypt is not asked."
        exec sleep infinity
    fi
    until answers "${NGINX_HEALTH:-http://nginx/nginx-health}"; do sleep 2; done
    while :; do
        if obtain; then
            sleep 43200
        else
            echo "No certificate for $STICKERSNAP_DOMAIN yet: its DNS record must name this server and port 80 be open." >&2
            echo "The next try is in an hour; Let's Encrypt allows few failures an hour." >&2
            sleep 3600
        fi
    done
}

case ${1:-} in
    placeholder | install | keep) "$1" ;;
    *)
        echo "certificate.sh ${1:-}: say placeholder, install or keep." >&2
        exit 2
        ;;
esac
