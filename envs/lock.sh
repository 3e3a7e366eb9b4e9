#!/bin/sh
# Pins requirements.in and all that it needs in turn: cuda.lock for CUDA, cpu.lock without CUDA's libraries.
# Usage: envs/lock.sh (needs uv). torch itself is the same pin in both; which build it is depends on where pip finds it.
set -eu
cd "$(dirname "$0")"
compile() {
    uv pip compile --quiet --no-header --python-version 3.11 requirements.in "$@"
}
compile --output-file cuda.lock
set --
for name in $(sed -nE 's/^((nvidia|cuda)-[a-z0-9-]+|triton)==.*/\1/p' cuda.lock); do
    set -- "$@" --no-emit-package "$name"
done
compile --output-file cpu.lock "$@"
