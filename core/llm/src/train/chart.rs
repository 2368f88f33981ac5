//! The losses of a training as a picture.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_text::svg::{Path, Svg};

use crate::train::checkpoint::Loss;

const SIZE: (f64, f64) = (720.0, 420.0);
const FRAME: [f64; 4] = [60.0, 40.0, 700.0, 380.0];

/// An SVG: the batch's loss, smoothed, and the validation's where it was looked at.
pub fn losses_svg(losses: &[Loss], title: &str) -> String {
    let mut svg = Svg::new(SIZE.0 as u32, SIZE.1 as u32);
    let [left, top, right, bottom] = FRAME;
    svg.text((left, 24.0), title);
    let smooth = smoothed(losses);
    let validations: Vec<(u64, f32)> = losses
        .iter()
        .filter(|loss| loss.validation.is_finite())
        .map(|loss| (loss.step, loss.validation))
        .collect();
    let all = smooth.iter().chain(&validations).map(|&(_, loss)| f64::from(loss)).filter(|x| x.is_finite());
    let (least, most) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let (Some(last), true) = (losses.last(), least.is_finite()) else {
        svg.text((left, top + 20.0), "no steps yet");
        return svg.finish();
    };
    let span = (most - least).max(1e-6);
    let place = |step: u64, loss: f32| {
        let x = left + (right - left) * step as f64 / last.step.max(1) as f64;
        (x, bottom - (bottom - top) * (f64::from(loss) - least) / span)
    };
    for part in 0..=4 {
        let loss = least + span * f64::from(part) / 4.0;
        let y = place(0, loss as f32).1;
        svg.line((left, y), (right, y)).stroke("#ddd", 1.0);
        svg.text((8.0, y + 4.0), format_args!("{loss:.3}"));
        let step = last.step * part as u64 / 4;
        svg.text((place(step, least as f32).0 - 12.0, bottom + 20.0), step);
    }
    for (points, colour, name) in
        [(&smooth, "#1f77b4", "training (smoothed)"), (&validations, "#d62728", "validation")]
    {
        let mut path = Path::new();
        for (nth, &(step, loss)) in points.iter().filter(|(_, loss)| loss.is_finite()).enumerate() {
            let at = place(step, loss);
            if nth == 0 {
                path.move_to(at)
            } else {
                path.line_to(at)
            };
        }
        svg.path(&path).fill("none").stroke(colour, 1.5).title(name);
    }
    for &(step, loss) in &validations {
        svg.circle(place(step, loss), 2.5).fill("#d62728").title(format_args!("step {step}: {loss:.4}"));
    }
    svg.text((right - 260.0, 24.0), "training (smoothed)").fill("#1f77b4");
    svg.text((right - 110.0, 24.0), format!("validation {}", shown(&validations))).fill("#d62728");
    svg.finish()
}

fn shown(validations: &[(u64, f32)]) -> String {
    validations.last().map(|(_, loss)| format!("{loss:.3}")).unwrap_or_default()
}

/// An exponential mean of the batch's losses, a few hundred points of it.
fn smoothed(losses: &[Loss]) -> Vec<(u64, f32)> {
    let every = losses.len().div_ceil(400).max(1);
    let mut mean = f32::NAN;
    let mut points = Vec::new();
    for (nth, loss) in losses.iter().enumerate() {
        mean = if mean.is_finite() { 0.95 * mean + 0.05 * loss.train } else { loss.train };
        if nth.is_multiple_of(every) || nth + 1 == losses.len() {
            points.push((loss.step, mean));
        }
    }
    points
}
