//! Where the screens meet the server: one server function, suggestions for
//! the search box, and what a page needs of its HTTP request and response. In the
//! browser the latter read the document instead.

mod control;
mod older;
mod request;
mod snapshot;
mod suggestions;

pub use control::{
    Known, bulk_count, bulk_progress, known, peek, retry_plan, run_command, running_bulks,
};
pub use older::older_tasks;
#[cfg(feature = "ssr")]
pub use request::WhoAsks;
#[cfg(feature = "ssr")]
use request::{caller, failed, monitor};
pub use request::{cookies, role, set_status};
pub use snapshot::{FetchError, first_snapshot, snapshot};
pub use suggestions::suggestions;
