//! Lets this crate's tests find libtorch when they start. A link argument reaches only the package whose build script
//! prints it, so every package with a binary or test over tch has this file (ours: models, worker, trainer, tests).

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
