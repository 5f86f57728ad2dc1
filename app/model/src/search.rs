//! The search language (its parser and its evaluation over any task).

use serde::{Deserialize, Serialize};

/// A search text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} at position {position}")]
pub struct SearchError {
    /// Character offset of the trouble, from 0.
    pub position: usize,
    /// What is wrong.
    pub message: String,
}

/// A parsed search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchExpression;
