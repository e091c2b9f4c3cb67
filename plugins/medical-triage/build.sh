#!/usr/bin/env bash
# Makes component.wasm with componentize-py, in an environment of its own. Some 18 MB: it is not committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${MOEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/moegate}
tool=$cache/componentize-py/bin/componentize-py
if [ ! -x "$tool" ]; then
    python3 -m venv "$cache/componentize-py"
    "$cache/componentize-py/bin/pip" install --quiet --disable-pip-version-check componentize-py==0.25.1
fi
mkdir -p wit/deps/moegate-plugin
cp ../../experts-sdk/wit/plugin.wit wit/deps/moegate-plugin/
"$tool" -d wit -w plugin componentize app -o component.wasm
