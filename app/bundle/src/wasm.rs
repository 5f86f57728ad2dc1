//! From the `app` crate to `app.js` and `app_bg.wasm`.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use wasm_bindgen_cli_support::Bindgen;
use wasmparser::{ExternalKind, Parser, Payload, RefType};

/// What rustc puts into WebAssembly by default and older versions of `wasm-opt`
/// refuse unless told.
const WASM_OPT_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Compiles `app` for browsers and returns the path of the result.
pub(crate) fn compile(root: &Path, is_release: bool) -> Result<PathBuf> {
    // The same cargo that runs this tool, hence the same toolchain.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--package", "app", "--lib"])
        .args(["--target", "wasm32-unknown-unknown"])
        .args(["--no-default-features", "--features", "hydrate"])
        .args(["--profile", if is_release { "wasm-release" } else { "dev" }])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run cargo")?;
    ensure!(
        output.status.success(),
        "failed to compile the app for browsers ({})",
        output.status
    );
    // Cargo names the file it made, wherever the target folder is.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message["reason"] == "compiler-artifact" && message["target"]["name"] == "app"
        })
        .filter_map(|message| {
            let files = message["filenames"].as_array()?;
            files
                .iter()
                .filter_map(Value::as_str)
                .find(|file| file.ends_with(".wasm"))
                .map(PathBuf::from)
        })
        .next_back()
        .context("cargo built no .wasm file; is `cdylib` among the app's crate types?")
}

/// Writes the JavaScript that loads `compiled`, and the module it loads.
pub(crate) fn bind(compiled: &Path, package: &Path, is_release: bool) -> Result<()> {
    // Without cargo-leptos, Leptos asks for `app.js` and `app_bg.wasm`.
    Bindgen::new()
        .input_path(compiled)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .debug(!is_release)
        .keep_debug(false)
        // The names of a view's functions spell out its whole type: half
        // of an unoptimised module.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(package)
        .with_context(|| format!("failed to bind {}", compiled.display()))
}

/// Makes the module smaller, if there is a `wasm-opt` that can.
pub(crate) fn optimise(root: &Path, package: &Path) -> Result<()> {
    let Some(tool) = find_wasm_opt(root) else {
        writeln!(
            io::stderr(),
            "wasm-opt not found: the bundle is larger than it could be. \
             Install Binaryen to make it smaller."
        )?;
        return Ok(());
    };
    let module = package.join("app_bg.wasm");
    let smaller = package.join("app_bg.wasm.opt");
    let output = Command::new(&tool)
        .arg("-Oz")
        .args(WASM_OPT_FEATURES)
        .arg(&module)
        .arg("-o")
        .arg(&smaller)
        .output()
        .with_context(|| format!("failed to run {}", tool.display()))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}):\n{}",
            tool.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    // Binaryen 108, which Debian 12 has, reads every exported table as the
    // first one; the bundle would fail as soon as it is loaded.
    if exported_tables(&fs::read(&module)?)? != exported_tables(&fs::read(&smaller)?)? {
        writeln!(
            io::stderr(),
            "{} is too old: it confuses the module's tables. \
             The bundle stays larger than it could be.",
            tool.display()
        )?;
        return fs::remove_file(&smaller).context("failed to remove the broken module");
    }
    fs::rename(&smaller, &module).context("failed to replace the module by the smaller one")
}

/// Returns the name and the element type of every table that a module exports.
fn exported_tables(module: &[u8]) -> Result<Vec<(String, RefType)>> {
    let mut types = Vec::new();
    let mut exported = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("failed to read the module")? {
            Payload::TableSection(tables) => {
                for table in tables {
                    types.push(table?.ty.element_type);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Table {
                        exported.push((export.name.to_owned(), export.index));
                    }
                }
            }
            _ => {}
        }
    }
    exported
        .into_iter()
        .map(|(name, index)| {
            let ty = usize::try_from(index).ok().and_then(|at| types.get(at));
            // The module that wasm-bindgen makes imports no table.
            let ty = ty.with_context(|| format!("the exported table {name} is not there"))?;
            Ok((name, *ty))
        })
        .collect()
}

/// Finds `wasm-opt`: the version the end-to-end tests pin, else the system's.
fn find_wasm_opt(root: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    [root.join("end2end/node_modules/.bin")]
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join("wasm-opt"))
        .find(|tool| tool.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of a function table and an external one that exports `e`.
    fn module(exported: u8) -> Vec<u8> {
        let tables = [4, 7, 2, 0x70, 0, 1, 0x6f, 0, 1];
        let exports = [7, 5, 1, 1, b'e', 1, exported];
        [&b"\0asm\x01\0\0\0"[..], &tables, &exports].concat()
    }

    #[test]
    fn a_confused_table_is_noticed() {
        let tables = |index| exported_tables(&module(index)).expect("a module");
        assert_eq!(tables(1), [("e".to_owned(), RefType::EXTERNREF)]);
        assert_ne!(tables(0), tables(1));
        assert!(exported_tables(&module(2)).is_err());
        assert!(exported_tables(b"nonsense").is_err());
    }
}
