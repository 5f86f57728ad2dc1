//! What the address of the page says: order, chosen queue, and whether and
//! where its messages are looked at.

use crate::links;
use model::{Keyed, QueueName, QueueSummary};

/// What to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueSort {
    Name,
    Ready,
    Unacked,
    Workers,
    Oldest,
    Sent,
    Taken,
}

impl QueueSort {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Name, "name"),
        (Self::Ready, "ready"),
        (Self::Unacked, "unacked"),
        (Self::Workers, "workers"),
        (Self::Oldest, "oldest"),
        (Self::Sent, "sent"),
        (Self::Taken, "taken"),
    ];

    fn name(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(sort, _)| *sort == self);
        known.map_or("ready", |(_, name)| name)
    }
}

/// The order of the table; the fullest queue is first unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub sort: QueueSort,
    pub is_descending: bool,
}

impl Order {
    const DEFAULT: Self = Self {
        sort: QueueSort::Ready,
        is_descending: true,
    };

    fn from_query(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let (name, is_descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let known = QueueSort::ALL.into_iter().find(|(_, known)| *known == name);
        known.map_or(Self::DEFAULT, |(sort, _)| Self {
            sort,
            is_descending,
        })
    }

    fn clicked(self, sort: QueueSort) -> Self {
        Self {
            sort,
            is_descending: if self.sort == sort {
                !self.is_descending
            } else {
                sort != QueueSort::Name
            },
        }
    }

    /// Returns the names of queues in this order.
    pub(super) fn arrange(self, queues: &[QueueSummary]) -> Vec<QueueName> {
        let mut shown: Vec<&QueueSummary> = queues.iter().collect();
        shown.sort_by(|a, b| {
            let rate = |rate: Option<f64>| rate.unwrap_or(-1.0);
            let order = match self.sort {
                QueueSort::Name => a.name.cmp(&b.name),
                QueueSort::Ready => a.ready.cmp(&b.ready),
                QueueSort::Unacked => a.unacked.cmp(&b.unacked),
                QueueSort::Workers => a.consumers.len().cmp(&b.consumers.len()),
                // The one that waits longest has the most; none waits in an empty queue.
                QueueSort::Oldest => {
                    let since = |queue: &QueueSummary| {
                        let waits = (queue.ready > 0).then_some(queue.oldest_since).flatten();
                        waits.map_or(i64::MAX, |since| since.0)
                    };
                    since(b).cmp(&since(a))
                }
                QueueSort::Sent => rate(a.sent_per_second).total_cmp(&rate(b.sent_per_second)),
                QueueSort::Taken => rate(a.taken_per_second).total_cmp(&rate(b.taken_per_second)),
            };
            let order = if self.is_descending {
                order.reverse()
            } else {
                order
            };
            order.then_with(|| a.name.cmp(&b.name))
        });
        shown.into_iter().map(Keyed::key).collect()
    }
}

/// The address of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The order of the table.
    pub order: Order,
    /// The queue that is chosen; without one the depth of the fullest is drawn.
    pub queue: Option<QueueName>,
    /// The first message that is looked at, counted from 0; none unless the drawer is open.
    pub peek: Option<u64>,
}

impl Address {
    /// Reads the parameters; unknown values stand for the default.
    pub(super) fn from_query<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let queue = get("queue").filter(|name| !name.is_empty());
        // People count messages from 1.
        let first = get("peek").map(|text| text.parse::<u64>().unwrap_or(1));
        Self {
            order: Order::from_query(get("sort")),
            queue: queue.map(QueueName::from),
            peek: first.map(|first| first.saturating_sub(1)),
        }
    }

    /// Returns the address.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if self.order != Order::DEFAULT {
            let sign = if self.order.is_descending { "-" } else { "" };
            query.append_pair("sort", &format!("{sign}{}", self.order.sort.name()));
        }
        if let Some(queue) = &self.queue {
            query.append_pair("queue", queue.as_str());
        }
        if let Some(offset) = self.peek {
            query.append_pair("peek", &offset.saturating_add(1).to_string());
        }
        links::with_query("/broker", &query.finish())
    }

    /// Returns the page sorted by a column, or the other way round if it is already.
    pub(super) fn sorted_by(&self, sort: QueueSort) -> Self {
        Self {
            order: self.order.clicked(sort),
            ..self.clone()
        }
    }

    /// Returns the page with another queue; an open drawer looks into it from its start.
    pub(super) fn with_queue(&self, queue: &QueueName) -> Self {
        Self {
            queue: Some(queue.clone()),
            peek: self.peek.map(|_| 0),
            ..self.clone()
        }
    }

    /// Returns the page with the messages of a queue from one on.
    pub(super) fn looking_at(&self, queue: &QueueName, offset: u64) -> Self {
        Self {
            queue: Some(queue.clone()),
            peek: Some(offset),
            ..self.clone()
        }
    }

    /// Returns the queue whose messages are looked at, and the first of them. The
    /// queue must be named: the fullest one changes while a person reads or purges.
    pub(super) fn looked_at(&self) -> Option<(QueueName, u64)> {
        Some((self.queue.clone()?, self.peek?))
    }

    /// Returns the page without the drawer.
    pub(super) fn closed(&self) -> Self {
        Self {
            peek: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::queue, *};
    use model::Timestamp;

    fn of(pairs: &[(&str, &'static str)]) -> Address {
        Address::from_query(|key| {
            let found = pairs.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| *value)
        })
    }

    #[test]
    fn the_fullest_queue_is_first_and_the_order_is_in_the_address() {
        let mut queues = [queue("a", 1), queue("b", 9), queue("c", 9)];
        let names = |queues: &[QueueSummary], text| {
            let keys = Order::from_query(text).arrange(queues);
            keys.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&queues, None), ["b", "c", "a"]);
        assert_eq!(names(&queues, Some("name")), ["a", "b", "c"]);
        assert_eq!(names(&queues, Some("odd")), ["b", "c", "a"]);
        queues[0].oldest_since = Some(Timestamp(5));
        queues[2].oldest_since = Some(Timestamp(3));
        assert_eq!(names(&queues, Some("-oldest")), ["c", "a", "b"]);
        let address = of(&[]);
        assert_eq!(address.href(), "/broker");
        let sorted = |sort| address.sorted_by(sort).href();
        assert_eq!(sorted(QueueSort::Name), "/broker?sort=name");
        assert_eq!(sorted(QueueSort::Ready), "/broker?sort=ready");
        assert_eq!(sorted(QueueSort::Oldest), "/broker?sort=-oldest");
    }

    #[test]
    fn choosing_a_queue_keeps_the_order() {
        let address = of(&[("sort", "-name")]);
        assert_eq!(
            address.with_queue(&"a&b".into()).href(),
            "/broker?sort=-name&queue=a%26b"
        );
        assert_eq!(
            of(&[]).with_queue(&"mail".into()).href(),
            "/broker?queue=mail"
        );
    }

    #[test]
    fn an_open_drawer_is_in_the_address_and_follows_the_queue() {
        let address = of(&[("queue", "mail"), ("peek", "101")]);
        assert_eq!(address.peek, Some(100));
        assert_eq!(address.href(), "/broker?queue=mail&peek=101");
        assert_eq!(address.closed().href(), "/broker?queue=mail");
        assert_eq!(
            address.with_queue(&"images".into()).href(),
            "/broker?queue=images&peek=1"
        );
        assert_eq!(
            of(&[]).looking_at(&"mail".into(), 50).href(),
            "/broker?queue=mail&peek=51"
        );
        assert_eq!(of(&[("peek", "")]).peek, Some(0));
        assert_eq!(address.looked_at(), Some(("mail".into(), 100)));
        assert_eq!(of(&[("peek", "1")]).looked_at(), None);
        assert_eq!(of(&[("queue", "mail")]).looked_at(), None);
    }
}
