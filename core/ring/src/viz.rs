//! Pictures of a placement as SVG and HTML, before and after a change. Self-contained (no script is needed, nothing is loaded) and the same bytes for
//! the same input on every machine: trigonometry is `libm`'s and numbers have two decimals.
//!
//! ```text
//! rings, ketama, tokens   a circle: arcs in their owners' colours with their names, points as ticks, what moves in a band inside
//! all others              a grid of sample keys in their owners' colours, the old owner inside a key that moves
//! beside                  each node's share and its fair share, the Lorenz curve, who joined, left or has another weight
//! one key                 where it stands, whose it is and whose it becomes
//! ```
//! Elements carry their meaning for programs: `class="arc"` and `class="moved"` have `data-after` and `data-upto` in
//! positions of the circle and the nodes by name; `class="cell"` has `data-key`, `data-node` and, if it moves, `data-from`.

mod circle;
mod grid;
mod palette;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_text::svg::{Path, Point, Svg};

use crate::analysis::{CIRCLE, arc_shares};
use crate::error::RingError;
use crate::members::{Members, NodeId};
use crate::placement::Placement;
use crate::ring::Ring;
use palette::{Colours, short};

/// What is drawn beside the placement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// A key to follow.
    pub key: Option<&'a str>,
}

/// The picture of a placement, and of its change when `after` is given.
///
/// # Errors
/// [`RingError::EmptyRing`], [`RingError::TooManyPoints`] beyond [`POINTS_MAX`]; what the placement says of a key.
pub fn svg(before: &Placement, after: Option<&Placement>, options: Options<'_>) -> Result<String, RingError> {
    let shown = after.unwrap_or(before);
    let members = shown.members();
    let names = before.members().iter().chain(members.iter()).map(|(_, n)| n.name()).collect();
    let colours = Colours::new(names);
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let settings = shown.settings();
    let circles = match (circle_of(before)?, circle_of(shown)?) {
        (Some(old), Some(new)) => Some((old, new)),
        _ => None,
    };
    let points = circles.as_ref().map_or_else(String::new, |(_, new)| format!(", {} points", new.len()));
    let title = format!("{} nodes{points}, {} by {}", members.len(), settings.kind, settings.hash);
    svg.text((CENTRE.0, 20.0), title).attribute("text-anchor", "middle");
    let shares = match &circles {
        Some((old, new)) => {
            circle::draw_arcs(&mut svg, new, members, &colours);
            if after.is_some() {
                circle::draw_moved(&mut svg, (old, before.members()), (new, members), &colours);
            }
            if let Some(key) = options.key {
                circle::draw_key(&mut svg, new, position_of(shown, key)?, key);
            }
            arc_shares(new, members)
        }
        None => {
            grid::draw(&mut svg, before, after, &colours)?;
            key_shares(shown)?
        }
    };
    if let Some(key) = options.key {
        draw_key_text(&mut svg, before, after, key)?;
    }
    let what = if circles.is_some() { "share of the circle" } else { "share of 20,000 keys" };
    let bottom = draw_histogram(&mut svg, what, &shares, members, &colours);
    draw_changes(&mut svg, before.members(), after.map(Placement::members), bottom);
    draw_lorenz(&mut svg, &shares);
    Ok(svg.finish())
}

/// [`svg`] without a key.
///
/// # Errors
/// As [`svg`].
pub fn ring_svg(before: &Placement, after: Option<&Placement>) -> Result<String, RingError> {
    svg(before, after, Options::default())
}

/// The same in a page that opens without a network and names what is under the pointer.
///
/// # Errors
/// As [`svg`].
pub fn html(
    before: &Placement,
    after: Option<&Placement>,
    options: Options<'_>,
) -> Result<String, RingError> {
    let svg = svg(before, after, options)?;
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Consistent hashing</title>\n\
         <style>body{{margin:2em auto;max-width:{WIDTH}px;font:15px sans-serif}}#under{{min-height:1.5em}}</style></head>\n\
         <body><h1>Consistent hashing</h1><p id=\"under\">Point at an arc or a cell.</p>\n{svg}\
         <script>\nconst under = document.getElementById('under');\n\
         for (const part of document.querySelectorAll('.arc, .moved, .cell')) {{\n\
         \x20 part.addEventListener('pointerenter', () => under.textContent = part.querySelector('title').textContent);\n\
         }}\n</script></body></html>\n"
    ))
}

/// [`html`] without a key.
///
/// # Errors
/// As [`svg`].
pub fn ring_html(before: &Placement, after: Option<&Placement>) -> Result<String, RingError> {
    html(before, after, Options::default())
}

/// The circle that a placement's points lie on; ketama's 32 bits are the upper half of a position.
fn circle_of(placement: &Placement) -> Result<Option<Cow<'_, Ring>>, RingError> {
    if placement.members().owning().next().is_none() {
        return Err(RingError::EmptyRing);
    }
    let ring = match (placement.ring(), placement.ketama()) {
        (Some(ring), _) => Cow::Borrowed(ring),
        (None, Some(ketama)) => Cow::Owned(Ring::from_points(
            ketama.points().map(|(point, owner)| (u64::from(point) << 32, owner)).collect(),
        )),
        (None, None) => return Ok(None),
    };
    if ring.is_empty() {
        return Err(RingError::EmptyRing);
    }
    if ring.len() > POINTS_MAX {
        return Err(RingError::TooManyPoints { points: ring.len() as u64, max: POINTS_MAX as u64 });
    }
    Ok(Some(ring))
}

/// Where a key stands on its placement's circle.
fn position_of(placement: &Placement, key: &str) -> Result<u64, RingError> {
    let hash = placement.key(key.as_bytes())?;
    Ok(if placement.ketama().is_some() { hash << 32 } else { hash })
}

/// How many of many keys each node owns.
fn key_shares(placement: &Placement) -> Result<Vec<(NodeId, u128)>, RingError> {
    let mut counts = alloc::vec![0u128; placement.members().id_bound()];
    for i in 0..SAMPLE_KEYS {
        let key = placement.key(format!("key-{i}").as_bytes())?;
        if let Some(owner) = placement.algorithm().owner(key)
            && let Some(count) = counts.get_mut(owner.get() as usize)
        {
            *count += CIRCLE / SAMPLE_KEYS;
        }
    }
    Ok(placement.members().iter().map(|(id, _)| (id, counts[id.get() as usize])).collect())
}

/// Whose a key is, in words.
fn draw_key_text(
    svg: &mut Svg,
    before: &Placement,
    after: Option<&Placement>,
    key: &str,
) -> Result<(), RingError> {
    let owner = |placement: &Placement| -> Result<String, RingError> {
        Ok(placement.members().name(placement.owner(key.as_bytes())?).into())
    };
    let (old, hash) = (owner(before)?, before.key(key.as_bytes())?);
    let text = match after.map(owner).transpose()? {
        Some(new) if new != old => format!("{key} (hash {hash:#x}) moves from {old} to {new}"),
        Some(_) => format!("{key} (hash {hash:#x}) stays with {old}"),
        None => format!("{key} (hash {hash:#x}) belongs to {old}"),
    };
    svg.text((CENTRE.0, f64::from(HEIGHT) - 8.0), text).class("key-text").attribute("text-anchor", "middle");
    Ok(())
}

/// Each node's share beside its fair share; where the list ends.
fn draw_histogram(
    svg: &mut Svg,
    what: &str,
    shares: &[(NodeId, u128)],
    members: &Members,
    colours: &Colours<'_>,
) -> f64 {
    svg.text((PANEL, 44.0), format_args!("{what} (line: fair share)"));
    let total_weight = members.total_weight().max(f64::MIN_POSITIVE);
    let most = percent(shares.iter().map(|s| s.1).max().unwrap_or(1).max(1));
    let height = (230.0 / shares.len().max(1) as f64).min(22.0);
    svg.group().class("histogram");
    for (row, &(id, share)) in shares.iter().enumerate() {
        let (name, y) = (members.name(id), 54.0 + row as f64 * height);
        let owned = percent(share);
        let fair = members.get(id).map_or(0.0, |n| n.weight().get()) / total_weight * 100.0;
        svg.rect((PANEL, y), (owned / most * BAR_WIDTH, height * 0.85))
            .class("share")
            .attribute("data-node", name)
            .fill(&colours.of(name))
            .title(format_args!("{name}: {owned:.2} %, fair {fair:.2} %"));
        let x = PANEL + (fair / most * BAR_WIDTH).min(BAR_WIDTH + 20.0);
        svg.line((x, y), (x, y + height)).stroke("black", 1.0);
        if height >= 12.0 {
            let label = format_args!("{} {owned:.2} %, fair {fair:.2} %", short(name, 14));
            svg.text((PANEL + BAR_WIDTH + 26.0, y + height * 0.7), label).number("font-size", 11.0);
        }
    }
    svg.end_group();
    54.0 + shares.len() as f64 * height
}

/// Who joined, who left, whose weight changed.
fn draw_changes(svg: &mut Svg, before: &Members, after: Option<&Members>, top: f64) {
    let Some(after) = after else { return };
    let mut lines: Vec<String> = Vec::new();
    for (_, node) in after.iter() {
        let held = before.find(node.name()).and_then(|id| before.get(id));
        match held {
            None => lines.push(format!("{} joined", short(node.name(), 24))),
            Some(held) if held.weight() != node.weight() => {
                let (old, new) = (held.weight().get(), node.weight().get());
                lines.push(format!("{}: weight {old} becomes {new}", short(node.name(), 24)));
            }
            Some(_) => {}
        }
    }
    for (_, node) in before.iter().filter(|(_, node)| after.find(node.name()).is_none()) {
        lines.push(format!("{} left", short(node.name(), 24)));
    }
    let shown = if lines.len() > CHANGES_MAX { CHANGES_MAX - 1 } else { lines.len() };
    if shown < lines.len() {
        let more = lines.len() - shown;
        lines.truncate(shown);
        lines.push(format!("and {more} more changes"));
    }
    svg.group().class("changes");
    for (i, line) in lines.iter().enumerate() {
        svg.text((PANEL, top + 18.0 + 15.0 * i as f64), line).number("font-size", 13.0);
    }
    svg.end_group();
}

/// Cumulative share over the nodes from the smallest; the diagonal is perfect balance.
fn draw_lorenz(svg: &mut Svg, shares: &[(NodeId, u128)]) {
    let mut sorted: Vec<u128> = shares.iter().map(|s| s.1).collect();
    sorted.sort_unstable();
    let (bottom, side) = (570.0, 180.0);
    svg.text((PANEL, 382.0), "Lorenz curve (diagonal: perfect balance)");
    let mut perfect = Path::new();
    perfect
        .move_to((PANEL, bottom))
        .line_to((PANEL + side, bottom))
        .line_to((PANEL + side, bottom - side))
        .close();
    svg.path(&perfect).fill("#eee");
    let mut curve = Path::new();
    curve.move_to((PANEL, bottom));
    let mut sum = 0;
    for (i, share) in sorted.iter().enumerate() {
        sum += share;
        let x = PANEL + side * (i + 1) as f64 / sorted.len() as f64;
        curve.line_to((x, bottom - side * percent(sum) / 100.0));
    }
    svg.path(&curve).class("lorenz").fill("none").stroke("#d55e00", 2.0);
}

fn percent(positions: u128) -> f64 {
    positions as f64 / CIRCLE as f64 * 100.0
}

/// Most points of a picture: beyond, arcs are thinner than a hair and the file only grows.
pub const POINTS_MAX: usize = 20_000;
/// Keys that shares are estimated from where there is no circle.
const SAMPLE_KEYS: u128 = 20_000;
/// Lines of what changed.
const CHANGES_MAX: usize = 5;
const WIDTH: u32 = 1080;
const HEIGHT: u32 = 620;
const CENTRE: Point = (300.0, 310.0);
const PANEL: f64 = 620.0;
const BAR_WIDTH: f64 = 190.0;
