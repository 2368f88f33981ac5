//! Pictures of a ring as SVG and HTML: arcs in their owners' colours, points as ticks, the arcs that a change moved, a
//! histogram of shares and their Lorenz curve. Self-contained (no script is needed, nothing is loaded) and the same bytes for
//! the same input on every machine: trigonometry is `libm`'s and numbers have two decimals.
//!
//! Elements carry their meaning for programs: `class="arc"` and `class="moved"` have `data-after` and `data-upto` in
//! positions of the circle and the nodes by name.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::f64::consts::TAU;

use dolmen_text::svg::{Path, Point, Svg};

use crate::analysis::{Arc, CIRCLE, arc_shares, arcs, moved_arcs};
use crate::error::RingError;
use crate::members::{Members, NodeId};
use crate::placement::Placement;
use crate::ring::Ring;

/// The picture of a placement, and of its change when `after` is given.
///
/// # Errors
/// [`RingError::Operation`] unless both are rings on the 64-bit circle, [`RingError::EmptyRing`],
/// [`RingError::TooManyPoints`] beyond [`POINTS_MAX`].
pub fn ring_svg(before: &Placement, after: Option<&Placement>) -> Result<String, RingError> {
    let old = drawable(before)?;
    let shown = after.unwrap_or(before);
    let new = drawable(shown)?;
    let members = shown.members();
    let mut names: Vec<&str> = before.members().iter().chain(members.iter()).map(|(_, n)| n.name()).collect();
    names.sort_unstable();
    names.dedup();
    let colours = Colours { names };
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let settings = shown.settings();
    let title =
        format!("{} nodes, {} points, {} by {}", members.len(), new.len(), settings.kind, settings.hash);
    svg.text((CENTRE.0, 24.0), title).attribute("text-anchor", "middle");
    draw_arcs(&mut svg, new, members, &colours);
    draw_points(&mut svg, new);
    if after.is_some() {
        draw_moved(&mut svg, (old, before.members()), (new, members), &colours);
    }
    let shares = arc_shares(new, members);
    draw_histogram(&mut svg, &shares, members, &colours);
    draw_lorenz(&mut svg, &shares);
    Ok(svg.finish())
}

/// The same in a page that opens without a network and names the arc under the pointer.
///
/// # Errors
/// As [`ring_svg`].
pub fn ring_html(before: &Placement, after: Option<&Placement>) -> Result<String, RingError> {
    let svg = ring_svg(before, after)?;
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Hash ring</title>\n\
         <style>body{{margin:2em auto;max-width:{WIDTH}px;font:15px sans-serif}}#under{{min-height:1.5em}}</style></head>\n\
         <body><h1>Hash ring</h1><p id=\"under\">Point at an arc.</p>\n{svg}\
         <script>\nconst under = document.getElementById('under');\n\
         for (const arc of document.querySelectorAll('.arc, .moved')) {{\n\
         \x20 arc.addEventListener('pointerenter', () => under.textContent = arc.querySelector('title').textContent);\n\
         }}\n</script></body></html>\n"
    ))
}

fn drawable(placement: &Placement) -> Result<&Ring, RingError> {
    let ring = placement.ring().ok_or(RingError::Operation { what: "be drawn as a ring" })?;
    if ring.is_empty() {
        return Err(RingError::EmptyRing);
    }
    if ring.len() > POINTS_MAX {
        return Err(RingError::TooManyPoints { points: ring.len() as u64, max: POINTS_MAX as u64 });
    }
    Ok(ring)
}

/// A colour per name, evenly around the hues in the order of the names.
struct Colours<'a> {
    names: Vec<&'a str>,
}

impl Colours<'_> {
    fn of(&self, name: &str) -> String {
        let place = self.names.binary_search(&name).unwrap_or(0);
        let hue = place * 360 / self.names.len().max(1);
        let light = if place.is_multiple_of(2) { 48 } else { 64 };
        format!("hsl({hue},65%,{light}%)")
    }
}

fn draw_arcs(svg: &mut Svg, ring: &Ring, members: &Members, colours: &Colours<'_>) {
    svg.group().class("ring");
    for (arc, owner) in arcs(ring) {
        let name = members.name(owner);
        svg.path(&sector(arc, RING_INNER, RING_OUTER))
            .class("arc")
            .attribute("data-after", arc.after)
            .attribute("data-upto", arc.upto)
            .attribute("data-node", name)
            .fill(&colours.of(name))
            .title(format_args!("{name} owns {:.2} %", percent(arc.len())));
    }
    svg.end_group();
}

fn draw_points(svg: &mut Svg, ring: &Ring) {
    let mut ticks = Path::new();
    for (position, _) in ring.points() {
        ticks.move_to(place(position, RING_OUTER)).line_to(place(position, RING_OUTER + 6.0));
    }
    svg.path(&ticks).class("points").stroke("black", 0.6);
}

/// The moved arcs inside the ring: a band in the new owner's colour under a band in the old one's, which fades away and comes
/// back.
fn draw_moved(svg: &mut Svg, before: (&Ring, &Members), after: (&Ring, &Members), colours: &Colours<'_>) {
    let moved = moved_arcs(before, after);
    svg.group().class("change");
    for range in &moved {
        let (from, to) = (before.1.name(range.from), after.1.name(range.to));
        let shape = sector(range.arc, MOVED_INNER, MOVED_OUTER);
        svg.path(&shape)
            .class("moved")
            .attribute("data-after", range.arc.after)
            .attribute("data-upto", range.arc.upto)
            .attribute("data-from", from)
            .attribute("data-to", to)
            .fill(&colours.of(to))
            .title(format_args!("{from} gives {to} {:.2} %", percent(range.arc.len())));
        let leaving = svg.path(&shape).class("leaving").fill(&colours.of(from));
        leaving.attribute("pointer-events", "none").animate("opacity", &[1.0, 1.0, 0.0, 0.0, 1.0], 4.0);
    }
    svg.end_group();
    let share = percent(moved.iter().map(|m| m.arc.len()).sum());
    let text = format!("{} arcs move, {share:.2} %", moved.len());
    svg.text((CENTRE.0, CENTRE.1 + 5.0), text).attribute("text-anchor", "middle");
}

fn draw_histogram(svg: &mut Svg, shares: &[(NodeId, u128)], members: &Members, colours: &Colours<'_>) {
    svg.text((PANEL, 44.0), "share of the circle (line: fair share)");
    let total_weight = members.total_weight().max(f64::MIN_POSITIVE);
    let most = percent(shares.iter().map(|s| s.1).max().unwrap_or(1).max(1));
    let height = (260.0 / shares.len().max(1) as f64).min(22.0);
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
            let label = format_args!("{name} {owned:.1} %");
            svg.text((PANEL + BAR_WIDTH + 26.0, y + height * 0.7), label).number("font-size", 11.0);
        }
    }
    svg.end_group();
}

/// Cumulative share of the circle over the nodes from the smallest; the diagonal is perfect balance.
fn draw_lorenz(svg: &mut Svg, shares: &[(NodeId, u128)]) {
    let mut sorted: Vec<u128> = shares.iter().map(|s| s.1).collect();
    sorted.sort_unstable();
    let (bottom, side) = (560.0, 200.0);
    svg.text((PANEL, 350.0), "Lorenz curve (diagonal: perfect balance)");
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
    svg.path(&curve).class("lorenz").fill("none").stroke("#c33", 2.0);
}

fn percent(positions: u128) -> f64 {
    positions as f64 / CIRCLE as f64 * 100.0
}

/// Where a position lies at this radius; position 0 is at the top, clockwise.
fn place(position: u64, radius: f64) -> Point {
    let angle = position as f64 / CIRCLE as f64 * TAU;
    (CENTRE.0 + radius * libm::sin(angle), CENTRE.1 - radius * libm::cos(angle))
}

/// A band over an arc, in two halves: an arc of SVG spans less than half of a circle.
fn sector(arc: Arc, inner: f64, outer: f64) -> Path {
    let middle = arc.after.wrapping_add((arc.len() / 2) as u64);
    let mut band = Path::new();
    band.move_to(place(arc.after, outer))
        .arc_to(outer, true, place(middle, outer))
        .arc_to(outer, true, place(arc.upto, outer))
        .line_to(place(arc.upto, inner))
        .arc_to(inner, false, place(middle, inner))
        .arc_to(inner, false, place(arc.after, inner))
        .close();
    band
}

/// Most points of a picture: beyond, arcs are thinner than a hair and the file only grows.
pub const POINTS_MAX: usize = 20_000;
const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;
const CENTRE: Point = (300.0, 310.0);
const RING_INNER: f64 = 210.0;
const RING_OUTER: f64 = 260.0;
const MOVED_INNER: f64 = 165.0;
const MOVED_OUTER: f64 = 203.0;
const PANEL: f64 = 610.0;
const BAR_WIDTH: f64 = 190.0;
