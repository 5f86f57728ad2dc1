//! What a search means, said a second time and as simply as possible: random
//! tasks of owned texts, random searches with their text, and whether one
//! matches the other. Nothing here uses the parser or the evaluator, so that
//! whatever answers searches can be tested against it.

pub(crate) mod task;
pub(crate) mod want;

pub(crate) use task::{NOW, Task, task};
pub(crate) use want::want;
