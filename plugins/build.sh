#!/usr/bin/env bash
# Builds the Rust guests into plugins/prebuilt and writes their digests; with --check it only compares.
# Needs rustup's target wasm32-unknown-unknown, or the toolchain that `deploy/setup.sh wasm` unpacks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=wasm32-unknown-unknown
build=${CARGO_TARGET_DIR:-target}/guests
cache=${MOEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/moegate}
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
sysroot=$(rustc --print sysroot)/lib/rustlib
declare -a more=()
# The index's folder is named by a hash of its address: it is no part of what is built.
remap=""
for folder in "$registry"/*/; do remap+=" --remap-path-prefix=${folder%/}=/registry"; done
remap+=" --remap-path-prefix=$(dirname "$PWD")=/moegate"
if [ -d "$sysroot/$target/lib" ] && [ -z "${MOEGATE_WASM_TOOLCHAIN:-}" ]; then
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$sysroot/x86_64-unknown-linux-gnu/bin/wasm-component-ld
else
    prefix=${MOEGATE_WASM_TOOLCHAIN:-$cache/wasm}
    [ -x "$prefix/bin/rustc" ] || { echo "no toolchain for $target: rustup target add $target, or deploy/setup.sh wasm" >&2; exit 3; }
    export RUSTC_BOOTSTRAP=1 RUSTC=$prefix/bin/rustc
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$prefix/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld
    remap+=" -Clink-arg=--wasm-ld-path=$prefix/bin/wasm-ld"
    for source in "$prefix"/usr/src/rustc-*; do remap+=" --remap-path-prefix=$source=/rustc"; done
    remap+=" --remap-path-prefix=$prefix/usr/lib/rustlib/src/rust=/rustc"
    more=(-Zbuild-std=std,panic_abort)
fi
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=$remap
# One at a time: built together, experts and workflows would share the features of the SDK.
for manifest in */Cargo.toml hostile/driver/Cargo.toml; do
    cargo build --quiet --release --lib --manifest-path "$manifest" --target "$target" --target-dir "$build" "${more[@]}"
done

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for wasm in "$build/$target"/release/*.wasm; do
    name=$(basename "$wasm" .wasm)
    cp "$wasm" "$made/${name//_/-}.wasm"
done
(cd "$made" && sha256sum -- *.wasm) >"$made/SHA256SUMS"
if [ "${1:-}" = --check ]; then
    diff prebuilt/SHA256SUMS "$made/SHA256SUMS" && echo "the guests are those of their sources"
else
    mkdir -p prebuilt
    rm -f prebuilt/*.wasm
    cp "$made"/* prebuilt/
    cat prebuilt/SHA256SUMS
fi
