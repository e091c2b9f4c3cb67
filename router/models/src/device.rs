//! Where to compute: the CPU, or a GPU that libtorch sees.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use tch::Device;

/// The part of libtorch that holds the CUDA kernels. Programs link against the CPU's part alone.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";
/// Names the folder of a full libtorch, such as the one of an installed `torch` package.
const FOLDER_VARIABLE: &str = "MOEGATE_LIBTORCH";
const PRELOAD: &str = "LD_PRELOAD";

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of that index.
    Cuda(usize),
}

impl DeviceChoice {
    /// The device, or why it cannot be had.
    pub fn resolve(self) -> Result<Device, String> {
        match self {
            Self::Auto => Ok(Device::cuda_if_available()),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => {
                let count = tch::Cuda::device_count();
                if tch::Cuda::is_available() && i64::try_from(index).is_ok_and(|i| i < count) {
                    return Ok(Device::Cuda(index));
                }
                Err(format!(
                    "libtorch sees {count} CUDA devices; {FOLDER_VARIABLE} names the folder of a libtorch 2.11 that has \
                     {CUDA_LIBRARY}"
                ))
            }
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok().map(Self::Cuda))
                .ok_or_else(|| "expected `auto`, `cpu` or `cuda:N`".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// How a device is called on command lines and in reports.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => DeviceChoice::Cuda(index).to_string(),
        _ => DeviceChoice::Cpu.to_string(),
    }
}

/// Starts this program anew with libtorch's CUDA part loaded first, where `MOEGATE_LIBTORCH` or the loader's path offers
/// one; else, or when that was done, goes on. One binary thus serves machines with a GPU and without. To be called
/// before anything else: the new program has the same process id, arguments, environment and open files, and nothing
/// of what this one did.
pub fn load_cuda() -> std::io::Result<()> {
    let before = std::env::var_os(PRELOAD).unwrap_or_default();
    let folder = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let Some(library) = offered(folder.as_deref(), std::env::split_paths(&path)) else {
        return Ok(());
    };
    let Some(preload) = preload(&library, before) else {
        return Ok(());
    };
    let mut words = std::env::args_os();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    Err(again.args(words).env(PRELOAD, preload).exec())
}

/// The first of the offered folders that holds the CUDA part.
fn offered(folder: Option<&Path>, loader: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let named = folder.into_iter().flat_map(|f| [f.join("lib"), f.into()]);
    let files = named.chain(loader).map(|f| f.join(CUDA_LIBRARY));
    files.into_iter().find(|file| file.is_file())
}

/// What to preload; nothing where it is preloaded already.
fn preload(library: &Path, before: OsString) -> Option<OsString> {
    if before.to_string_lossy().contains(CUDA_LIBRARY) {
        return None;
    }
    let mut preload = library.as_os_str().to_owned();
    if !before.is_empty() {
        preload.push(":");
        preload.push(before);
    }
    Some(preload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_parsed_and_shown_alike() {
        for text in ["auto", "cpu", "cuda:0", "cuda:7"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused_with_a_way_out() {
        let why = DeviceChoice::Cuda(99).resolve().unwrap_err();
        assert!(why.contains("CUDA devices"), "{why}");
        assert!(why.contains(FOLDER_VARIABLE), "{why}");
        assert_eq!(DeviceChoice::Cpu.resolve().unwrap(), Device::Cpu);
    }

    #[test]
    fn the_cuda_part_is_looked_for_in_the_named_folder_first() {
        let folder = tempfile::tempdir().unwrap();
        let (named, loader) = (folder.path().join("named"), folder.path().join("loader"));
        let find = |named: &Path| offered(Some(named), [loader.clone()].into_iter());
        std::fs::create_dir_all(named.join("lib")).unwrap();
        std::fs::create_dir_all(&loader).unwrap();
        assert_eq!(find(&named), None);
        for place in [loader.clone(), named.clone(), named.join("lib")] {
            let file = place.join(CUDA_LIBRARY);
            std::fs::write(&file, "").unwrap();
            assert_eq!(find(&named), Some(file));
        }
        assert_eq!(offered(None, std::iter::empty()), None);
    }

    #[test]
    fn a_preloaded_library_is_not_loaded_again_and_others_stay() {
        let library = Path::new("/x/libtorch_cuda.so");
        let once = preload(library, OsString::new()).unwrap();
        assert_eq!(once, "/x/libtorch_cuda.so");
        assert_eq!(preload(library, once), None);
        let beside = preload(library, OsString::from("/y/other.so")).unwrap();
        assert_eq!(beside, "/x/libtorch_cuda.so:/y/other.so");
    }
}
