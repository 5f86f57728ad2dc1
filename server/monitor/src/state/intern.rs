//! Texts that repeat (names of task types, workers, queues) as small numbers.

use foldhash::fast::RandomState;
use std::{collections::HashMap, sync::Arc};

/// The number that stands for "no text".
pub(crate) const NONE: u32 = 0;

/// Most different texts one table takes; what comes later shares one entry.
/// Far above any real cluster, it only bounds what a broken client can cost.
const LIMIT: usize = 200_000;

const OVERFLOW: &str = "(too many names)";

/// The texts of a table.
#[derive(Debug)]
pub(crate) struct Texts(Vec<Arc<str>>);

impl Texts {
    /// Returns the text of a number; empty for [`NONE`].
    pub(crate) fn text(&self, id: u32) -> String {
        self.0
            .get(id as usize)
            .map(|text| text.to_string())
            .unwrap_or_default()
    }
}

/// A table of texts. Numbers start at 1 and are never given back.
#[derive(Debug)]
pub(crate) struct Interner {
    ids: HashMap<Arc<str>, u32, RandomState>,
    texts: Vec<Arc<str>>,
}

impl Interner {
    /// The number that stands for "no text".
    pub(crate) const NONE: u32 = NONE;

    pub(crate) fn new() -> Self {
        Self {
            ids: HashMap::default(),
            texts: vec![Arc::from("")],
        }
    }

    /// Returns the number of `text`, which is new if it was not there.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let text = if self.texts.len() < LIMIT {
            text
        } else {
            OVERFLOW
        };
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let shared: Arc<str> = Arc::from(text);
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(Arc::clone(&shared));
        self.ids.insert(shared, id);
        id
    }

    /// Returns the number of `text` if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// Returns the text of a number; `None` for [`NONE`].
    pub(crate) fn text(&self, id: u32) -> Option<&Arc<str>> {
        (id != NONE).then(|| self.texts.get(id as usize)).flatten()
    }

    /// Returns how many numbers there are, [`NONE`] included.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the texts alone, which then are free of the state.
    pub(crate) fn copy(&self) -> Texts {
        Texts(self.texts.clone())
    }

    /// Returns every text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.texts.iter().skip(1)
    }

    /// Returns, for every number, its place in alphabetical order.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.texts.len() as u32).collect();
        order.sort_by(|a, b| self.texts[*a as usize].cmp(&self.texts[*b as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, id) in order.iter().enumerate() {
            ranks[*id as usize] = rank as u32;
        }
        ranks
    }
}
