//! Rows of a table, each with its own signal, so that a change of one row
//! re-renders that row's cells and nothing else.

use leptos::prelude::*;
use model::Keyed;
use std::collections::HashMap;

/// Rows by key, and their order.
pub struct Rows<T>
where
    T: Keyed + Send + Sync + 'static,
    T::Key: Send + Sync + 'static,
{
    /// The keys in order.
    pub order: RwSignal<Vec<T::Key>>,
    rows: StoredValue<HashMap<T::Key, ArcRwSignal<T>>>,
}

impl<T> Clone for Rows<T>
where
    T: Keyed + Send + Sync + 'static,
    T::Key: Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<T>
where
    T: Keyed + Send + Sync + 'static,
    T::Key: Send + Sync + 'static,
{
}

impl<T> Rows<T>
where
    T: Keyed + Clone + PartialEq + Send + Sync + 'static,
    T::Key: Send + Sync + 'static,
{
    /// Starts with these rows.
    pub fn new(rows: &[T]) -> Self {
        let signals = rows
            .iter()
            .map(|row| (row.key(), ArcRwSignal::new(row.clone())))
            .collect();
        Self {
            order: RwSignal::new(rows.iter().map(Keyed::key).collect()),
            rows: StoredValue::new(signals),
        }
    }

    /// Brings the rows to a new version, waking only those that changed.
    pub fn sync(&self, rows: &[T]) {
        let order: Vec<T::Key> = rows.iter().map(Keyed::key).collect();
        let mut changed = Vec::new();
        self.rows.update_value(|signals| {
            let mut before = std::mem::take(signals);
            for row in rows {
                let key = row.key();
                let signal = before
                    .remove(&key)
                    .unwrap_or_else(|| ArcRwSignal::new(row.clone()));
                if signal.with_untracked(|old| old != row) {
                    changed.push((signal.clone(), row));
                }
                signals.insert(key, signal);
            }
        });
        for (signal, row) in changed {
            signal.set(row.clone());
        }
        if self.order.with_untracked(|old| *old != order) {
            self.order.set(order);
        }
    }

    /// Returns the signal of a row.
    pub fn get(&self, key: &T::Key) -> Option<ArcRwSignal<T>> {
        self.rows.with_value(|rows| rows.get(key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Row(u32, &'static str);

    impl Keyed for Row {
        type Key = u32;
        fn key(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn a_row_keeps_its_signal_when_it_changes_and_moves() {
        let owner = Owner::new();
        owner.with(|| {
            let rows = Rows::new(&[Row(1, "a"), Row(2, "b")]);
            let first = rows.get(&1);
            rows.sync(&[Row(3, "c"), Row(1, "z")]);
            assert_eq!(rows.order.get_untracked(), [3, 1]);
            assert_eq!(first.map(|row| row.get_untracked()), Some(Row(1, "z")));
            assert!(rows.get(&2).is_none());
        });
    }
}
