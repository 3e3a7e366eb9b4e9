#!/bin/sh
# Pins the dependencies of pyproject.toml and all that they need in turn: cuda.lock for CUDA, cpu.lock without CUDA's
# libraries, dev.lock what tests and checks need beside either; and the conda files with the same pins inside, as Snakemake
# copies only these (--sdm conda). What is locked already keeps its version; remove a file to take the newest of everything.
# Usage: envs/lock.sh [conda]; needs uv, but for `conda`, which makes only the conda files again.
# pip, which pip-audit asks for, is what installs all this and not pinned.
# torch itself is the same pin in both; which build it is depends on where pip finds it.
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --no-header --python-version 3.11 --no-emit-package pip "$@"
}
if [ "${1:-}" != conda ]; then
    compile pyproject.toml --output-file envs/cuda.lock
    set --
    for name in $(sed -nE '/^nvidia-ml-py=/d; s/^((nvidia|cuda)-[a-z0-9-]+|triton)==.*/\1/p' envs/cuda.lock); do
        set -- "$@" --no-emit-package "$name"
    done
    compile pyproject.toml --output-file envs/cpu.lock "$@"
    compile --group pyproject.toml:dev --constraints envs/cpu.lock --output-file envs/dev.lock
fi
for kind in cpu cuda; do
    {
        echo "# Made by envs/lock.sh: Python from conda-forge, everything else exactly as envs/$kind.lock pins it."
        printf 'name: ionscape-%s\nchannels: [conda-forge, nodefaults]\ndependencies:\n' "$kind"
        printf '  - python=3.11\n  - pip\n  - pip:\n'
        sed -nE 's/^([A-Za-z0-9].*==[^ ;]+).*/      - \1/p' "envs/$kind.lock"
    } > "envs/$kind.yaml"
done
