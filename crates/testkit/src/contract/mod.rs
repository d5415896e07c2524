//! What every adapter of a port must do, as tests that an adapter's own test runs against its real server.

pub mod log;
pub mod lookup;
pub mod reader;
pub mod writer;
