//! A whole task as a search sees it: the same that the engine's columns tell.

use super::{NumberField, SearchField, SearchFields, TimeField};
use crate::{TaskDetail, Timestamp};

impl SearchFields for TaskDetail {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let row = &self.summary;
        let text = match field {
            SearchField::Id => Some(row.id.as_str()),
            SearchField::Name => row.name.as_ref().map(|name| name.as_str()),
            SearchField::State => Some(row.state.as_str()),
            SearchField::Worker => row.worker.as_ref().map(|worker| worker.as_str()),
            SearchField::Queue => row.queue.as_ref().map(|queue| queue.as_str()),
            SearchField::Args => self.args.as_deref(),
            SearchField::Kwargs => self.kwargs.as_deref(),
            SearchField::Result => self.result.as_deref(),
            // Of the newest attempt that has some, as on the task's page.
            SearchField::Exception => self.exception.as_deref(),
            SearchField::Traceback => self.traceback.as_deref(),
            SearchField::Root => self.root_id.as_ref().map(|root| root.as_str()),
            SearchField::Parent => self.parent_id.as_ref().map(|parent| parent.as_str()),
        };
        text.is_some_and(test)
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        let row = &self.summary;
        match field {
            NumberField::Retries => Some(f64::from(row.retries)),
            NumberField::Runtime => row.runtime_seconds,
            NumberField::Wait => row.wait_seconds(),
        }
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        let row = &self.summary;
        match field {
            TimeField::Sent => row.sent,
            TimeField::Received => row.received,
            TimeField::Started => row.started,
            TimeField::Finished => row.finished,
            TimeField::Eta => row.eta,
        }
    }
}
