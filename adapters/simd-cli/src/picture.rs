//! The speed-ups as a picture: a panel for each length, a group for each kernel, a bar for each level, on a logarithmic scale.

use std::fmt::Write as _;

use crate::bench::Figure;

/// An SVG of the aligned figures; where the scalar level is not among them, of GFLOP/s.
pub fn draw(figures: &[Figure]) -> String {
    let aligned: Vec<&Figure> = figures.iter().filter(|figure| figure.aligned).collect();
    let (lens, kernels, levels) =
        (distinct(&aligned, |f| f.len), distinct(&aligned, |f| f.kernel), distinct(&aligned, |f| f.level));
    let by_speedup = aligned.iter().all(|figure| figure.speedup.is_some());
    let value = |figure: &Figure| if by_speedup { figure.speedup.unwrap_or(1.0) } else { figure.gflops };
    let top = aligned.iter().map(|figure| value(figure)).fold(2.0, f64::max);
    let scale = Scale { top: 10f64.powf(top.log10().ceil()) };
    let group = (levels.len() as f64 * BAR + GAP).max(GROUP_MIN);
    let width = LEFT + kernels.len() as f64 * group + RIGHT;
    let height = HEAD + lens.len() as f64 * PANEL + FOOT;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2733">
<rect width="100%" height="100%" rx="8" fill="#fbfbf9"/>
<text x="{LEFT}" y="28" font-size="17" font-weight="600">{}</text>"##,
        if by_speedup { "Times as fast as one element after another" } else { "GFLOP/s" }
    );
    legend(&mut svg, &levels);
    for (panel, &len) in lens.iter().enumerate() {
        let base = HEAD + panel as f64 * PANEL + PANEL - LABELS;
        grid(&mut svg, &scale, base, width);
        let _ = writeln!(
            svg,
            r##"<text x="{LEFT}" y="{:.1}" font-weight="600" fill="#5a6472">{} elements</text>"##,
            base - PLOT - 6.0,
            show(len)
        );
        for (at, &kernel) in kernels.iter().enumerate() {
            let x = LEFT + at as f64 * group;
            let bars = aligned.iter().filter(|figure| figure.len == len && figure.kernel == kernel);
            for (nth, figure) in bars.enumerate() {
                bar(&mut svg, &scale, figure, value(figure), x + GAP / 2.0 + nth as f64 * BAR, base);
            }
            let _ = writeln!(
                svg,
                r##"<text x="{:.1}" y="{:.1}" text-anchor="middle">{kernel}</text>"##,
                x + group / 2.0,
                base + 16.0
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Logarithmic, from 0.5 up.
struct Scale {
    top: f64,
}

impl Scale {
    fn height(&self, value: f64) -> f64 {
        (PLOT * (value / BOTTOM).ln() / (self.top / BOTTOM).ln()).clamp(1.0, PLOT)
    }
}

fn grid(svg: &mut String, scale: &Scale, base: f64, width: f64) {
    let mut line = 1.0;
    while line <= scale.top {
        let y = base - scale.height(line);
        let colour = if line == 1.0 { "#9aa3ad" } else { "#e3e4e0" };
        let _ = writeln!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{:.1}" stroke="{colour}"/><text x="{:.1}" y="{:.1}" text-anchor="end" fill="#7b8592" font-size="11">{line}</text>"##,
            width - RIGHT,
            LEFT - 8.0,
            y + 4.0
        );
        // 1, 2, 5, 10, 20, …
        let digit = line / 10f64.powf(line.log10().floor());
        line *= if (1.5..3.0).contains(&digit) { 2.5 } else { 2.0 };
    }
}

fn bar(svg: &mut String, scale: &Scale, figure: &Figure, value: f64, x: f64, base: f64) {
    let height = scale.height(value);
    let label = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    let (width, middle, y) = (BAR - 3.0, x + (BAR - 3.0) / 2.0, base - height);
    let _ = writeln!(
        svg,
        r##"<rect x="{x:.1}" y="{y:.1}" width="{width}" height="{height:.1}" rx="2" fill="{}"><title>{} {}, {} elements: {:.1} ns, {:.2} GFLOP/s, {:.1} GB/s</title></rect>
<text x="{middle:.1}" y="{:.1}" text-anchor="middle" font-size="9" fill="#5a6472">{label}</text>"##,
        colour(figure.level),
        figure.kernel,
        figure.level,
        figure.len,
        figure.ns,
        figure.gflops,
        figure.gb_per_s,
        y - 3.0
    );
}

fn legend(svg: &mut String, levels: &[&'static str]) {
    for (at, level) in levels.iter().enumerate() {
        let x = LEFT + at as f64 * 84.0;
        let _ = writeln!(
            svg,
            r##"<rect x="{x:.1}" y="42" width="12" height="12" rx="2" fill="{}"/><text x="{:.1}" y="52">{level}</text>"##,
            colour(level),
            x + 18.0
        );
    }
}

/// From grey to blue, as registers widen.
fn colour(level: &str) -> &'static str {
    match level {
        "scalar" => "#b9bfc7",
        "sse4" => "#7fb7a6",
        "avx2" => "#3d8fb3",
        "avx512" => "#2f4b8f",
        _ => "#c1663f",
    }
}

fn show(len: usize) -> String {
    match len {
        len if len.is_multiple_of(1 << 20) => format!("{} Mi", len >> 20),
        len if len.is_multiple_of(1 << 10) => format!("{} Ki", len >> 10),
        len => len.to_string(),
    }
}

/// In the order of their first appearance.
fn distinct<T: PartialEq>(figures: &[&Figure], of: impl Fn(&Figure) -> T) -> Vec<T> {
    let mut found = Vec::new();
    for figure in figures {
        let one = of(figure);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

const LEFT: f64 = 52.0;
const RIGHT: f64 = 24.0;
const HEAD: f64 = 68.0;
const FOOT: f64 = 12.0;
const PANEL: f64 = 232.0;
const PLOT: f64 = 170.0;
const LABELS: f64 = 28.0;
const BAR: f64 = 26.0;
const GAP: f64 = 22.0;
const GROUP_MIN: f64 = 84.0;
const BOTTOM: f64 = 0.5;
