//! Named fp32 tensors with a note, in one safetensors file that is whole or absent.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Kind, Tensor};

/// The key of the note in the file's metadata.
const NOTE: &str = "note";

/// Writes tensors and a note beside `path` and renames: a reader sees the old file or the new one. A full disk or a
/// folder that cannot be written is an error that names the file, and leaves nothing.
pub fn write(path: &Path, tensors: &HashMap<String, Tensor>, note: &impl Serialize) -> Result<()> {
    let name = path.display();
    let mut bytes = BTreeMap::new();
    for (key, tensor) in tensors {
        let flat = tensor.f_detach()?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let mut data = vec![0u8; flat.numel() * 4];
        flat.f_copy_data_u8(&mut data, flat.numel())?;
        let shape: Vec<usize> = tensor
            .size()
            .into_iter()
            .map(usize::try_from)
            .collect::<Result<_, _>>()?;
        bytes.insert(key.as_str(), (shape, data));
    }
    let views = bytes
        .iter()
        .map(|(key, (shape, data))| Ok((*key, TensorView::new(Dtype::F32, shape.clone(), data)?)))
        .collect::<Result<Vec<_>>>()?;
    let note = HashMap::from([(NOTE.to_owned(), serde_json::to_string(note)?)]);
    let whole = safetensors::serialize(views, Some(note))?;
    replace(path, &whole).with_context(|| format!("{name}: cannot write"))
}

/// Writes a file beside its place, syncs it and renames it; a failed write leaves nothing.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let written = File::create(draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| std::fs::rename(draft, path));
    if placed.is_err() {
        let _gone = std::fs::remove_file(draft);
    }
    placed
}

/// Reads what [`write()`] wrote; `None` where there is no file. A file that is not whole is an error that names it.
pub fn read<N: DeserializeOwned>(path: &Path) -> Result<Option<(HashMap<String, Tensor>, N)>> {
    let name = path.display();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{name}: cannot read")),
    };
    let broken = || format!("{name}: not a whole file; remove it to start anew");
    let (_, header) = SafeTensors::read_metadata(&bytes).with_context(broken)?;
    let file = SafeTensors::deserialize(&bytes).with_context(broken)?;
    let note = header.metadata().as_ref().and_then(|map| map.get(NOTE));
    let Some(note) = note else {
        bail!("{name}: holds no note");
    };
    let note = serde_json::from_str(note).with_context(|| format!("{name}: its note"))?;
    let mut tensors = HashMap::new();
    for (key, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            bail!(
                "{name}: tensor {key}: expected F32, found {:?}",
                view.dtype()
            );
        }
        let shape: Vec<i64> = view
            .shape()
            .iter()
            .map(|&n| i64::try_from(n))
            .collect::<Result<_, _>>()?;
        let tensor = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)?;
        tensors.insert(key, tensor);
    }
    Ok(Some((tensors, note)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tch::Tensor;

    use super::{read, write};

    #[test]
    fn tensors_and_note_come_back_and_a_cut_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        assert!(read::<u32>(&path).unwrap().is_none());
        let tensor = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([2, 2]);
        write(
            &path,
            &HashMap::from([("a".to_owned(), tensor.copy())]),
            &7u32,
        )
        .unwrap();
        let (tensors, note) = read::<u32>(&path).unwrap().unwrap();
        assert_eq!((&tensors["a"], note), (&tensor, 7));

        let bytes = std::fs::read(&path).unwrap();
        for keep in [bytes.len() - 3, 40, 3, 0] {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            let error = format!("{:#}", read::<u32>(&path).expect_err("cut"));
            assert!(
                error.contains("state.safetensors: not a whole file"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/state.safetensors");
        let error = format!(
            "{:#}",
            write(&path, &HashMap::new(), &0u32).expect_err("no folder")
        );
        assert!(error.contains("state.safetensors: cannot write"), "{error}");
        // A device that is always full: `/dev/full` takes no byte.
        let full = std::path::Path::new("/dev/full");
        if full.exists() {
            let error = std::fs::write(full, "x").expect_err("full");
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
