//! Charts that are drawn in the page and follow its data. Lines and areas are
//! SVG stretched over the plot; bars, axes and words are boxes placed by
//! percent, so that type keeps its size and edges stay sharp at any width.

mod columns;
mod frame;
mod line;
mod outcomes;
mod scale;

pub use columns::{Column, Rates, STRETCH_SECONDS, columns, gaps, split};
pub use line::{Line, LineChart, whole};
pub use outcomes::OutcomeChart;
pub use scale::Window;
