//! A grid of sample keys, for algorithms that have no circle: each cell in its owner's colour, with the old owner's inside if the key moved.

use alloc::format;
use alloc::vec::Vec;

use dolmen_text::svg::Svg;

use super::CENTRE;
use super::palette::Colours;
use crate::error::RingError;
use crate::placement::Placement;

/// Cells of a row, and rows.
const COLUMNS: usize = 36;
const ROWS: usize = 28;
/// Side of a cell.
const SIDE: f64 = 14.0;

/// The keys of the cells.
pub(super) fn keys() -> impl Iterator<Item = alloc::string::String> {
    (0..COLUMNS * ROWS).map(|i| format!("key-{i}"))
}

/// Draws the keys of one placement, and what became of them.
pub(super) fn draw(
    svg: &mut Svg,
    before: &Placement,
    after: Option<&Placement>,
    colours: &Colours<'_>,
) -> Result<(), RingError> {
    let (left, top) = (CENTRE.0 - COLUMNS as f64 * SIDE / 2.0, CENTRE.1 - ROWS as f64 * SIDE / 2.0 - 20.0);
    let names = |placement: &'_ Placement, key: &str| -> Result<alloc::string::String, RingError> {
        Ok(placement.members().name(placement.owner(key.as_bytes())?).into())
    };
    let mut moved = Vec::new();
    svg.group().class("keys");
    for (i, key) in keys().enumerate() {
        let at = (left + (i % COLUMNS) as f64 * SIDE, top + (i / COLUMNS) as f64 * SIDE);
        let owner = names(after.unwrap_or(before), &key)?;
        let from = if after.is_some() { names(before, &key)? } else { owner.clone() };
        let cell = svg.rect(at, (SIDE - 1.0, SIDE - 1.0)).class("cell").attribute("data-key", &key);
        let cell = cell.attribute("data-node", &owner).fill(&colours.of(&owner));
        if from == owner {
            cell.title(format_args!("{key} belongs to {owner}"));
        } else {
            cell.attribute("data-from", &from).title(format_args!("{key} moves from {from} to {owner}"));
            moved.push((at, from));
        }
    }
    svg.end_group();
    svg.group().class("change");
    for ((x, y), from) in &moved {
        let inner = svg.rect((x + 3.0, y + 3.0), (SIDE - 7.0, SIDE - 7.0)).class("leaving");
        inner.fill(&colours.of(from)).stroke("black", 1.0).attribute("pointer-events", "none");
    }
    svg.end_group();
    let total = COLUMNS * ROWS;
    let text = match after {
        None => format!("each cell is one of {total} keys in its owner's colour"),
        Some(_) => format!(
            "{} of {total} keys move, {:.2} %: the inner square is the old owner",
            moved.len(),
            moved.len() as f64 * 100.0 / total as f64
        ),
    };
    svg.text((CENTRE.0, top + ROWS as f64 * SIDE + 20.0), text)
        .attribute("text-anchor", "middle")
        .number("font-size", 13.0);
    Ok(())
}
