//! Where history is kept if nobody says where.

use directories::ProjectDirs;
use monitor::history::{StoreConfig, StoreUrlError, file_name};
use protocol::{Keyspace, RedisUrl};

/// What `--store` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing.
    Default,
    /// Keep no history.
    None,
    /// Keep it there.
    This(StoreConfig),
}

/// Reads the option; an empty value is as good as none.
pub(crate) fn choose(option: Option<&str>) -> Result<Choice, StoreUrlError> {
    match option {
        None | Some("") => Ok(Choice::Default),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(Choice::None),
        Some(text) => text.parse().map(Choice::This),
    }
}

/// Returns the broker's file in the user's data directory, such as
/// `~/.local/share/celeriac/localhost-6379-0.db`.
pub(super) fn default(
    broker: &RedisUrl,
    keyspace: &Keyspace,
    warnings: &mut Vec<String>,
) -> Option<StoreConfig> {
    let Some(directories) = ProjectDirs::from("", "", "celeriac") else {
        warnings.push(
            "history is not kept: this user has no home directory; \
             --store (CELERIAC_STORE) names a file"
                .to_owned(),
        );
        return None;
    };
    let file = directories
        .data_local_dir()
        .join(file_name(broker, keyspace));
    Some(StoreConfig::Sqlite(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_no_choice() {
        assert_eq!(choose(None), Ok(Choice::Default));
        assert_eq!(choose(Some("")), Ok(Choice::Default));
        assert_eq!(choose(Some("None")), Ok(Choice::None));
        let file = StoreConfig::Sqlite("/a/b.db".into());
        assert_eq!(choose(Some("sqlite:///a/b.db")), Ok(Choice::This(file)));
        assert_eq!(choose(Some("nowhere")), Err(StoreUrlError::Scheme));
    }
}
