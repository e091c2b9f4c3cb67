//! Builds plugins in C: writes their bindings, has the folder's Makefile compile a core module, and makes a component of it.
//! A C compiler with WASI's libc is all that an author brings.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use wit_bindgen_core::{Files, wit_parser::Resolve};

use super::fetched;
use super::other::done;

/// Runs the compiler, which is a Python package.
pub(super) const PYTHON: &str = "c/bin/python";

pub(super) fn component(dir: &Path) -> anyhow::Result<()> {
    write_bindings(dir)?;
    let mut make = Command::new("make");
    make.current_dir(dir).arg("core.wasm");
    if let Some(python) = fetched(PYTHON) {
        let compiler = format!("CC={} -m ziglang cc -target wasm32-wasi", python.display());
        make.arg(compiler);
    }
    done(
        &mut make,
        "make: install it with your system's packages; a compiler is fetched by `deploy/setup.sh guests`",
    )?;
    let core = dir.join("core.wasm");
    let core = std::fs::read(&core).with_context(|| core.display().to_string())?;
    let component = wit_component::ComponentEncoder::default()
        .module(&core)?
        .validate(true)
        .encode()
        .context("core.wasm is no component of this world")?;
    std::fs::write(dir.join("component.wasm"), component)?;
    Ok(())
}

/// Writes what C sees of the world in `wit`: plugin.h, plugin.c, and the object file that tells the types.
fn write_bindings(dir: &Path) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(dir.join("wit"))?;
    let world = resolve.select_world(&[package], Some("plugin"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)?;
    let bindings = dir.join("bindings");
    std::fs::create_dir_all(&bindings).with_context(|| bindings.display().to_string())?;
    for (name, contents) in files.iter() {
        std::fs::write(bindings.join(name), contents)?;
    }
    Ok(())
}
