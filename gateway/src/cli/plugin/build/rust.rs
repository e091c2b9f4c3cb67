//! Builds a Rust plugin: with the toolchain's own target where it is installed, else with the one that deploy/setup.sh
//! unpacks.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use plugin_package::Manifest;

use super::cache;

const TARGET: &str = "wasm32-unknown-unknown";

/// How components are built on this machine.
enum Toolchain {
    /// rustup's target; its linker makes components.
    Installed { linker: PathBuf },
    /// A compiler with its sources, in a folder of its own.
    Unpacked { prefix: PathBuf },
}

/// The component that cargo makes of a folder.
pub(super) fn component(dir: &Path, manifest: &Manifest) -> anyhow::Result<Vec<u8>> {
    let toolchain = find()?;
    let target = dir.join("target");
    let status = command(&toolchain, dir, &target)
        .status()
        .context("cargo does not start")?;
    anyhow::ensure!(status.success(), "cargo failed");
    let file = format!("{}.wasm", manifest.name.name().replace('-', "_"));
    let built = target.join(TARGET).join("release").join(file);
    std::fs::read(&built).with_context(|| built.display().to_string())
}

/// The toolchain of this machine.
fn find() -> anyhow::Result<Toolchain> {
    if let Some(prefix) = std::env::var_os("MOEGATE_WASM_TOOLCHAIN") {
        return Ok(Toolchain::Unpacked {
            prefix: prefix.into(),
        });
    }
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("rustc does not start")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let rustlib = sysroot.join("lib/rustlib");
    let linker = rustlib.join("x86_64-unknown-linux-gnu/bin/wasm-component-ld");
    if rustlib.join(TARGET).join("lib").is_dir() && linker.is_file() {
        return Ok(Toolchain::Installed { linker });
    }
    let unpacked = cache().map(|cache| cache.join("wasm"));
    if let Some(prefix) = unpacked.filter(|prefix| prefix.join("bin/rustc").is_file()) {
        return Ok(Toolchain::Unpacked { prefix });
    }
    anyhow::bail!(
        "this machine cannot build components: `rustup target add {TARGET}`, or on Debian `deploy/setup.sh wasm`"
    )
}

fn command(toolchain: &Toolchain, dir: &Path, target: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    // What an outer build has set is not this one's.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let kept = matches!(
            &*text,
            "CARGO_HOME" | "CARGO_NET_OFFLINE" | "CARGO_HTTP_CAINFO" | "CARGO_HTTP_PROXY"
        );
        let registry = text.starts_with("CARGO_REGISTR") || text.starts_with("CARGO_SOURCE");
        if (text.starts_with("CARGO") || text.starts_with("RUST"))
            && !kept
            && !registry
            && !text.starts_with("RUSTUP")
        {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(dir)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .env("CARGO_TARGET_DIR", absolute(target));
    const LINKER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
    const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    let registry = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    // The same sources give the same bytes wherever they are built.
    let mut flags = format!("--remap-path-prefix={registry}/registry/src=/registry");
    match toolchain {
        Toolchain::Installed { linker } => {
            cargo.env(LINKER, linker);
        }
        Toolchain::Unpacked { prefix } => {
            let at = prefix.display();
            cargo
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", prefix.join("bin/rustc"))
                .env(
                    LINKER,
                    prefix.join("usr/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld"),
                );
            flags = format!(
                "-Clink-arg=--wasm-ld-path={at}/bin/wasm-ld --remap-path-prefix={at}/usr/src=/rustc-src \
                 --remap-path-prefix={at}/usr/lib/rustlib/src/rust=/rustc {flags}"
            );
        }
    }
    cargo.env(FLAGS, flags);
    cargo
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
