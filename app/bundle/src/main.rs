//! `cargo run -p bundle [-- --release]`: fills `target/site` with everything
//! that browsers load. The server embeds that folder when it is compiled.

mod compress;
mod css;
mod site;
mod wasm;

use anyhow::{Context, Result};
use clap::Parser;
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Builds the browser's half of the dashboard into target/site.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Build small and fast code, and compress every file beside the original.
    #[arg(long)]
    release: bool,
}

fn main() -> ExitCode {
    match bundle(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without standard error there is nobody to tell; the code remains.
            let _ = writeln!(io::stderr(), "bundle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bundle(options: &Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("app/bundle is not two folders below the workspace")?;
    let site = root.join("target/site");
    let package = site.join("pkg");

    // Compile first: if that fails, the bundle of the last build stays whole.
    let compiled = wasm::compile(root, options.release)?;
    let style = css::inline(&root.join("style/main.css"))?;

    // A file left over from an earlier build, such as a compressed copy, would
    // be served instead of the new one.
    site::wipe(&site)?;
    wasm::bind(&compiled, &package, options.release)?;
    if options.release {
        wasm::optimise(root, &package)?;
    }
    site::write(&package.join("app.css"), style.as_bytes())?;
    site::copy(&root.join("public"), &site)?;
    if options.release {
        compress::compress_all(&site)?;
    }
    site::print_sizes(&site)
}
