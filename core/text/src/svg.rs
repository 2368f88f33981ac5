//! SVG, as far as charts and rings need it: shapes, text, groups, titles and animations, as SVG 1.1 names them.
//!
//! The same calls give the same bytes on every machine: a length has at most two decimals, a point and never a comma, and no sign
//! on zero; what is no finite number is written as 0. Text and attributes are escaped, and characters that XML cannot carry become
//! U+FFFD, so that no name from outside can break out of a picture.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// A place or a size, in the units of the picture; y grows downwards.
pub type Point = (f64, f64);

/// A picture that grows.
#[derive(Debug)]
pub struct Svg {
    text: String,
    open_groups: usize,
}

impl Svg {
    /// Of this size, with white behind it.
    pub fn new(width: u32, height: u32) -> Self {
        let mut svg = Svg { text: String::new(), open_groups: 0 };
        svg.print(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n"
        ));
        svg.rect((0.0, 0.0), (f64::from(width), f64::from(height))).fill("white");
        svg
    }

    /// A rectangle from its upper left corner.
    pub fn rect(&mut self, corner: Point, size: Point) -> Element<'_> {
        let element = self.begin("rect").number("x", corner.0).number("y", corner.1);
        element.number("width", size.0).number("height", size.1)
    }

    /// A circle.
    pub fn circle(&mut self, centre: Point, radius: f64) -> Element<'_> {
        self.begin("circle").number("cx", centre.0).number("cy", centre.1).number("r", radius)
    }

    /// A straight line; it has no colour until it is given a stroke.
    pub fn line(&mut self, from: Point, to: Point) -> Element<'_> {
        let element = self.begin("line").number("x1", from.0).number("y1", from.1);
        element.number("x2", to.0).number("y2", to.1)
    }

    /// A path.
    pub fn path(&mut self, path: &Path) -> Element<'_> {
        self.begin("path").attribute("d", path)
    }

    /// One line of text whose base line begins here.
    pub fn text(&mut self, at: Point, text: impl fmt::Display) -> Element<'_> {
        let mut element = self.begin("text").number("x", at.0).number("y", at.1);
        element.end = End::Text(escaped(text));
        element
    }

    /// A group, open until [`Svg::end_group`]: what follows stands in it and inherits its attributes.
    pub fn group(&mut self) -> Element<'_> {
        self.open_groups += 1;
        let mut element = self.begin("g");
        element.end = End::Group;
        element
    }

    /// Closes the innermost group, if one is open.
    pub fn end_group(&mut self) {
        if self.open_groups > 0 {
            self.open_groups -= 1;
            self.text.push_str("</g>\n");
        }
    }

    /// The picture, with all groups closed.
    pub fn finish(mut self) -> String {
        while self.open_groups > 0 {
            self.end_group();
        }
        self.text.push_str("</svg>\n");
        self.text
    }

    fn begin(&mut self, name: &'static str) -> Element<'_> {
        self.print(format_args!("<{name}"));
        Element { svg: self, name, end: End::Shape, children: Vec::new() }
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("appending to a string cannot fail");
    }
}

/// A shape, text or group whose attributes may still be given; it is complete when dropped.
#[derive(Debug)]
pub struct Element<'a> {
    svg: &'a mut Svg,
    name: &'static str,
    end: End,
    /// Elements inside, each already written out.
    children: Vec<String>,
}

#[derive(Debug)]
enum End {
    Shape,
    Text(String),
    Group,
}

impl Element<'_> {
    /// Any attribute; `name` is the program's own, the value may come from outside.
    pub fn attribute(self, name: &'static str, value: impl fmt::Display) -> Self {
        let value = escaped(value);
        self.svg.print(format_args!(" {name}=\"{value}\""));
        self
    }

    /// An attribute that is a length or a coordinate.
    pub fn number(self, name: &'static str, value: f64) -> Self {
        self.attribute(name, Number(value))
    }

    /// Its class, for styles and programs.
    pub fn class(self, class: &str) -> Self {
        self.attribute("class", class)
    }

    /// The colour inside.
    pub fn fill(self, colour: &str) -> Self {
        self.attribute("fill", colour)
    }

    /// The colour and width of its outline.
    pub fn stroke(self, colour: &str, width: f64) -> Self {
        self.attribute("stroke", colour).number("stroke-width", width)
    }

    /// What a reader sees who points at it.
    pub fn title(mut self, title: impl fmt::Display) -> Self {
        self.children.push(format!("<title>{}</title>", escaped(title)));
        self
    }

    /// An attribute that runs through `values` in so many seconds, again and again.
    pub fn animate(mut self, name: &'static str, values: &[f64], seconds: f64) -> Self {
        self.children.push(Animation { name, values, seconds }.to_string());
        self
    }
}

impl Drop for Element<'_> {
    fn drop(&mut self) {
        let text = &mut self.svg.text;
        if matches!(self.end, End::Shape) && self.children.is_empty() {
            text.push_str("/>\n");
            return;
        }
        text.push('>');
        // Before a text's characters: a title counts only there.
        self.children.iter().for_each(|child| text.push_str(child));
        match &self.end {
            End::Group => text.push('\n'),
            End::Shape => self.svg.print(format_args!("</{}>\n", self.name)),
            End::Text(line) => self.svg.print(format_args!("{line}</{}>\n", self.name)),
        }
    }
}

/// The outline of a shape, stroke by stroke.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins anew at a point.
    pub fn move_to(&mut self, to: Point) -> &mut Self {
        self.print(format_args!("M{} {}", Number(to.0), Number(to.1)))
    }

    /// A straight stroke.
    pub fn line_to(&mut self, to: Point) -> &mut Self {
        self.print(format_args!("L{} {}", Number(to.0), Number(to.1)))
    }

    /// Along a circle of this radius, clockwise or not, over less than half of it. (An arc of SVG cannot end where it starts: a whole
    /// circle is two arcs.)
    pub fn arc_to(&mut self, radius: f64, clockwise: bool, to: Point) -> &mut Self {
        let (r, sweep) = (Number(radius), u8::from(clockwise));
        self.print(format_args!("A{r} {r} 0 0 {sweep} {} {}", Number(to.0), Number(to.1)))
    }

    /// Straight back to where it began.
    pub fn close(&mut self) -> &mut Self {
        self.print(format_args!("Z"))
    }

    fn print(&mut self, text: fmt::Arguments<'_>) -> &mut Self {
        self.0.write_fmt(text).expect("appending to a string cannot fail");
        self
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Animation<'a> {
    name: &'static str,
    values: &'a [f64],
    seconds: f64,
}

impl fmt::Display for Animation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<animate attributeName=\"{}\" values=\"", self.name)?;
        for (i, value) in self.values.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ";" }, Number(*value))?;
        }
        write!(f, "\" dur=\"{}s\" repeatCount=\"indefinite\"/>", Number(self.seconds))
    }
}

/// At most two decimals, none that are zero at the end.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Longer than any picture; beyond, digits would only pile up.
        const MAGNITUDE_MAX: f64 = 1e9;
        let value = if self.0.is_finite() { self.0.clamp(-MAGNITUDE_MAX, MAGNITUDE_MAX) } else { 0.0 };
        let text = format!("{value:.2}");
        let short = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if short == "-0" { "0" } else { short })
    }
}

/// For text and for attributes in double quotes.
fn escaped(value: impl fmt::Display) -> String {
    let mut out = Escaping(String::new());
    write!(out, "{value}").expect("appending to a string cannot fail");
    out.0
}

struct Escaping(String);

impl Write for Escaping {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                    self.0.push(char::REPLACEMENT_CHARACTER);
                }
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_every_primitive() {
        let mut svg = Svg::new(100, 50);
        svg.group().class("ring").stroke("black", 0.5);
        let mut sector = Path::new();
        sector.move_to((10.0, 0.0)).arc_to(10.0, true, (0.0, 10.0)).line_to((0.0, 5.125)).close();
        svg.path(&sector).fill("red").title("a & b").animate("opacity", &[1.0, 0.25, 1.0], 4.0);
        svg.circle((1.0, 2.0), 3.0);
        svg.end_group();
        svg.line((0.0, 0.0), (-0.001, 99.999)).attribute("data-node", "<\"x\">");
        svg.text((5.0, 6.0), format_args!("{} < {}", 1, 2)).title("why");
        svg.group();
        let wanted = "\
<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 50\" width=\"100\" height=\"50\" font-family=\"sans-serif\" font-size=\"13\">
<rect x=\"0\" y=\"0\" width=\"100\" height=\"50\" fill=\"white\"/>
<g class=\"ring\" stroke=\"black\" stroke-width=\"0.5\">
<path d=\"M10 0A10 10 0 0 1 0 10L0 5.12Z\" fill=\"red\"><title>a &amp; b</title>\
<animate attributeName=\"opacity\" values=\"1;0.25;1\" dur=\"4s\" repeatCount=\"indefinite\"/></path>
<circle cx=\"1\" cy=\"2\" r=\"3\"/>
</g>
<line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"100\" data-node=\"&lt;&quot;x&quot;&gt;\"/>
<text x=\"5\" y=\"6\"><title>why</title>1 &lt; 2</text>
<g>
</g>
</svg>
";
        assert_eq!(svg.finish(), wanted);
    }

    #[test]
    fn numbers_are_short_and_finite() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.004, "0"),
            (100.0, "100"),
            (1.5, "1.5"),
            (-2.345_6, "-2.35"),
            (f64::NAN, "0"),
            (f64::NEG_INFINITY, "0"),
            (1e300, "1000000000"),
        ];
        for (value, wanted) in cases {
            assert_eq!(Number(value).to_string(), wanted);
        }
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        assert_eq!(escaped("a\0\x1b\u{ffff}\t\n<'>"), "a\u{fffd}\u{fffd}\u{fffd}\t\n&lt;'&gt;");
    }
}
