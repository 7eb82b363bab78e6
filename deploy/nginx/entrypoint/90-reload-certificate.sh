#!/bin/sh
# Run by the nginx image before nginx starts: looks at the certificate's file for as long as nginx runs, and has
# nginx take up a renewed one without dropping a connection.
seen=$(cksum < "$NGINX_CERTIFICATE")
while sleep "${NGINX_RELOAD_SECONDS:-60}"; do
    found=$(cksum < "$NGINX_CERTIFICATE") || continue
    [ "$found" != "$seen" ] || continue
    if nginx -t -q && nginx -s reload; then seen=$found; fi
done &
