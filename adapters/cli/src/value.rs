//! Parsers of values for clap: `#[arg(value_parser = dolmen_cli::value::size)]`.

pub use dolmen_units::{address, duration, size};
