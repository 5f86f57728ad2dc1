//! `Leptos.toml`: what pages need to know, and where to listen.

use super::ConfigError;
use leptos::config::{LeptosOptions, get_config_from_str};
use std::{fs, io};

/// The copy that the binary carries, so that it runs from any directory.
const EMBEDDED: &str = include_str!("../../../Leptos.toml");
/// The name under which the bundle's files are built.
const OUTPUT_NAME: &str = "app";

/// Reads `Leptos.toml` of the working directory, else the embedded copy;
/// `LEPTOS_…` variables win over both.
pub(super) fn load() -> Result<LeptosOptions, ConfigError> {
    match fs::read_to_string("Leptos.toml") {
        Ok(text) => read(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => embedded(),
        Err(error) => Err(ConfigError::Leptos(format!(
            "cannot read Leptos.toml: {error}"
        ))),
    }
}

/// Reads the embedded copy.
pub(super) fn embedded() -> Result<LeptosOptions, ConfigError> {
    read(EMBEDDED)
}

fn read(text: &str) -> Result<LeptosOptions, ConfigError> {
    let options = get_config_from_str(text).map_err(|error| {
        let lines: Vec<String> = error
            .to_string()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        ConfigError::Leptos(format!(
            "cannot use Leptos.toml or a LEPTOS_… variable: {}",
            lines.join(" ")
        ))
    })?;
    if *options.output_name != *OUTPUT_NAME {
        return Err(ConfigError::Leptos(format!(
            "output-name in Leptos.toml is {:?}, but this binary holds {OUTPUT_NAME:?}",
            options.output_name
        )));
    }
    // Leptos would look for the hashes in a file beside the binary and panic
    // without it; the addresses hold a hash anyhow, see `AppState::new`.
    if options.hash_files {
        return Err(ConfigError::Leptos(
            "hash-files in Leptos.toml must be false; the bundle's addresses hold its hash anyhow"
                .to_owned(),
        ));
    }
    if options.site_pkg_dir.trim_matches('/').is_empty()
        || options
            .site_pkg_dir
            .contains(['{', '}', '*', '?', '#', ' '])
    {
        return Err(ConfigError::Leptos(format!(
            "site-pkg-dir in Leptos.toml must be a plain path, but is {:?}",
            options.site_pkg_dir
        )));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_leptos_and_leptos_toml_name_the_same_output() {
        let manifest: toml::Table =
            toml::from_str(include_str!("../../../Cargo.toml")).expect("a manifest");
        let name = &manifest["workspace"]["metadata"]["leptos"][0]["name"];
        let options = embedded().expect("embedded settings");
        assert_eq!(name.as_str(), Some(&*options.output_name));
        assert_eq!(name.as_str(), Some(OUTPUT_NAME));
    }

    #[test]
    fn settings_that_do_not_fit_are_refused_in_one_line() {
        for (text, part) in [
            ("output-name = \"app\"", "section missing"),
            ("[package.metadata.leptos]\nsite-root = \".\"", "output"),
            (
                "[package.metadata.leptos]\noutput-name = \"other\"",
                "other",
            ),
            (
                "[package.metadata.leptos]\noutput-name = \"app\"\nsite-addr = \"x\"",
                "LEPTOS_",
            ),
            ("[package.metadata.leptos]\noutput-name = = 1", "LEPTOS_"),
            (
                "[package.metadata.leptos]\noutput-name = \"app\"\nhash-files = true",
                "hash-files",
            ),
            (
                "[package.metadata.leptos]\noutput-name = \"app\"\nsite-pkg-dir = \"/\"",
                "pkg-dir",
            ),
        ] {
            let line = read(text).expect_err("an error").to_string();
            assert!(line.contains(part) && !line.contains('\n'), "{line:?}");
        }
    }
}
