//! A circle: arcs in their owners' colours, what a change moved in a band inside, the arrow of one key.

use alloc::format;
use alloc::vec::Vec;
use core::f64::consts::TAU;

use dolmen_text::svg::{Path, Point, Svg};

use super::palette::{Colours, short};
use super::{CENTRE, percent};
use crate::analysis::{Arc, CIRCLE, arcs, moved_arcs};
use crate::members::Members;
use crate::ring::Ring;

const RING_INNER: f64 = 210.0;
const RING_OUTER: f64 = 260.0;
const MOVED_INNER: f64 = 165.0;
const MOVED_OUTER: f64 = 203.0;
/// Least share of the circle that an arc needs for its owner's name.
const LABEL_MIN: f64 = 2.5;

/// The arcs of a ring, those that follow one another under one owner in one piece.
pub(super) fn draw_arcs(svg: &mut Svg, ring: &Ring, members: &Members, colours: &Colours<'_>) {
    let pieces = joined(ring);
    svg.group().class("ring");
    for &(arc, name) in &pieces.iter().map(|(arc, owner)| (*arc, members.name(*owner))).collect::<Vec<_>>() {
        svg.path(&sector(arc, RING_INNER, RING_OUTER))
            .class("arc")
            .attribute("data-after", arc.after)
            .attribute("data-upto", arc.upto)
            .attribute("data-node", name)
            .fill(&colours.of(name))
            .title(format_args!("{name} owns {:.2} %", percent(arc.len())));
    }
    let mut ticks = Path::new();
    for (position, _) in ring.points() {
        ticks.move_to(place(position, RING_OUTER)).line_to(place(position, RING_OUTER + 6.0));
    }
    svg.path(&ticks).class("points").stroke("black", 0.6);
    for (arc, owner) in pieces.iter().filter(|(arc, _)| percent(arc.len()) >= LABEL_MIN) {
        let name = members.name(*owner);
        let (x, y) = place(middle(*arc), (RING_INNER + RING_OUTER) / 2.0);
        svg.text((x, y + 4.0), short(name, 8))
            .class("label")
            .number("font-size", 12.0)
            .fill(colours.ink_on(name))
            .attribute("text-anchor", "middle")
            .attribute("pointer-events", "none");
    }
    svg.end_group();
}

/// Arcs of one owner that touch, as one.
fn joined(ring: &Ring) -> Vec<(Arc, crate::members::NodeId)> {
    let mut pieces: Vec<(Arc, crate::members::NodeId)> = Vec::new();
    for (arc, owner) in arcs(ring) {
        match pieces.last_mut() {
            Some((last, held)) if *held == owner && last.upto == arc.after => last.upto = arc.upto,
            _ => pieces.push((arc, owner)),
        }
    }
    // The first arc begins behind the last point; a circle of one owner stays one arc.
    if pieces.len() > 1
        && let (Some(&(first, owner)), Some(&(last, held))) = (pieces.first(), pieces.last())
        && owner == held
        && last.upto == first.after
    {
        pieces[0].0.after = last.after;
        pieces.pop();
    }
    pieces
}

/// The moved arcs inside the ring: a band in the new owner's colour under a band in the old one's, which fades away and comes
/// back.
pub(super) fn draw_moved(
    svg: &mut Svg,
    before: (&Ring, &Members),
    after: (&Ring, &Members),
    colours: &Colours<'_>,
) {
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
    let lines = [
        format!("{} arcs move, {share:.2} %", moved.len()),
        "inner band: arcs that move, from the".into(),
        "old owner's colour to the new one's".into(),
    ];
    for (i, line) in lines.iter().enumerate() {
        let at = (CENTRE.0, CENTRE.1 - 10.0 + 18.0 * i as f64);
        let text = svg.text(at, line).attribute("text-anchor", "middle");
        text.number("font-size", if i == 0 { 14.0 } else { 11.0 });
    }
}

/// A key's place, and the point that it belongs to.
pub(super) fn draw_key(svg: &mut Svg, ring: &Ring, position: u64, key: &str) {
    let (point, _) = ring.point(ring.successor(position));
    let at = place(position, RING_OUTER + 18.0);
    svg.group().class("key");
    svg.line(place(position, RING_INNER - 8.0), at).stroke("black", 1.5);
    svg.circle(at, 5.0).fill("black").title(format_args!("{key} stands here"));
    // Clockwise to the point.
    let mut walk = Path::new();
    let way = Arc { after: position, upto: point };
    walk.move_to(at);
    if point != position {
        walk.arc_to(RING_OUTER + 18.0, true, place(middle(way), RING_OUTER + 18.0));
        walk.arc_to(RING_OUTER + 18.0, true, place(point, RING_OUTER + 18.0));
    }
    walk.line_to(place(point, RING_OUTER));
    svg.path(&walk).class("walk").fill("none").stroke("black", 1.5);
    svg.end_group();
}

fn middle(arc: Arc) -> u64 {
    arc.after.wrapping_add((arc.len() / 2) as u64)
}

/// Where a position lies at this radius; position 0 is at the top, clockwise.
fn place(position: u64, radius: f64) -> Point {
    let angle = position as f64 / CIRCLE as f64 * TAU;
    (CENTRE.0 + radius * libm::sin(angle), CENTRE.1 - radius * libm::cos(angle))
}

/// A band over an arc, in two halves: an arc of SVG spans less than half of a circle.
fn sector(arc: Arc, inner: f64, outer: f64) -> Path {
    let middle = middle(arc);
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
