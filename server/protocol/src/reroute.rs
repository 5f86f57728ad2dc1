//! Task messages that change their queue: only what must be different is
//! rewritten, every other byte stays as the sender wrote it.

use crate::json::{skip_space, skip_string, skip_value};
use serde_json::{Map, Value};
use std::ops::Range;

/// Returns the delivery tag of an element of a queue's list, without opening its body.
pub fn delivery_tag(element: &[u8]) -> Option<String> {
    let properties = field(element, 0, "properties")?;
    let tag = field(element, properties.start, "delivery_tag")?;
    serde_json::from_slice(element.get(tag)?).ok()
}

/// Returns the element of a queue's list as it belongs into the list of
/// `queue`; `None` if it is no message that kombu put there.
///
/// The exchange becomes the anonymous one: a message that is not acknowledged
/// goes back to where exchange and routing key lead
/// (`kombu/transport/redis.py Channel._do_restore_message`), and only the
/// anonymous exchange leads to a queue whatever it is bound to.
pub fn reroute(element: &[u8], queue: &str) -> Option<Vec<u8>> {
    let properties = field(element, 0, "properties")?;
    let delivery = field(element, properties.start, "delivery_info")?;
    let mut info: Map<String, Value> =
        serde_json::from_slice(element.get(delivery.clone())?).ok()?;
    info.insert("exchange".to_owned(), Value::from(""));
    info.insert("routing_key".to_owned(), Value::from(queue));
    let info = serde_json::to_vec(&info).ok()?;
    let mut out = Vec::with_capacity(element.len() + info.len());
    out.extend_from_slice(&element[..delivery.start]);
    out.extend_from_slice(&info);
    out.extend_from_slice(&element[delivery.end..]);
    Some(out)
}

/// Returns where the value of a field lies in the object that starts at
/// `start`; of one that comes twice the last, which is the one that Python keeps.
fn field(bytes: &[u8], start: usize, name: &str) -> Option<Range<usize>> {
    let mut found = None;
    let mut at = skip_space(bytes, start);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = skip_space(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let key_end = skip_string(bytes, at)?;
        let is_wanted = bytes.get(at + 1..key_end - 1) == Some(name.as_bytes());
        at = skip_space(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        let value = skip_space(bytes, at + 1);
        let end = skip_value(bytes, value)?;
        if is_wanted {
            found = Some(value..end);
        }
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(bytes, at + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode_message, open_message};

    const MESSAGE: &str = r#"{"body": "W1sxXSwge30sIHt9XQ==", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "lab.add", "id": "a", "properties": {"delivery_tag": "no"}}, "properties": {"delivery_mode": 2, "delivery_info": {"exchange": "shop", "routing_key": "old", "more": [1]}, "priority": 9, "body_encoding": "base64", "delivery_tag": "t\u0031"}}"#;

    #[test]
    fn only_the_route_of_a_message_changes() {
        let moved = reroute(MESSAGE.as_bytes(), "new \"queue\"").expect("a message");
        let (before, after) = (
            open_message(MESSAGE.as_bytes()).expect("a message"),
            open_message(&moved).expect("a message"),
        );
        assert_eq!(after.task.exchange.as_deref(), Some(""));
        assert_eq!(after.task.routing_key.as_deref(), Some("new \"queue\""));
        let mut same = after.clone();
        same.task.exchange.clone_from(&before.task.exchange);
        same.task.routing_key.clone_from(&before.task.routing_key);
        assert_eq!(same, before);
        let text = String::from_utf8(moved).expect("text");
        assert!(text.contains(r#""more":[1]"#), "{text}");
        let (head, _) = MESSAGE.split_once("\"delivery_info\"").expect("it has one");
        assert!(text.starts_with(head));
        assert!(text.ends_with(r#""delivery_tag": "t\u0031"}}"#));
    }

    #[test]
    fn the_tag_is_read_without_the_body() {
        let tag = decode_message(MESSAGE.as_bytes())
            .expect("a message")
            .delivery_tag;
        assert_eq!(tag.as_deref(), Some("t1"));
        assert_eq!(delivery_tag(MESSAGE.as_bytes()), tag);
    }

    #[test]
    fn what_is_no_message_is_left_alone() {
        for element in [
            "",
            "{",
            "5",
            "[]",
            "{}",
            r#"{"properties": 5}"#,
            r#"{"properties": {"delivery_info": null, "delivery_tag": 5}}"#,
            r#"{"properties": {"delivery_info": {"exchange": ""}"#,
            r#"{"properties"#,
        ] {
            assert_eq!(delivery_tag(element.as_bytes()), None, "{element}");
            let moved = reroute(element.as_bytes(), "q");
            assert!(moved.is_none() || element.ends_with('}'), "{element}");
        }
    }
}
