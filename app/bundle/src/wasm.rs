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

/// Makes the module smaller, if `wasm-opt` is there.
pub(crate) fn optimise(root: &Path, package: &Path) -> Result<()> {
    let Some(tool) = find_wasm_opt(root) else {
        writeln!(
            io::stderr(),
            "wasm-opt not found: the browser bundle stays about twice as large. \
             Install it with `apt-get install binaryen` or `npm ci` in end2end/."
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
    fs::rename(&smaller, &module).context("failed to replace the module by the smaller one")
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
