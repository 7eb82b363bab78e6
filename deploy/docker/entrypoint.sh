#!/bin/sh
# What a container of the image runs: web, worker, migrate (the database and the first weights), or any command.
set -eu

case ${1:-} in
    web) exec gunicorn stickersnap.wsgi --config deploy/gunicorn.conf.py ;;
    worker) exec python manage.py procrastinate worker ;;
    migrate) exec python manage.py prepare ;;
    "")
        echo "Say web, worker, migrate, or a command such as: python manage.py doctor" >&2
        exit 2
        ;;
    *) exec "$@" ;;
esac
