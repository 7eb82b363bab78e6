#!/bin/sh
# Prints the Python to make the virtual environment with, or says which one is missing.
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
for python in ${1:-python3 python3.13 python3.12 python3.11 python}; do
    if "$python" -c "$new_enough" >/dev/null 2>&1; then
        command -v "$python"
        exit 0
    fi
done
found=$("${1:-python3}" --version 2>/dev/null)
echo "StickerSnap needs Python 3.11 or newer, and ${found:-no Python} was found as ${1:-python3}." >&2
echo "Install one, or say where it is: make run PYTHON=/path/to/python3.12" >&2
exit 1
