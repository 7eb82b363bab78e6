#!/bin/sh
# Backs up and restores a running deployment: `make backup`, `make restore BACKUP=var/backups/<time>`.
# The databases (the service's, and MLflow's where there is one) come first: a file is on disk before a row names it.
set -eu
: "${COMPOSE:?use it through make: make backup, or make restore BACKUP=var/backups/<time>}"

state=/var/lib/stickersnap
in_postgres() { $COMPOSE exec -T postgres "$@"; }

backup() {
    folder=var/backups/$(date -u +%Y-%m-%dT%H-%M-%SZ)
    umask 077
    mkdir -p "$folder.part"
    databases=$(in_postgres psql --username stickersnap --dbname postgres --tuples-only --no-align \
        --command "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
    for database in $databases; do
        in_postgres pg_dump --username stickersnap --format custom "$database" > "$folder.part/$database.dump"
    done
    $COMPOSE exec -T worker tar --directory "$state" --create --file - . > "$folder.part/state.tar"
    sync
    mv "$folder.part" "$folder"
    echo "Backup in $folder. Copy it to another machine, with deploy/.env beside it."
}

restore() {
    for file in stickersnap.dump state.tar; do
        [ -s "$1/$file" ] || { echo "$1/$file is missing: name a whole backup, BACKUP=var/backups/<time>." >&2; exit 2; }
    done
    $COMPOSE up --detach --wait postgres
    $COMPOSE stop web worker
    for dump in "$1"/*.dump; do
        database=$(basename "$dump" .dump)
        in_postgres dropdb --username stickersnap --maintenance-db postgres --if-exists --force "$database"
        in_postgres createdb --username stickersnap --maintenance-db postgres "$database"
        # What the role that serves may do is granted anew by `migrate`, which runs before the service starts.
        in_postgres pg_restore --username stickersnap --dbname "$database" --no-owner --no-acl --exit-on-error \
            --single-transaction < "$dump"
    done
    $COMPOSE run --rm --no-deps -T worker tar --directory "$state" --extract --file - < "$1/state.tar"
    $COMPOSE up --detach --wait --wait-timeout 600
    echo "Restored $1."
}

case ${1:-} in
    backup) backup ;;
    restore) restore "${2:-}" ;;
    *)
        echo "backup.sh ${1:-}: say backup or restore." >&2
        exit 2
        ;;
esac
