//! Where the screens meet the server: one server function, suggestions for
//! the search box, and what a page needs of its HTTP request and response. In the
//! browser the latter read the document instead.

mod request;
mod snapshot;
mod suggestions;

pub use request::{cookies, set_status};
pub use snapshot::{FetchError, first_snapshot, snapshot};
pub use suggestions::suggestions;
