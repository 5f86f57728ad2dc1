//! The event reader: a thread that only reads the socket and copies payloads.
//!
//! Redis drops a subscriber that lags by 32 MB, which is some 30 ms of full
//! speed, so nothing here decodes events, locks the state or waits. On plain
//! connections the replies are found in the buffer they were read into, which
//! takes a third of what the library takes; encrypted ones are the library's.

use super::{
    connect::Target,
    resp::{self, MAX_MESSAGE_BYTES, Parsed, Reply},
    socket::Socket,
};
use crate::{clock, error::BrokerError, intake::Intake, state::Input};
use model::Timestamp;
use redis::RedisError;
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the socket may be silent before it is probed. kombu probes at 25 s.
const PROBE_AFTER: Duration = Duration::from_secs(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// A connection that lasted so long is worth making again at once.
const STEADY_AFTER: Duration = Duration::from_millis(100);

/// Read at once, if there is as much.
const BUFFER_BYTES: usize = 512 << 10;

/// Reads events until told to stop.
pub(crate) struct EventReader {
    pub(crate) target: Target,
    pub(crate) patterns: Vec<String>,
    pub(crate) intake: Intake,
    pub(crate) stop: Arc<AtomicBool>,
}

impl EventReader {
    /// Connects, reads, and connects again, with backoff.
    pub(crate) fn run(&self) {
        let mut backoff = FIRST_BACKOFF;
        let mut last_message = clock::now();
        while !self.is_stopped() {
            let mut up_since = None;
            let result = self.read(&mut last_message, &mut up_since);
            let Err(error) = result else { return };
            if self.is_stopped() {
                return;
            }
            // What is cut off after a while is subscribed to again at once;
            // what is refused, or cut off again and again, after a pause.
            let was_up = up_since.is_some_and(|since: Instant| since.elapsed() > STEADY_AFTER);
            if was_up {
                backoff = FIRST_BACKOFF;
            }
            let pause = if was_up { Duration::ZERO } else { backoff };
            let cause = error.chain();
            tracing::warn!(cause, retry_seconds = pause.as_secs_f64(), "no events");
            self.intake.push_input(Input::Disconnected {
                cause,
                was_refused: error.is_refusal(),
                last_message,
                next_try: clock::now().plus_seconds(pause.as_secs_f64()),
            });
            self.pause(pause);
            if !was_up {
                backoff = (backoff * 2).min(LAST_BACKOFF);
            }
        }
    }

    fn read(
        &self,
        last_message: &mut Timestamp,
        up_since: &mut Option<Instant>,
    ) -> Result<(), BrokerError> {
        if self.target.url.tls.is_some() {
            self.read_by_library(last_message, up_since)
        } else {
            let (socket, address) = self.target.connect_socket(PROBE_AFTER)?;
            Plain {
                reader: self,
                socket,
                address,
                buffer: vec![0; BUFFER_BYTES],
                start: 0,
                end: 0,
                is_probing: false,
            }
            .run(last_message, up_since)
        }
    }

    fn subscribed(&self, last_message: &mut Timestamp, up_since: &mut Option<Instant>) {
        *up_since = Some(Instant::now());
        *last_message = clock::now();
        tracing::info!(patterns = ?self.patterns, "subscribed to events");
        self.intake.push_input(Input::Connected);
    }

    fn read_by_library(
        &self,
        last_message: &mut Timestamp,
        up_since: &mut Option<Instant>,
    ) -> Result<(), BrokerError> {
        let mut connection = self.target.connect_blocking()?;
        connection
            .set_read_timeout(Some(PROBE_AFTER))
            .map_err(BrokerError::Subscribe)?;
        let mut subscription = connection.as_pubsub();
        let mut refused = None;
        let mut subscribed = 0;
        for pattern in &self.patterns {
            match subscription.psubscribe(pattern) {
                Ok(()) => subscribed += 1,
                // An access list may allow one spelling of the channel only;
                // the other is used with unusual transport options alone.
                Err(error) if error.code() == Some("NOPERM") => refused = Some(error),
                Err(error) => return Err(BrokerError::Subscribe(error)),
            }
        }
        if let Some(error) = refused {
            if subscribed == 0 {
                return Err(BrokerError::Subscribe(error));
            }
            tracing::debug!(%error, "one of the channel patterns is not allowed");
        }
        self.subscribed(last_message, up_since);
        while !self.is_stopped() {
            match subscription.get_message() {
                Ok(message) => {
                    let mut chunk = self.intake.chunk();
                    chunk.push(message.get_payload_bytes());
                    self.intake.push(chunk);
                    *last_message = clock::now();
                }
                // Silence may be a quiet cluster or a link that is cut: a PING
                // on this very connection tells (RESP2 allows it while subscribed).
                Err(error) if error.is_timeout() => {
                    let _: redis::Value = subscription.ping().map_err(BrokerError::Lost)?;
                }
                Err(error) => return Err(BrokerError::Lost(error)),
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits, but not past a stop.
    fn pause(&self, length: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = length;
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(STEP);
            std::thread::sleep(step);
            left -= step;
        }
    }
}

/// A plain connection that is being read.
struct Plain<'r> {
    reader: &'r EventReader,
    socket: Socket,
    address: String,
    buffer: Vec<u8>,
    /// What is read and not yet taken lies between these.
    start: usize,
    end: usize,
    is_probing: bool,
}

impl Plain<'_> {
    fn run(
        mut self,
        last_message: &mut Timestamp,
        up_since: &mut Option<Instant>,
    ) -> Result<(), BrokerError> {
        self.authenticate()?;
        self.subscribe()?;
        self.reader.subscribed(last_message, up_since);
        while !self.reader.is_stopped() {
            let lost = |error: io::Error| BrokerError::Lost(error.into());
            // What came with the confirmations is there before anything is read.
            let needed = self.take_messages(last_message)?;
            if needed > MAX_MESSAGE_BYTES {
                self.skip(needed).map_err(lost)?;
                self.reader.intake.count_dropped(1);
                continue;
            }
            self.make_room(needed);
            self.fill().map_err(lost)?;
        }
        Ok(())
    }

    fn authenticate(&mut self) -> Result<(), BrokerError> {
        let failed = |address: &str, source: RedisError| BrokerError::Connect {
            address: address.to_owned(),
            source,
        };
        let is_asked = self
            .socket
            .authenticate(&self.reader.target.url)
            .map_err(|error| failed(&self.address, error.into()))?;
        if is_asked {
            let refused = self
                .reply()
                .map_err(|error| failed(&self.address, error.into()))?;
            if let Some(error) = refused {
                return Err(failed(&self.address, error));
            }
        }
        Ok(())
    }

    fn subscribe(&mut self) -> Result<(), BrokerError> {
        let mut refused = None;
        let mut subscribed = 0;
        for pattern in &self.reader.patterns {
            let answer = self
                .socket
                .send(&[b"PSUBSCRIBE", pattern.as_bytes()])
                .and_then(|()| self.reply());
            match answer.map_err(|error| BrokerError::Subscribe(error.into()))? {
                None => subscribed += 1,
                // As in `read_by_library`.
                Some(error) if error.code() == Some("NOPERM") => refused = Some(error),
                Some(error) => return Err(BrokerError::Subscribe(error)),
            }
        }
        match refused {
            Some(error) if subscribed == 0 => Err(BrokerError::Subscribe(error)),
            Some(error) => {
                tracing::debug!(%error, "one of the channel patterns is not allowed");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Waits for the answer to a command; gives the error if Redis refused it.
    ///
    /// Messages on a channel that is subscribed already may come before it;
    /// they stay in the buffer.
    fn reply(&mut self) -> io::Result<Option<RedisError>> {
        let mut at = self.start;
        loop {
            match resp::parse(&self.buffer[at..self.end]) {
                Parsed::Whole(Reply::Message(_), length) => at += length,
                Parsed::Whole(reply, length) => {
                    let refused = match reply {
                        Reply::Error(text) => Some(server_error(text)),
                        _ => None,
                    };
                    self.buffer.copy_within(at + length..self.end, at);
                    self.end -= length;
                    return Ok(refused);
                }
                Parsed::Partial(needed) => {
                    let held = at - self.start;
                    if held + needed > MAX_MESSAGE_BYTES {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                    self.make_room(held + needed);
                    at = self.start + held;
                    self.fill()?;
                }
                Parsed::Broken => return Err(not_redis()),
            }
        }
    }

    /// Hands on every whole message in the buffer; returns how many bytes the
    /// reply that is not whole has at least.
    fn take_messages(&mut self, last_message: &mut Timestamp) -> Result<usize, BrokerError> {
        let mut chunk = self.reader.intake.chunk();
        let needed = loop {
            match resp::parse(&self.buffer[self.start..self.end]) {
                Parsed::Whole(reply, length) => {
                    match reply {
                        Reply::Message(payload) => chunk.push(payload),
                        Reply::Error(text) => break Err(server_error(text)),
                        Reply::Subscribed | Reply::Other => {}
                    }
                    self.start += length;
                }
                Parsed::Partial(needed) => break Ok(needed),
                Parsed::Broken => break Err(not_redis().into()),
            }
        };
        if !chunk.is_empty() {
            *last_message = clock::now();
        }
        // What came before the trouble is whole.
        self.reader.intake.push(chunk);
        needed.map_err(BrokerError::Lost)
    }

    /// Moves what is left to the start of the buffer and sees to it that
    /// `needed` bytes fit.
    fn make_room(&mut self, needed: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let wanted = needed.max(BUFFER_BYTES);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        } else if self.buffer.len() > BUFFER_BYTES && self.end < BUFFER_BYTES {
            self.buffer.truncate(wanted);
            self.buffer.shrink_to_fit();
        }
    }

    /// Reads what is there, or waits for it; silence is probed. A stop ends the wait with an error.
    fn fill(&mut self) -> io::Result<()> {
        while !self.reader.is_stopped() {
            match self.socket.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.end += count;
                    self.is_probing = false;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Silence may be a quiet cluster or a link that is cut: a PING
                // on this very connection tells (RESP2 allows it while subscribed).
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    if self.is_probing {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    self.is_probing = true;
                    self.socket.send(&[b"PING"])?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Passes over a message of `length` bytes that is too long to be taken.
    fn skip(&mut self, length: usize) -> io::Result<()> {
        let mut left = length - (self.end - self.start);
        (self.start, self.end) = (0, 0);
        while left > 0 {
            self.fill()?;
            let passed = left.min(self.end);
            left -= passed;
            self.start = passed;
            if left > 0 {
                (self.start, self.end) = (0, 0);
            }
        }
        Ok(())
    }
}

/// Reads an error of Redis as the library would.
fn server_error(text: &[u8]) -> RedisError {
    let line = [b"-", text, b"\r\n"].concat();
    match redis::parse_redis_value(&line) {
        Ok(value) => match value.extract_error() {
            Err(error) => error,
            Ok(_) => not_redis().into(),
        },
        Err(error) => error,
    }
}

fn not_redis() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what answers there is no Redis")
}
