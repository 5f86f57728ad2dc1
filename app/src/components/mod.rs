//! The pieces that pages are made of. No piece fetches anything.

pub mod attention;
pub mod banner;
pub mod card;
pub mod chart;
pub mod chip;
pub mod copy;
pub mod data_table;
pub mod empty;
pub mod facts;
pub mod fit;
pub mod icon;
pub mod keys;
pub mod meter;
pub mod priority_bar;
pub mod rail;
pub mod search_box;
pub mod sparkline;
pub mod state_badge;
pub mod tabs;
pub mod task_name;
pub mod tile_strip;
pub mod time;
pub mod top_bar;
pub mod tree;
