//! Names and identifiers as Celery writes them. None of them has a grammar:
//! task ids need not be UUIDs and node names may hold any character.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, sync::Arc};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Returns the text as Celery wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id! {
    /// A task's id. Mostly a UUID, but any text is legal.
    TaskId
}
text_id! {
    /// A task type's name, such as `shop.mail.tasks.send_welcome_email`.
    TaskName
}
text_id! {
    /// A worker's full node name, such as `celery@mail-1`.
    WorkerName
}
text_id! {
    /// A queue's name without key prefix and priority suffix.
    QueueName
}
text_id! {
    /// A place in a list that reaches into the past, as the server wrote it;
    /// may stand in an address as it is.
    TaskCursor
}
