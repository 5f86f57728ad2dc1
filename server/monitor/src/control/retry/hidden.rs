//! What is redacted in the form of a retry: it shows marks, and what is sent
//! has what was there before.

use super::{conflict, find::Found, plan::Scene, types::default_queue};
use crate::{clock, control::Control, redact::Lost};
use model::{ArgumentSource, JsonText, RetryPlan, TaskDetail, TaskDraft, WireError};

impl Control {
    /// Puts marks in place of what nobody is to see.
    pub(super) fn hide_secrets(&self, plan: &mut RetryPlan) {
        let redactor = &self.parts.redactor;
        let hide = |json: &mut JsonText| *json = redactor.arguments(json);
        for report in &mut plan.sources {
            report.args.as_mut().into_iter().for_each(hide);
            report.kwargs.as_mut().into_iter().for_each(hide);
        }
        hide(&mut plan.draft.args);
        hide(&mut plan.draft.kwargs);
    }

    /// Returns the arguments to send: where a mark was left untouched, what it
    /// stands for. Refused if that is not known.
    pub(super) async fn without_marks(
        &self,
        draft: &TaskDraft,
        old_task: Option<&TaskDetail>,
    ) -> Result<(String, String), WireError> {
        let redactor = &self.parts.redactor;
        let (args, kwargs) = (draft.args.as_str(), draft.kwargs.as_str());
        if !redactor.is_marked(args) && !redactor.is_marked(kwargs) {
            return Ok((args.to_owned(), kwargs.to_owned()));
        }
        let Some(task) = old_task else {
            return Err(conflict(
                "The arguments hold [redacted], which stands for nothing here: write the value."
                    .to_owned(),
            ));
        };
        let findings = self.find_one(task).await;
        let nothing = Found::default();
        let scene = Scene {
            task,
            found: findings.by_task.get(&task.summary.id).unwrap_or(&nothing),
            findings: &findings,
            usual_queue: default_queue(),
            now: clock::now(),
        };
        // The source that the form began with is the best; text has no secrets left.
        let best = scene.best(super::plan::EXACT);
        let others = ArgumentSource::ALL
            .into_iter()
            .filter(|source| Some(*source) != best && *source != ArgumentSource::Text);
        let mut reason = None;
        for source in best.into_iter().chain(others) {
            let Some((old_args, old_kwargs)) = scene
                .material(source)
                .ok()
                .and_then(|material| material.arguments())
            else {
                continue;
            };
            let restored = |edited: &str, old: &str, name: &str| {
                redactor
                    .restored(edited, old)
                    .map_err(|Lost(place)| match place.as_str() {
                        "" => name.to_owned(),
                        place => format!("{name}.{place}"),
                    })
            };
            let both = restored(args, &old_args, "args")
                .and_then(|args| Ok((args, restored(kwargs, &old_kwargs, "kwargs")?)));
            match both {
                Ok(both) => return Ok(both),
                Err(place) => reason = reason.or(Some(place)),
            }
        }
        Err(conflict(match reason {
            Some(place) => format!(
                "{place}: what [redacted] stands for there is not known; write the value. Nothing was sent."
            ),
            None => "What [redacted] stands for can be had nowhere any more: write the values. Nothing was sent."
                .to_owned(),
        }))
    }
}
