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

/// Small chunks are put together up to this size.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Empty chunks kept for use again, and how large they may be: one read of the socket.
const MAX_SPARE: usize = 4;
const MAX_SPARE_BYTES: usize = 512 << 10;

/// Marks, in a length, a message that is kept with its envelope.
const ENVELOPE: u32 = 1 << 31;

/// A message that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'c> {
    /// The events alone, as JSON.
    Body(&'c [u8]),
    /// All that was published: the reader could not find the events in it.
    Envelope(&'c [u8]),
}

/// Messages one after the other, each behind its length.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    count: u64,
}

impl Chunk {
    /// Appends a published message, without its envelope if that is as usual.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        let start = self.bytes.len();
        let body = start + 4;
        self.bytes.extend_from_slice(&[0; 4]);
        let is_found = protocol::extract_body(payload, &mut self.bytes).is_ok()
            && is_json(self.bytes.get(body..).unwrap_or_default());
        let mut mark = 0;
        if !is_found {
            self.bytes.truncate(body);
            self.bytes.extend_from_slice(payload);
            mark = ENVELOPE;
        }
        // The reader takes no message that is longer than 31 bits tell.
        let length = (self.bytes.len() - body) as u32 | mark;
        if let Some(place) = self.bytes.get_mut(start..body) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.count += 1;
    }

    /// Empties it for use again.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the messages in the order they came.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_at_checked(4)?;
            let length = u32::from_le_bytes(length.try_into().ok()?);
            let (payload, after) = after.split_at_checked((length & !ENVELOPE) as usize)?;
            rest = after;
            Some(if length & ENVELOPE == 0 {
                Message::Body(payload)
            } else {
                Message::Envelope(payload)
            })
        })
    }
}

/// Tells whether a body may be an event or a list of them. Another serializer
/// than JSON is named in the envelope.
fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// What waits to be applied.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) chunk: Option<Chunk>,
    /// Messages dropped between the chunk and the next one.
    pub(crate) dropped: u64,
    pub(crate) inputs: Vec<Input>,
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
    /// How many messages were dropped, likewise.
    dropped: VecDeque<(u64, u64)>,
    is_closed: bool,
    /// Who waits for what is queued now to be applied, likewise.
    drained: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Inner {
    fn keep_spare(&mut self, mut bytes: Vec<u8>) {
        // One that held a huge message is not worth keeping.
        if bytes.capacity() <= MAX_SPARE_BYTES && self.spare.len() < MAX_SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    /// Notes dropped messages at their place among the others: what workers
    /// counted before it is missing for no reason, what they count after it for this one.
    fn drop_messages(&mut self, count: u64) {
        let queued = self.queued;
        match self.dropped.back_mut() {
            Some((before, sum)) if *before == queued => *sum += count,
            _ => self.dropped.push_back((queued, count)),
        }
    }

    /// Tells whether something that is no chunk comes before the next one.
    fn has_overdue(&self) -> bool {
        let input = self.inputs.front().map(|(before, _)| *before);
        let dropped = self.dropped.front().map(|(before, _)| *before);
        [input, dropped]
            .iter()
            .flatten()
            .any(|before| *before <= self.taken)
    }

    /// Tells whether something that is no chunk came after the last one, so
    /// that nothing may be put to that.
    fn is_last_closed(&self) -> bool {
        let input = self.inputs.back().map(|(before, _)| *before);
        let dropped = self.dropped.back().map(|(before, _)| *before);
        input.max(dropped) >= Some(self.queued)
    }
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

    /// Returns an empty chunk to fill.
    pub(crate) fn chunk(&self) -> Chunk {
        let spare = self.shared.0.lock().spare.pop();
        Chunk {
            bytes: spare.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES)),
            count: 0,
        }
    }

    /// Appends a chunk, or counts its messages as dropped if the bound is reached.
    pub(crate) fn push(&self, chunk: Chunk) {
        let (inner, wake) = &*self.shared;
        let mut inner = inner.lock();
        let size = chunk.bytes.len();
        if chunk.is_empty() {
            inner.keep_spare(chunk.bytes);
            return;
        }
        if inner.bytes + size > self.max_bytes {
            inner.drop_messages(chunk.count);
            inner.keep_spare(chunk.bytes);
            return;
        }
        let was_empty = inner.chunks.is_empty();
        inner.bytes += size;
        let is_open = !inner.is_last_closed();
        match inner.chunks.back_mut() {
            // Few messages at a time would waste a chunk each.
            Some(last) if is_open && last.bytes.len() + size <= CHUNK_BYTES => {
                last.bytes.extend_from_slice(&chunk.bytes);
                last.count += chunk.count;
                inner.keep_spare(chunk.bytes);
            }
            _ => {
                inner.queued += 1;
                inner.chunks.push_back(chunk);
            }
        }
        drop(inner);
        if was_empty {
            wake.notify_one();
        }
    }

    /// Counts messages that were not even taken.
    pub(crate) fn count_dropped(&self, messages: u64) {
        let (inner, wake) = &*self.shared;
        inner.lock().drop_messages(messages);
        wake.notify_one();
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

    /// Takes the oldest chunk and what came between it and the next one, or
    /// what comes before any chunk, waiting for it until `deadline`.
    ///
    /// Connection news must not overtake the events that came before it, nor
    /// wait for those that came after it: a flood may never end.
    pub(crate) fn take(&self, deadline: Instant) -> Batch {
        let (inner, wake) = &*self.shared;
        let mut inner = inner.lock();
        while inner.chunks.is_empty()
            && inner.inputs.is_empty()
            && inner.dropped.is_empty()
            && inner.drained.is_empty()
            && !inner.is_closed
        {
            if wake.wait_until(&mut inner, deadline).timed_out() {
                break;
            }
        }
        let chunk = match inner.has_overdue() {
            true => None,
            false => inner.chunks.pop_front(),
        };
        if let Some(chunk) = &chunk {
            inner.bytes = inner.bytes.saturating_sub(chunk.bytes.len());
        }
        inner.taken += u64::from(chunk.is_some());
        let taken = inner.taken;
        let inputs = due(&mut inner.inputs, taken);
        let dropped = due(&mut inner.dropped, taken).into_iter().sum();
        let drained = due(&mut inner.drained, taken);
        Batch {
            is_closed: inner.is_closed && chunk.is_none() && inputs.is_empty() && dropped == 0,
            chunk,
            inputs,
            drained,
            dropped,
        }
    }

    /// Gives a chunk back for use again.
    pub(crate) fn recycle(&self, chunk: Chunk) {
        self.shared.0.lock().keep_spare(chunk.bytes);
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

    fn push(intake: &Intake, payload: &[u8]) {
        let mut chunk = intake.chunk();
        chunk.push(payload);
        intake.push(chunk);
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let intake = Intake::new(10 << 20);
        let sent: Vec<Vec<u8>> = (0..1000u32)
            .map(|n| vec![n as u8; (n as usize * 37) % 700])
            .collect();
        for payload in &sent {
            push(&intake, payload);
        }
        let mut got = Vec::new();
        while let Some(chunk) = take(&intake).chunk {
            got.extend(chunk.messages().map(|message| match message {
                Message::Envelope(payload) => payload.to_vec(),
                Message::Body(body) => panic!("there is none in {body:?}"),
            }));
            intake.recycle(chunk);
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn only_what_is_json_is_taken_out_of_its_envelope() {
        let envelope = |body: &str| {
            format!(r#"{{"body": "{body}", "properties": {{"body_encoding": "base64"}}}}"#)
        };
        let (event, pickle) = (envelope("IHsiYSI6MX0="), envelope("gAJLAS4="));
        let mut chunk = Chunk::default();
        for payload in [event.as_str(), pickle.as_str(), "nonsense", event.as_str()] {
            chunk.push(payload.as_bytes());
        }
        let messages: Vec<Message<'_>> = chunk.messages().collect();
        assert_eq!(
            messages,
            [
                Message::Body(br#" {"a":1}"#),
                Message::Envelope(pickle.as_bytes()),
                Message::Envelope(b"nonsense"),
                Message::Body(br#" {"a":1}"#),
            ]
        );
    }

    #[test]
    fn beyond_the_bound_messages_are_dropped_and_counted() {
        let intake = Intake::new(CHUNK_BYTES);
        for _ in 0..100 {
            push(&intake, &[0; 1000]);
        }
        let batch = take(&intake);
        let kept = batch.chunk.expect("there is one").messages().count() as u64;
        assert_eq!(kept + batch.dropped, 100);
        assert!(batch.dropped > 0);
        push(&intake, &[0; 1000]);
        assert_eq!(take(&intake).dropped, 0, "there is room again");
    }

    #[test]
    fn drops_keep_their_place_among_the_messages() {
        let intake = Intake::new(CHUNK_BYTES);
        let fill = |mark: u8| {
            for _ in 0..100 {
                push(&intake, &[mark; 1000]);
            }
        };
        fill(1);
        let first = take(&intake);
        assert!(first.chunk.is_some() && first.dropped > 0);
        intake.count_dropped(7);
        push(&intake, &[2; 1000]);
        intake.count_dropped(5);
        push(&intake, &[3; 1000]);
        let before = take(&intake);
        assert!(before.chunk.is_none() && before.dropped == 7);
        let second = take(&intake);
        assert!(second.chunk.is_some() && second.dropped == 5);
        let last = take(&intake);
        assert!(last.chunk.is_some());
        assert_eq!(last.dropped, 0);
    }

    #[test]
    fn inputs_keep_their_place_and_are_not_held_up_by_a_flood() {
        let intake = Intake::new(10 << 20);
        let flood = || {
            for _ in 0..300 {
                push(&intake, &[0; 1000]);
            }
        };
        flood();
        intake.push_input(Input::Connected);
        flood();
        let mut before = 0;
        loop {
            let batch = take(&intake);
            before += batch.chunk.expect("there is more").messages().count();
            if !batch.inputs.is_empty() {
                break;
            }
        }
        assert_eq!(before, 300);
        assert!(take(&intake).chunk.is_some(), "the flood goes on");
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let intake = Intake::new(10 << 20);
        push(&intake, b"one");
        intake.push_input(Input::Connected);
        intake.close();
        let batch = take(&intake);
        assert!(batch.chunk.is_some() && batch.inputs.len() == 1 && !batch.is_closed);
        assert!(take(&intake).is_closed);
    }
}
