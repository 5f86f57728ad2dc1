//! The site folder: wiping, filling and measuring it.

use anyhow::{Context, Result};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Removes the folder with all it holds, and makes it anew.
pub(crate) fn wipe(site: &Path) -> Result<()> {
    match fs::remove_dir_all(site) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("failed to remove {}", site.display()));
        }
        _ => {}
    }
    fs::create_dir_all(site).with_context(|| format!("failed to create {}", site.display()))
}

/// Writes a file and the folders that lead to it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}

/// Copies every file below `from` to the same place below `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let bytes =
            fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        write(&to.join(file.strip_prefix(from)?), &bytes)?;
    }
    Ok(())
}

/// Returns every file below `folder`, by name.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Prints each file with its size in bytes, as it is and compressed.
pub(crate) fn print_sizes(site: &Path) -> Result<()> {
    let size = |path: &Path| fs::metadata(path).map(|meta| meta.len()).ok();
    let cell = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<32} {:>10} {:>10} {:>10}",
        "target/site", "bytes", "gzip", "brotli"
    )?;
    for file in files(site)? {
        let name = file.strip_prefix(site)?.display().to_string();
        if name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        let beside = |end: &str| {
            let mut path = file.clone().into_os_string();
            path.push(end);
            size(Path::new(&path))
        };
        writeln!(
            out,
            "{name:<32} {:>10} {:>10} {:>10}",
            cell(size(&file)),
            cell(beside(".gz")),
            cell(beside(".br"))
        )?;
    }
    Ok(())
}
