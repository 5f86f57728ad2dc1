//! An event's JSON object to its fields.

use super::{
    EventKind, EventRef,
    cursor::{Broken, Cursor},
};
use model::Timestamp;

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The cursor stands where it stops and knows what it expected.
    Broken,
    NotAnObject,
    NoType,
}

impl From<Broken> for Trouble {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// Reads the event at the cursor into `event`, which must be empty.
///
/// A key that comes twice overwrites, as in Python.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, event: &mut EventRef<'a>) -> Result<(), Trouble> {
    let start = cursor.at;
    if cursor.peek() != Some(b'{') {
        return Err(Trouble::NotAnObject);
    }
    cursor.at += 1;
    let mut has_type = false;
    if cursor.peek_past_space() == Some(b'}') {
        cursor.at += 1;
    } else {
        loop {
            if cursor.peek_past_space() != Some(b'"') {
                return Err(cursor.broken("a field's name").into());
            }
            let key = cursor.string()?;
            cursor.expect(b':', "a colon")?;
            has_type |= field(key, cursor, event)?;
            match cursor.peek_past_space() {
                Some(b',') => cursor.at += 1,
                Some(b'}') => {
                    cursor.at += 1;
                    break;
                }
                _ => return Err(cursor.broken("a comma or a brace").into()),
            }
        }
    }
    event.raw = cursor.since(start);
    if has_type {
        Ok(())
    } else {
        Err(Trouble::NoType)
    }
}

/// Where a field's value goes, and what it should be.
enum Slot<'e, 'a> {
    Type,
    Text(&'e mut Option<&'a str>),
    Whole(&'e mut Option<u64>),
    Small(&'e mut Option<u32>),
    Float(&'e mut Option<f64>),
    Bool(&'e mut Option<bool>),
    /// A time that is usually a number, or usually a text.
    Seconds(&'e mut Option<Timestamp>),
    Iso(&'e mut Option<Timestamp>),
    Loads(&'e mut Option<[f64; 3]>),
    Nowhere,
}

/// Names are told apart by their length first, which leaves few to compare.
#[inline]
fn slot<'e, 'a>(key: &str, event: &'e mut EventRef<'a>) -> Slot<'e, 'a> {
    match key.len() {
        3 => match key {
            "pid" => Slot::Small(&mut event.pid),
            "eta" => Slot::Iso(&mut event.eta),
            _ => Slot::Nowhere,
        },
        4 => match key {
            "uuid" => Slot::Text(&mut event.uuid),
            "type" => Slot::Type,
            "name" => Slot::Text(&mut event.name),
            "args" => Slot::Text(&mut event.args),
            "freq" => Slot::Float(&mut event.freq),
            _ => Slot::Nowhere,
        },
        5 => match key {
            "clock" => Slot::Whole(&mut event.clock),
            "queue" => Slot::Text(&mut event.queue),
            _ => Slot::Nowhere,
        },
        6 => match key {
            "kwargs" => Slot::Text(&mut event.kwargs),
            "result" => Slot::Text(&mut event.result),
            "active" => Slot::Whole(&mut event.active),
            "sw_ver" => Slot::Text(&mut event.sw_ver),
            "sw_sys" => Slot::Text(&mut event.sw_sys),
            "signum" => Slot::Text(&mut event.signum),
            _ => Slot::Nowhere,
        },
        7 => match key {
            "root_id" => Slot::Text(&mut event.root_id),
            "retries" => Slot::Small(&mut event.retries),
            "expires" => Slot::Iso(&mut event.expires),
            "runtime" => Slot::Float(&mut event.runtime),
            "expired" => Slot::Bool(&mut event.expired),
            "requeue" => Slot::Bool(&mut event.requeue),
            "loadavg" => Slot::Loads(&mut event.loadavg),
            _ => Slot::Nowhere,
        },
        8 => match key {
            "hostname" => Slot::Text(&mut event.hostname),
            "exchange" => Slot::Text(&mut event.exchange),
            "sw_ident" => Slot::Text(&mut event.sw_ident),
            _ => Slot::Nowhere,
        },
        9 => match key {
            "timestamp" => Slot::Seconds(&mut event.timestamp),
            "parent_id" => Slot::Text(&mut event.parent_id),
            "exception" => Slot::Text(&mut event.exception),
            "traceback" => Slot::Text(&mut event.traceback),
            "processed" => Slot::Whole(&mut event.processed),
            _ => Slot::Nowhere,
        },
        10 if key == "terminated" => Slot::Bool(&mut event.terminated),
        11 if key == "routing_key" => Slot::Text(&mut event.routing_key),
        _ => Slot::Nowhere,
    }
}

/// Reads the value of a field; tells whether it was the type.
#[inline]
fn field<'a>(key: &str, cursor: &mut Cursor<'a>, event: &mut EventRef<'a>) -> Result<bool, Broken> {
    match slot(key, event) {
        Slot::Text(text) => cursor.text(text)?,
        Slot::Type => {
            let mut name = None;
            cursor.text(&mut name)?;
            if let Some(name) = name {
                event.kind = EventKind::from_type(name);
                event.type_name = name;
                return Ok(true);
            }
        }
        Slot::Whole(number) => *number = cursor.whole()?,
        Slot::Small(number) => {
            *number = cursor.whole()?.and_then(|number| number.try_into().ok());
        }
        Slot::Seconds(time) => *time = cursor.seconds()?,
        Slot::Iso(time) => *time = cursor.value()?.time(),
        Slot::Float(number) => *number = cursor.value()?.f64(),
        Slot::Bool(is) => *is = cursor.value()?.bool(),
        Slot::Loads(loads) => *loads = cursor.value()?.loads(),
        Slot::Nowhere => {
            cursor.value()?;
        }
    }
    Ok(false)
}
