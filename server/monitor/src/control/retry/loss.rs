//! What a retry loses or changes, in sentences.

use super::{
    find::Original,
    plan::{Material, Scene},
};
use crate::broker::messages::Place;
use model::TaskState;
use protocol::DecodeErrorKind;

impl Scene<'_> {
    /// Tells whether the broker still has its message, so that it may run by
    /// itself; a revoked one is dropped.
    pub(super) fn may_run_anyway(&self) -> bool {
        let place = self.found.message.as_ref().and_then(|m| m.place.as_ref());
        place.is_some() && self.task.summary.state != TaskState::Revoked
    }

    /// Returns what a retry with this material loses or changes.
    pub(super) fn consequences(&self, material: &Material<'_>) -> Vec<String> {
        let mut said = Vec::new();
        let row = &self.task.summary;
        match row.state {
            TaskState::Success => said.push("It succeeded; it runs once more.".to_owned()),
            TaskState::Orphaned => {
                said.push("Part of it may have been done before its worker was lost.".to_owned());
            }
            _ => {}
        }
        if let Some(newest) = self.task.retried_as.last() {
            said.push(format!("It was sent again before, as {newest}."));
        }
        match self.found.message.as_ref().and_then(|m| m.place.as_ref()) {
            Some(Place::Waiting(queue)) if row.state != TaskState::Revoked => said.push(format!(
                "Its message still waits in queue {queue}, so it runs a second time unless that is deleted."
            )),
            Some(Place::Unacked) if row.state != TaskState::Revoked => said.push(
                "Its message is not acknowledged, so the broker may deliver it again as well."
                    .to_owned(),
            ),
            _ => {}
        }
        let (queue, is_queue_known) = self.queue(Some(material));
        if !is_queue_known {
            said.push(format!(
                "Its queue is not known; queue {queue} is where tasks of its type go."
            ));
        }
        let (eta, expires) = match material {
            Material::Original(original) => {
                self.of_original(original, &mut said);
                (original.open.task.eta, original.open.task.expires)
            }
            Material::Arguments { .. } => {
                self.of_arguments(&mut said);
                (row.eta, self.task.expires)
            }
        };
        match eta {
            Some(eta) if eta > self.now => said.push("It keeps its ETA.".to_owned()),
            Some(_) if row.retries == 0 => {
                said.push("It had an ETA, which has passed: it runs at once.".to_owned());
            }
            _ => {}
        }
        match expires {
            Some(expires) if expires > self.now => said.push("It expires as before.".to_owned()),
            Some(_) => said.push("It has expired; what is sent does not expire.".to_owned()),
            None => {}
        }
        said
    }

    fn of_original(&self, original: &Original, said: &mut Vec<String>) {
        match &original.open.body {
            Ok(body) => {
                if body.chord.is_some() {
                    said.push("Its chord will not continue.".to_owned());
                } else if original.open.task.group_id.is_some() {
                    said.push("It is no member of its group any more.".to_owned());
                }
                match body.chain_tasks().len() {
                    0 => {}
                    1 => said.push("The rest of its chain (1 task) is sent with it.".to_owned()),
                    n => said.push(format!(
                        "The rest of its chain ({n} tasks) is sent with it."
                    )),
                }
            }
            Err(error) => {
                if original.open.task.group_id.is_some() {
                    said.push("Its group, or chord, will not continue.".to_owned());
                }
                said.push(match &error.kind {
                    DecodeErrorKind::UnsupportedContentType(name) => format!(
                        "Its arguments are written in {name}: they are sent as they are, and cannot be edited."
                    ),
                    kind => format!("Its arguments cannot be read ({kind}); they are sent as they are."),
                });
            }
        }
    }

    fn of_arguments(&self, said: &mut Vec<String>) {
        let original = self.found.message.as_ref().or(self.found.seen.as_ref());
        let Some(Ok(body)) = original.map(|original| &original.open.body) else {
            said.push(
                "Only its arguments are known: callbacks, the rest of a chain, a chord, priority, time limits and headers of its own, if it had any, are not sent."
                    .to_owned(),
            );
            return;
        };
        match body.chain_tasks().len() {
            0 => {}
            1 => said.push("The rest of its chain (1 task) is not sent.".to_owned()),
            n => said.push(format!("The rest of its chain ({n} tasks) is not sent.")),
        }
        if body.callbacks.is_some() || body.errbacks.is_some() {
            said.push("Its callbacks are not called.".to_owned());
        }
        if body.chord.is_some() {
            said.push("Its chord will not continue.".to_owned());
        }
    }
}
