//! The difference between two versions of a keyed list, and its application.

use serde::{Deserialize, Serialize};
use std::{collections::HashMap, hash::Hash};

/// A row that has an identity which outlives changes of its fields.
pub trait Keyed {
    /// The row's identity within its list.
    type Key: Clone + Eq + Hash;

    /// Returns the identity.
    fn key(&self) -> Self::Key;
}

/// What turns one version of a list into the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "T: Serialize, T::Key: Serialize",
    deserialize = "T: Deserialize<'de>, T::Key: Deserialize<'de>"
))]
pub struct ListChange<T: Keyed> {
    /// Rows that are new or changed.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub upserts: Vec<T>,
    /// The keys of the new version in order; absent when the order stayed.
    /// A row whose key is missing here has left the list.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<T::Key>>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T: Keyed + Clone + PartialEq> ListChange<T> {
    /// Returns what leads from `old` to `new`, or `None` if they are equal.
    pub fn between(old: &[T], new: &[T]) -> Option<Self> {
        let before: HashMap<T::Key, &T> = old.iter().map(|row| (row.key(), row)).collect();
        let upserts: Vec<T> = new
            .iter()
            .filter(|row| before.get(&row.key()) != Some(row))
            .cloned()
            .collect();
        let same_order =
            old.len() == new.len() && old.iter().zip(new).all(|(a, b)| a.key() == b.key());
        let order = (!same_order).then(|| new.iter().map(Keyed::key).collect());
        (!upserts.is_empty() || order.is_some()).then_some(Self { upserts, order })
    }

    /// Brings `rows` to the version this change leads to.
    pub fn apply(&self, rows: &mut Vec<T>) {
        let mut changed: HashMap<T::Key, &T> =
            self.upserts.iter().map(|row| (row.key(), row)).collect();
        let Some(order) = &self.order else {
            for row in rows {
                if let Some(new) = changed.remove(&row.key()) {
                    *row = new.clone();
                }
            }
            return;
        };
        let mut known: HashMap<T::Key, T> = rows.drain(..).map(|row| (row.key(), row)).collect();
        rows.extend(order.iter().filter_map(|key| {
            let old = known.remove(key);
            changed.remove(key).cloned().or(old)
        }));
    }
}
