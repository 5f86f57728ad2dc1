//! What Redis sends on a connection that is subscribed, found in a buffer
//! without copying it.
//!
//! Only the event reader uses this, on plain connections: it must keep pace
//! with all that Redis can publish. Everything else goes through the library.

/// Longest message that is taken; Redis allows 512 MB.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// One reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'b> {
    /// A published message.
    Message(&'b [u8]),
    /// A pattern is subscribed to.
    Subscribed,
    /// Redis refused something.
    Error(&'b [u8]),
    /// Anything else, such as the answer to a PING.
    Other,
}

/// What the buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'b> {
    /// A whole reply, and its length.
    Whole(Reply<'b>, usize),
    /// The beginning of a reply that is at least this long, bytes.
    Partial(usize),
    /// No reply of Redis.
    Broken,
}

/// Reads the reply at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    match read(bytes) {
        Ok((reply, length)) => Parsed::Whole(reply, length),
        Err(Trouble::Short(needed)) => Parsed::Partial(needed),
        Err(Trouble::Broken) => Parsed::Broken,
    }
}

enum Trouble {
    Short(usize),
    Broken,
}

fn read(bytes: &[u8]) -> Result<(Reply<'_>, usize), Trouble> {
    match bytes.first() {
        None => Err(Trouble::Short(1)),
        Some(b'+' | b':') => Ok((Reply::Other, line(bytes, 0)?.1)),
        Some(b'-') => {
            let (text, end) = line(bytes, 0)?;
            Ok((Reply::Error(text), end))
        }
        Some(b'$') => Ok((Reply::Other, bulk(bytes, 0)?.1)),
        Some(b'*') => array(bytes),
        Some(_) => Err(Trouble::Broken),
    }
}

/// Reads an array of texts and numbers; those of pub/sub hold nothing else.
fn array(bytes: &[u8]) -> Result<(Reply<'_>, usize), Trouble> {
    let (count, mut at) = number(bytes, 0)?;
    let mut kind: &[u8] = b"";
    let mut last: &[u8] = b"";
    for place in 0..count {
        last = match bytes.get(at) {
            None => return Err(Trouble::Short(at + 1)),
            Some(b'$') => {
                let (text, end) = bulk(bytes, at)?;
                at = end;
                text
            }
            Some(b':' | b'+') => {
                at = line(bytes, at)?.1;
                b""
            }
            Some(_) => return Err(Trouble::Broken),
        };
        if place == 0 {
            kind = last;
        }
    }
    let reply = match kind {
        b"pmessage" | b"message" => Reply::Message(last),
        b"psubscribe" | b"subscribe" => Reply::Subscribed,
        _ => Reply::Other,
    };
    Ok((reply, at))
}

/// Reads `$5\r\nhello\r\n` at `at`.
fn bulk(bytes: &[u8], at: usize) -> Result<(&[u8], usize), Trouble> {
    let (length, start) = number(bytes, at)?;
    let end = start + length;
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok((&bytes[start..end], end + 2)),
        Some(_) => Err(Trouble::Broken),
        None => Err(Trouble::Short(end + 2)),
    }
}

/// Reads the number behind the type byte at `at`. No null comes on a subscribed connection.
fn number(bytes: &[u8], at: usize) -> Result<(usize, usize), Trouble> {
    // Ten digits hold every length that is taken.
    const LONGEST: usize = 10;
    let mut value = 0_usize;
    let mut place = at + 1;
    loop {
        match bytes.get(place) {
            None => return Err(Trouble::Short(place + 2)),
            Some(digit @ b'0'..=b'9') if place - at <= LONGEST => {
                value = value * 10 + usize::from(digit - b'0');
            }
            Some(b'\r') => break,
            Some(_) => return Err(Trouble::Broken),
        }
        place += 1;
    }
    match bytes.get(place + 1) {
        None => Err(Trouble::Short(place + 2)),
        Some(b'\n') => Ok((value, place + 2)),
        Some(_) => Err(Trouble::Broken),
    }
}

/// Reads up to the end of the line; gives the text behind the type byte.
fn line(bytes: &[u8], at: usize) -> Result<(&[u8], usize), Trouble> {
    // Redis' own lines are short; a long one is no line of Redis.
    const LONGEST: usize = 64 << 10;
    let rest = bytes.get(at + 1..).unwrap_or_default();
    match memchr::memchr(b'\n', rest) {
        Some(place) => {
            let text = rest.get(..place).unwrap_or_default();
            let text = text.strip_suffix(b"\r").ok_or(Trouble::Broken)?;
            Ok((text, at + 1 + place + 1))
        }
        None if rest.len() > LONGEST => Err(Trouble::Broken),
        None => Err(Trouble::Short(bytes.len() + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] =
        b"*4\r\n$8\r\npmessage\r\n$3\r\n/0*\r\n$4\r\n/0.x\r\n$8\r\na\r\n$1\r\nb\r\n";

    #[test]
    fn a_message_is_found_whatever_it_holds() {
        let mut bytes = MESSAGE.to_vec();
        bytes.extend_from_slice(b"*2\r\n");
        assert_eq!(
            parse(&bytes),
            Parsed::Whole(Reply::Message(b"a\r\n$1\r\nb"), MESSAGE.len())
        );
    }

    #[test]
    fn every_beginning_of_a_reply_asks_for_more_and_never_for_too_much() {
        for reply in [
            MESSAGE,
            b"*3\r\n$10\r\npsubscribe\r\n$3\r\n/0*\r\n:1\r\n",
            b"*2\r\n$4\r\npong\r\n$0\r\n\r\n",
            b"-NOPERM no\r\n",
            b"+OK\r\n",
        ] {
            for end in 0..reply.len() {
                let Parsed::Partial(needed) = parse(&reply[..end]) else {
                    panic!("{:?}", &reply[..end]);
                };
                assert!(needed > end && needed <= reply.len(), "{needed} at {end}");
            }
            assert!(matches!(parse(reply), Parsed::Whole(_, length) if length == reply.len()));
        }
    }

    #[test]
    fn replies_are_told_apart() {
        let reply = |bytes: &'static [u8]| match parse(bytes) {
            Parsed::Whole(reply, _) => reply,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            reply(b"*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n"),
            Reply::Subscribed
        );
        assert_eq!(reply(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"), Reply::Other);
        assert_eq!(reply(b"-NOPERM no\r\n"), Reply::Error(b"NOPERM no"));
        assert_eq!(
            reply(b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$0\r\n\r\n"),
            Reply::Message(b"")
        );
    }

    #[test]
    fn what_redis_does_not_send_is_broken() {
        for bytes in [
            &b"hello"[..],
            b"*x\r\n",
            b"*1\r\n*1\r\n",
            b"$3\r\nabcd\r\n",
            b"$99999999999999999999\r\n",
            b"*1\rx",
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            assert_eq!(parse(bytes), Parsed::Broken, "{bytes:?}");
        }
    }
}
