#!/usr/bin/env bash
# Figures of a GPU, one call a question: tests/gpu/measure.sh right|fast|good [PART …]; README.md beside this says more.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
path=$root/workflow/scripts:$root/tests/gpu:$root/tests/benchmarks
wheels=("$root"/gpu-bundle/wheels/*.whl)
if [ -e "${wheels[0]}" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))'; then # which they are for
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --disable-pip-version-check --root-user-action ignore \
        --target "$site" "${wheels[@]}"
    path=$path:$site
fi
PYTHONPATH=$path${PYTHONPATH:+:$PYTHONPATH} "$python" "$root/tests/gpu/measure.py" "$@"
