//! The ring's step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_ring::{Kind, Members, Placement, Settings};

/// The input: the words of this very page.
const SOURCE: &str = include_str!("lib.rs");

/// The words of the page on ten nodes, and how many move when an eleventh joins.
///
/// # Errors
///
/// If more moves than consistent hashing allows.
pub fn tour(_scratch: &Path) -> Result<Report> {
    let settings = Settings::new(Kind::Jump);
    let before = Placement::new(Members::numbered(10), settings)?;
    let after = Placement::new(Members::numbered(11), Settings::new(Kind::Jump))?;
    let (mut words, mut moved) = (0, 0);
    for word in SOURCE.split_whitespace() {
        words += 1;
        moved += usize::from(before.owner(word.as_bytes())? != after.owner(word.as_bytes())?);
    }
    // One in eleven is the ideal; every second one would be a plain modulo.
    ensure!(moved * 4 < words, "{moved} of {words} words moved to an eleventh node");
    let did = format!("{words} words on 10 nodes, {moved} move when an 11th joins");
    Ok(Report { system: "ring", did, page: "core/ring/README.md" })
}
