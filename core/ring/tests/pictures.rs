//! Pictures say what happened: the arcs that they highlight are exactly those that moved.

use dolmen_ring::viz::{ring_html, ring_svg};
use dolmen_ring::{Algorithm, Kind, Members, Node, Placement, RingError, Settings, naive};

fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let start = line.find(&format!(" {name}=\"")).expect("the attribute") + name.len() + 3;
    &line[start..start + line[start..].find('"').unwrap()]
}

fn change() -> (Placement, Placement) {
    let settings = Settings { vnodes: 8, ..Settings::new(Kind::Ring) };
    let before = Placement::new(Members::parse("a,b=2,c,d").unwrap(), settings).unwrap();
    let mut after = before.clone();
    after.add(Node::parse("e").unwrap()).unwrap();
    after.remove(after.members().find("b").unwrap()).unwrap();
    (before, after)
}

#[test]
fn highlighted_arcs_are_exactly_those_that_moved() {
    let (before, after) = change();
    let svg = ring_svg(&before, Some(&after)).unwrap();
    let ranges: Vec<(u64, u64, String, String)> = svg
        .lines()
        .filter(|l| l.contains(" class=\"moved\""))
        .map(|l| {
            let number = |name| attribute(l, name).parse().unwrap();
            (
                number("data-after"),
                number("data-upto"),
                attribute(l, "data-from").into(),
                attribute(l, "data-to").into(),
            )
        })
        .collect();
    assert!(ranges.len() > 5);
    let owner = |p: &Placement, key| {
        p.members()
            .name(naive::circle::ring_owner(p.members(), p.settings().hash, 8, key).unwrap())
            .to_string()
    };
    let edges = before.ring().unwrap().points().chain(after.ring().unwrap().points()).map(|(p, _)| p);
    for position in edges.flat_map(|p| [p.wrapping_sub(1), p, p.wrapping_add(1)]) {
        let (old, new) = (owner(&before, position), owner(&after, position));
        let inside: Vec<_> = ranges
            .iter()
            .filter(|r| position.wrapping_sub(r.0).wrapping_sub(1) < r.1.wrapping_sub(r.0))
            .collect();
        if old == new {
            assert!(inside.is_empty(), "{position} stays with {old}");
        } else {
            assert_eq!(inside.len(), 1, "{position} moves {old} -> {new}");
            assert_eq!((&inside[0].2, &inside[0].3), (&old, &new));
        }
    }
}

#[test]
fn arcs_cover_the_circle_in_their_owners_names() {
    let (before, _) = change();
    let svg = ring_svg(&before, None).unwrap();
    assert!(!svg.contains("class=\"moved\""));
    let mut sum = 0u128;
    for line in svg.lines().filter(|l| l.contains(" class=\"arc\"")) {
        let upto: u64 = attribute(line, "data-upto").parse().unwrap();
        let after: u64 = attribute(line, "data-after").parse().unwrap();
        sum += u128::from(upto.wrapping_sub(after));
        let owner = before.ring().unwrap().owner(upto).unwrap();
        assert_eq!(attribute(line, "data-node"), before.members().name(owner));
        let [x, y] = {
            let start = attribute(line, "d")[1..].split('A').next().unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            [x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap()]
        };
        let angle = (after as f64) / 2f64.powi(64) * std::f64::consts::TAU;
        assert!(
            (x - 300.0 - 260.0 * angle.sin()).abs() < 0.01 && (y - 310.0 + 260.0 * angle.cos()).abs() < 0.01
        );
    }
    assert_eq!(sum, 1 << 64);
}

#[test]
fn the_same_input_gives_the_same_bytes_and_loads_nothing() {
    let (before, after) = change();
    let html = ring_html(&before, Some(&after)).unwrap();
    assert_eq!(html, ring_html(&before.clone(), Some(&after.clone())).unwrap());
    let outside = html.replace("http://www.w3.org/2000/svg", "");
    for loading in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!outside.contains(loading), "{loading}");
    }
    let quoted = Members::from_nodes([Node::new("<b>\"&").unwrap()]).unwrap();
    let svg = ring_svg(&Placement::new(quoted, Settings::new(Kind::Ring)).unwrap(), None).unwrap();
    assert!(svg.contains("&lt;b&gt;&quot;&amp;") && !svg.contains("<b>"));
    let jump = Placement::new(Members::numbered(3), Settings::new(Kind::Jump)).unwrap();
    assert_eq!(ring_svg(&jump, None), Err(RingError::Operation { what: "be drawn as a ring" }));
    let empty = Placement::new(Members::new(), Settings::new(Kind::Ring)).unwrap();
    assert_eq!(ring_svg(&empty, None), Err(RingError::EmptyRing));
}
