//! What an index looks like: its layers in numbers, and a walk, step by step, as text and as a picture.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::rng::Rng;
use dolmen_text::svg::{Path, Point, Svg};

use crate::error::Error;
use crate::metric::Vector;
use crate::pool::Scratch;
use crate::search::{Found, Request};
use crate::view::View;
use crate::walk::Step;

/// Nodes and links of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// The layer.
    pub layer: u8,
    /// Live nodes in it.
    pub nodes: u64,
    /// Links between them.
    pub links: u64,
    /// The fewest links of a node.
    pub least: u64,
    /// The most links of a node.
    pub most: u64,
}

/// A walk that was watched.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Its steps.
    pub steps: Vec<Step>,
    /// What it found.
    pub found: Vec<Found>,
    /// What it did.
    pub stats: crate::pool::Stats,
}

const SIZE: Point = (900.0, 300.0);
const MARGIN: f64 = 40.0;
/// Nodes that a picture shows in a layer beside those of the walk.
const BACKGROUND: usize = 250;

impl View<'_> {
    /// The layers, from 0.
    ///
    /// # Errors
    /// [`Error::Checksum`] in a damaged file.
    pub fn layers(&self) -> Result<Vec<Layer>, Error> {
        let mut layers: Vec<Layer> = Vec::new();
        for slot in (0..self.slots() as u32).filter(|slot| self.is_live(*slot)) {
            for layer in 0..=self.level_of(slot) {
                let at = usize::from(layer);
                while layers.len() <= at {
                    layers.push(Layer { layer: layers.len() as u8, least: u64::MAX, ..Layer::default() });
                }
                let count = self.links(slot, layer)?.count() as u64;
                let one = &mut layers[at];
                one.nodes += 1;
                one.links += count;
                (one.least, one.most) = (one.least.min(count), one.most.max(count));
            }
        }
        Ok(layers)
    }

    /// Searches and keeps every step.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn watch(&self, vector: Vector<'_>, k: usize, ef: usize) -> Result<Walk, Error> {
        let mut scratch = Scratch::new();
        scratch.trace = Some(Vec::new());
        let mut found = Vec::new();
        self.search(vector, &Request::new(k, ef), &mut scratch, &mut found)?;
        Ok(Walk { steps: scratch.trace.unwrap_or_default(), found, stats: scratch.stats })
    }

    /// The steps as text, one a line.
    pub fn walk_text(&self, walk: &Walk) -> String {
        let mut text = String::new();
        let mut nearest = f32::INFINITY;
        for (at, step) in walk.steps.iter().enumerate() {
            let mark = if step.distance < nearest { '*' } else { ' ' };
            nearest = nearest.min(step.distance);
            let label = self.label(step.slot).unwrap_or(0);
            text.push_str(&format!(
                "step {at:>4}  layer {}  id {label:>8}  distance {:>12.6} {mark}  {} new neighbours\n",
                step.layer, step.distance, step.fresh
            ));
        }
        for (at, found) in walk.found.iter().enumerate() {
            text.push_str(&format!(
                "found {:>3}  id {:>8}  distance {:>12.6}\n",
                at + 1,
                found.label,
                found.distance
            ));
        }
        text
    }

    /// The layers as planes above each other, the walk going down through them. Places are a random projection of the vectors.
    ///
    /// # Errors
    /// [`Error::Checksum`] in a damaged file.
    pub fn walk_svg(&self, walk: &Walk) -> Result<String, Error> {
        let layers = usize::from(self.meta().top) + 1;
        let mut svg =
            Svg::new((SIZE.0 + 2.0 * MARGIN) as u32, ((SIZE.1 + MARGIN) * layers as f64 + MARGIN) as u32);
        let places = self.places(walk)?;
        let origin = |layer: usize| MARGIN + (layers - 1 - layer) as f64 * (SIZE.1 + MARGIN);
        for layer in 0..layers {
            let top = origin(layer);
            svg.rect((MARGIN, top), SIZE).fill("#f7f7f4").stroke("#cccccc", 1.0);
            svg.text((MARGIN + 8.0, top + 18.0), format!("layer {layer}")).fill("#555555");
            for (slot, place) in places.iter().filter(|(slot, _)| usize::from(self.level_of(**slot)) >= layer)
            {
                let title = format!("id {}", self.label(*slot).unwrap_or(0));
                svg.circle((place.0, top + place.1), 2.0).fill("#bbbbbb").title(title);
            }
        }
        let mut path = Path::new();
        for (at, step) in walk.steps.iter().enumerate() {
            let Some(place) = places.get(&step.slot) else { continue };
            let point = (place.0, origin(usize::from(step.layer)) + place.1);
            if at == 0 {
                path.move_to(point)
            } else {
                path.line_to(point)
            };
        }
        svg.path(&path).fill("none").stroke("#3465a4", 1.2);
        for (at, step) in walk.steps.iter().enumerate() {
            let Some(place) = places.get(&step.slot) else { continue };
            let point = (place.0, origin(usize::from(step.layer)) + place.1);
            let title =
                format!("step {at}: id {}, distance {}", self.label(step.slot).unwrap_or(0), step.distance);
            svg.circle(point, 3.5).fill("#3465a4").title(title);
        }
        for found in &walk.found {
            let slot =
                walk.steps.iter().map(|step| step.slot).find(|slot| self.label(*slot) == Some(found.label));
            if let Some(place) = slot.and_then(|slot| places.get(&slot)) {
                svg.circle((place.0, origin(0) + place.1), 5.0).fill("none").stroke("#cc0000", 1.5);
            }
        }
        Ok(svg.finish())
    }

    /// Where nodes stand in a plane: those of the walk, and some others.
    fn places(&self, walk: &Walk) -> Result<BTreeMap<u32, Point>, Error> {
        let mut slots: Vec<u32> = walk.steps.iter().map(|step| step.slot).collect();
        let step = self.slots().div_ceil(BACKGROUND).max(1);
        slots.extend((0..self.slots() as u32).step_by(step).filter(|slot| self.is_live(*slot)));
        let high = (0..self.slots() as u32).filter(|slot| self.is_live(*slot) && self.level_of(*slot) > 0);
        slots.extend(high.step_by(step.div_ceil(16)).take(BACKGROUND));
        slots.sort_unstable();
        slots.dedup();
        let mut rng = Rng::new(7);
        let dim = self.options().dim;
        let axes: Vec<(f64, f64)> = (0..dim).map(|_| (rng.unit_f64() - 0.5, rng.unit_f64() - 0.5)).collect();
        let mut places = BTreeMap::new();
        for slot in slots {
            let vector = self.vector(slot)?;
            let place = vector.iter().zip(&axes).fold((0.0, 0.0), |sum: Point, (value, axis)| {
                (sum.0 + f64::from(*value) * axis.0, sum.1 + f64::from(*value) * axis.1)
            });
            places.insert(slot, place);
        }
        let bounds = |of: fn(&Point) -> f64| {
            places.values().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (x, y) = (bounds(|place| place.0), bounds(|place| place.1));
        let scale = |value: f64, (low, high): (f64, f64), size: f64| {
            let wide = (high - low).max(f64::MIN_POSITIVE);
            10.0 + (value - low) / wide * (size - 20.0)
        };
        for place in places.values_mut() {
            *place = (MARGIN + scale(place.0, x, SIZE.0), scale(place.1, y, SIZE.1));
        }
        Ok(places)
    }
}
