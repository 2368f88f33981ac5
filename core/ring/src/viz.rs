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
use core::fmt::Write;

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
    let mut svg = String::new();
    head(&mut svg, shown, new.len());
    draw_arcs(&mut svg, new, members, &colours);
    draw_ticks(&mut svg, new);
    if after.is_some() {
        draw_moved(&mut svg, (old, before.members()), (new, members), &colours);
    }
    let shares = arc_shares(new, members);
    draw_histogram(&mut svg, &shares, members, &colours);
    draw_lorenz(&mut svg, &shares);
    svg.push_str("</svg>\n");
    Ok(svg)
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

fn head(svg: &mut String, placement: &Placement, points: usize) {
    let settings = placement.settings();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{CENTRE}\" y=\"24\" text-anchor=\"middle\">{} nodes, {points} points, {} by {}</text>\n",
        placement.members().len(),
        settings.kind,
        settings.hash,
    );
}

fn draw_arcs(svg: &mut String, ring: &Ring, members: &Members, colours: &Colours<'_>) {
    for (arc, owner) in arcs(ring) {
        let name = members.name(owner);
        let _ = writeln!(
            svg,
            "<path class=\"arc\" data-after=\"{}\" data-upto=\"{}\" data-node=\"{}\" d=\"{}\" fill=\"{}\">\
             <title>{} owns {:.2} %</title></path>",
            arc.after,
            arc.upto,
            escape(name),
            sector(arc, RING_INNER, RING_OUTER),
            colours.of(name),
            escape(name),
            arc.len() as f64 / CIRCLE as f64 * 100.0,
        );
    }
}

fn draw_ticks(svg: &mut String, ring: &Ring) {
    svg.push_str("<path class=\"points\" stroke=\"black\" stroke-width=\"0.6\" d=\"");
    for (position, _) in ring.points() {
        let ((x, y), (u, v)) = (point(position, RING_OUTER), point(position, RING_OUTER + 6.0));
        let _ = write!(svg, "M{x:.2} {y:.2}L{u:.2} {v:.2}");
    }
    svg.push_str("\"/>\n");
}

/// The moved arcs inside the ring: a band in the new owner's colour under a band in the old one's, which fades away and comes
/// back.
fn draw_moved(svg: &mut String, before: (&Ring, &Members), after: (&Ring, &Members), colours: &Colours<'_>) {
    let moved = moved_arcs(before, after);
    let mut sum = 0;
    for range in &moved {
        let (from, to) = (before.1.name(range.from), after.1.name(range.to));
        sum += range.arc.len();
        let shape = sector(range.arc, MOVED_INNER, MOVED_OUTER);
        let _ = writeln!(
            svg,
            "<path class=\"moved\" data-after=\"{}\" data-upto=\"{}\" data-from=\"{from}\" data-to=\"{to}\" d=\"{shape}\" \
             fill=\"{new}\"><title>{from} gives {to} {:.2} %</title></path>\n\
             <path class=\"leaving\" d=\"{shape}\" fill=\"{old}\"><animate attributeName=\"opacity\" values=\"1;1;0;0;1\" \
             dur=\"4s\" repeatCount=\"indefinite\"/></path>",
            range.arc.after,
            range.arc.upto,
            range.arc.len() as f64 / CIRCLE as f64 * 100.0,
            from = escape(from),
            to = escape(to),
            new = colours.of(to),
            old = colours.of(from),
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{CENTRE}\" y=\"{}\" text-anchor=\"middle\">{} arcs move, {:.2} %</text>",
        CENTRE_Y + 5,
        moved.len(),
        sum as f64 / CIRCLE as f64 * 100.0
    );
}

fn draw_histogram(svg: &mut String, shares: &[(NodeId, u128)], members: &Members, colours: &Colours<'_>) {
    let total_weight = members.total_weight().max(f64::MIN_POSITIVE);
    let _ = writeln!(svg, "<text x=\"{PANEL}\" y=\"44\">share of the circle (line: fair share)</text>");
    let most = shares.iter().map(|s| s.1).max().unwrap_or(1).max(1) as f64;
    let height = (260.0 / shares.len().max(1) as f64).min(22.0);
    for (row, &(id, share)) in shares.iter().enumerate() {
        let name = members.name(id);
        let y = 54.0 + row as f64 * height;
        let part = share as f64 / CIRCLE as f64;
        let fair = members.get(id).map_or(0.0, |n| n.weight().get()) / total_weight;
        let scale = BAR_WIDTH * CIRCLE as f64 / most;
        let fair_x = f64::from(PANEL) + (fair * scale).min(BAR_WIDTH + 20.0);
        let _ = writeln!(
            svg,
            "<rect class=\"share\" data-node=\"{name}\" x=\"{PANEL}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" \
             fill=\"{}\"><title>{name}: {:.2} %, fair {:.2} %</title></rect>\
             <path d=\"M{fair_x:.2} {y:.2}v{height:.2}\" stroke=\"black\"/>",
            part * scale,
            height * 0.85,
            colours.of(name),
            part * 100.0,
            fair * 100.0,
            name = escape(name),
        );
        if height >= 12.0 {
            let _ = writeln!(
                svg,
                "<text x=\"{:.2}\" y=\"{:.2}\" font-size=\"11\">{} {:.1} %</text>",
                f64::from(PANEL) + BAR_WIDTH + 26.0,
                y + height * 0.7,
                escape(name),
                part * 100.0
            );
        }
    }
}

/// Cumulative share of the circle over the nodes from the smallest; the diagonal is perfect balance.
fn draw_lorenz(svg: &mut String, shares: &[(NodeId, u128)]) {
    let mut sorted: Vec<u128> = shares.iter().map(|s| s.1).collect();
    sorted.sort_unstable();
    let (left, top, side) = (f64::from(PANEL), 360.0, 200.0);
    let _ = write!(
        svg,
        "<text x=\"{left}\" y=\"350\">Lorenz curve (diagonal: perfect balance)</text>\n\
         <path d=\"M{left} {0:.2}h{side}v-{side}z\" fill=\"#eee\"/>\n\
         <path class=\"lorenz\" fill=\"none\" stroke=\"#c33\" stroke-width=\"2\" d=\"M{left} {0:.2}",
        top + side
    );
    let mut sum = 0;
    for (i, share) in sorted.iter().enumerate() {
        sum += share;
        let x = left + side * (i + 1) as f64 / sorted.len() as f64;
        let _ = write!(svg, "L{x:.2} {:.2}", top + side - side * sum as f64 / CIRCLE as f64);
    }
    svg.push_str("\"/>\n");
}

/// Where a position lies at this radius; position 0 is at the top, clockwise.
fn point(position: u64, radius: f64) -> (f64, f64) {
    let angle = position as f64 / CIRCLE as f64 * TAU;
    (f64::from(CENTRE) + radius * libm::sin(angle), f64::from(CENTRE_Y) - radius * libm::cos(angle))
}

/// The path of a band over an arc. A full circle is two halves, since an SVG arc cannot end where it starts.
fn sector(arc: Arc, inner: f64, outer: f64) -> String {
    let half = (arc.len() / 2) as u64;
    let middle = arc.after.wrapping_add(half);
    let ends = [arc.after, middle, arc.upto];
    let [a, b, c] = ends.map(|p| point(p, outer));
    let [d, e, f] = ends.map(|p| point(p, inner));
    format!(
        "M{:.2} {:.2}A{outer} {outer} 0 0 1 {:.2} {:.2}A{outer} {outer} 0 0 1 {:.2} {:.2}L{:.2} {:.2}\
         A{inner} {inner} 0 0 0 {:.2} {:.2}A{inner} {inner} 0 0 0 {:.2} {:.2}Z",
        a.0, a.1, b.0, b.1, c.0, c.1, f.0, f.1, e.0, e.1, d.0, d.1
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Most points of a picture: beyond, arcs are thinner than a hair and the file only grows.
pub const POINTS_MAX: usize = 20_000;
const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;
const CENTRE: u32 = 300;
const CENTRE_Y: u32 = 310;
const RING_INNER: f64 = 210.0;
const RING_OUTER: f64 = 260.0;
const MOVED_INNER: f64 = 165.0;
const MOVED_OUTER: f64 = 203.0;
const PANEL: u32 = 610;
const BAR_WIDTH: f64 = 190.0;
