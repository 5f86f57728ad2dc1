//! The queue between the thread that reads the socket and the one that applies:
//! bounded by bytes, made of recycled chunks, never waited for by the reader.

use crate::state::Input;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Chunks are about this large: what is applied between two looks at the clock.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Empty chunks kept for use again.
const MAX_SPARE: usize = 64;

/// Messages one after the other, each behind its length.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
}

impl Chunk {
    fn push(&mut self, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(payload);
    }

    /// Returns the messages in the order they came.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_at_checked(4)?;
            let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
            let (payload, after) = after.split_at_checked(length)?;
            rest = after;
            Some(payload)
        })
    }
}

/// What waits to be applied.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) chunk: Option<Chunk>,
    pub(crate) inputs: Vec<Input>,
    /// Messages dropped since the batch before.
    pub(crate) dropped: u64,
    pub(crate) is_closed: bool,
    /// To be told when this batch is applied.
    pub(crate) drained: Vec<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
    /// Chunks ever queued, and ever taken: places in the queue.
    queued: u64,
    taken: u64,
    /// What is no event, behind the number of chunks that go before it.
    inputs: VecDeque<(u64, Input)>,
    dropped: u64,
    is_closed: bool,
    /// Who waits for what is queued now to be applied, likewise.
    drained: VecDeque<(u64, oneshot::Sender<()>)>,
}

/// Takes what no chunk goes before any more.
fn due<T>(waiting: &mut VecDeque<(u64, T)>, taken: u64) -> Vec<T> {
    let count = waiting.partition_point(|(before, _)| *before <= taken);
    waiting.drain(..count).map(|(_, item)| item).collect()
}

/// The queue; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    shared: Arc<(Mutex<Inner>, Condvar)>,
    max_bytes: usize,
}

impl Intake {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            shared: Arc::default(),
            max_bytes: max_bytes.max(CHUNK_BYTES),
        }
    }

    /// Appends a message, or counts it as dropped if the bound is reached.
    pub(crate) fn push_message(&self, payload: &[u8]) {
        let (inner, wake) = &*self.shared;
        let mut inner = inner.lock();
        let size = payload.len() + 4;
        if inner.bytes + size > self.max_bytes {
            inner.dropped += 1;
            return;
        }
        let was_empty = inner.chunks.is_empty();
        inner.bytes += size;
        match inner.chunks.back_mut() {
            Some(chunk) if chunk.bytes.len() + size <= CHUNK_BYTES => chunk.push(payload),
            _ => {
                let mut chunk = Chunk {
                    bytes: inner
                        .spare
                        .pop()
                        .unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES)),
                };
                chunk.push(payload);
                inner.queued += 1;
                inner.chunks.push_back(chunk);
            }
        }
        drop(inner);
        if was_empty {
            wake.notify_one();
        }
    }

    /// Appends what is no event.
    pub(crate) fn push_input(&self, input: Input) {
        let (inner, wake) = &*self.shared;
        let mut inner = inner.lock();
        let before = inner.queued;
        inner.inputs.push_back((before, input));
        drop(inner);
        wake.notify_one();
    }

    /// Returns when everything queued so far is applied, or never will be.
    pub(crate) async fn drained(&self) {
        let (sender, receiver) = oneshot::channel();
        {
            let (inner, wake) = &*self.shared;
            let mut inner = inner.lock();
            let before = inner.queued;
            inner.drained.push_back((before, sender));
            wake.notify_one();
        }
        // An error means that the aggregator has ended: nothing is left to wait for.
        receiver.await.unwrap_or_default();
    }

    /// Ends the queue; what is in it is still handed out.
    pub(crate) fn close(&self) {
        let (inner, wake) = &*self.shared;
        inner.lock().is_closed = true;
        wake.notify_all();
    }

    /// Takes the oldest chunk and the inputs that came before the next one,
    /// waiting for them until `deadline`.
    ///
    /// Connection news must not overtake the events that came before it, nor
    /// wait for those that came after it: a flood may never end.
    pub(crate) fn take(&self, deadline: Instant) -> Batch {
        let (inner, wake) = &*self.shared;
        let mut inner = inner.lock();
        while inner.chunks.is_empty()
            && inner.inputs.is_empty()
            && inner.dropped == 0
            && inner.drained.is_empty()
            && !inner.is_closed
        {
            if wake.wait_until(&mut inner, deadline).timed_out() {
                break;
            }
        }
        let chunk = inner.chunks.pop_front();
        if let Some(chunk) = &chunk {
            inner.bytes = inner.bytes.saturating_sub(chunk.bytes.len());
        }
        inner.taken += u64::from(chunk.is_some());
        let taken = inner.taken;
        let inputs = due(&mut inner.inputs, taken);
        let drained = due(&mut inner.drained, taken);
        Batch {
            is_closed: inner.is_closed && chunk.is_none() && inputs.is_empty(),
            chunk,
            inputs,
            drained,
            dropped: std::mem::take(&mut inner.dropped),
        }
    }

    /// Gives a chunk back for use again.
    pub(crate) fn recycle(&self, chunk: Chunk) {
        let mut bytes = chunk.bytes;
        // A chunk that held one huge message is not worth keeping.
        if bytes.capacity() > 2 * CHUNK_BYTES {
            return;
        }
        bytes.clear();
        let mut inner = self.shared.0.lock();
        if inner.spare.len() < MAX_SPARE {
            inner.spare.push(bytes);
        }
    }

    /// Returns a deadline `wait` from now.
    pub(crate) fn deadline(wait: Duration) -> Instant {
        Instant::now() + wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(intake: &Intake) -> Batch {
        intake.take(Instant::now())
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let intake = Intake::new(10 << 20);
        let sent: Vec<Vec<u8>> = (0..1000u32)
            .map(|n| vec![n as u8; (n as usize * 37) % 700])
            .collect();
        for payload in &sent {
            intake.push_message(payload);
        }
        let mut got = Vec::new();
        while let Some(chunk) = take(&intake).chunk {
            got.extend(chunk.messages().map(<[u8]>::to_vec));
            intake.recycle(chunk);
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn beyond_the_bound_messages_are_dropped_and_counted() {
        let intake = Intake::new(CHUNK_BYTES);
        for _ in 0..100 {
            intake.push_message(&[0; 1000]);
        }
        let batch = take(&intake);
        let kept = batch.chunk.expect("there is one").messages().count() as u64;
        assert_eq!(kept + batch.dropped, 100);
        assert!(batch.dropped > 0);
        intake.push_message(&[0; 1000]);
        assert_eq!(take(&intake).dropped, 0, "there is room again");
    }

    #[test]
    fn inputs_keep_their_place_and_are_not_held_up_by_a_flood() {
        let intake = Intake::new(10 << 20);
        let flood = || {
            for _ in 0..300 {
                intake.push_message(&[0; 1000]);
            }
        };
        flood();
        intake.push_input(Input::Connected);
        flood();
        let chunks_before = 300_usize.div_ceil(CHUNK_BYTES / 1004);
        for chunk in 1..=chunks_before {
            let batch = take(&intake);
            assert!(batch.chunk.is_some(), "there is more than that");
            let is_its_turn = chunk == chunks_before;
            assert_eq!(
                batch.inputs.len(),
                usize::from(is_its_turn),
                "chunk {chunk}"
            );
        }
        assert!(take(&intake).chunk.is_some(), "the flood goes on");
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let intake = Intake::new(10 << 20);
        intake.push_message(b"one");
        intake.push_input(Input::Connected);
        intake.close();
        let batch = take(&intake);
        assert!(batch.chunk.is_some() && batch.inputs.len() == 1 && !batch.is_closed);
        assert!(take(&intake).is_closed);
    }
}
