//! Pictures say what happened: the arcs that they highlight are exactly those that moved.

use dolmen_ring::viz::{Options, ring_html, ring_svg, svg};
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
    let empty = Placement::new(Members::new(), Settings::new(Kind::Ring)).unwrap();
    assert_eq!(ring_svg(&empty, None), Err(RingError::EmptyRing));
}

/// Algorithms without a circle are grids of keys: each cell names the key's owner, and where it came from if it moved.
#[test]
fn every_algorithm_is_drawn_and_its_cells_tell_the_truth() {
    for kind in Kind::ALL {
        let settings = Settings { table_size: 251, ..Settings::new(kind) };
        let place = |list: &str| Placement::new(Members::parse(list).unwrap(), settings).unwrap();
        let (before, after) = (place("a,b,c"), place("a,b,c,d"));
        let options = Options { key: Some("user:1") };
        let drawn = svg(&before, Some(&after), options).unwrap();
        assert!(drawn.contains(">d joined<"), "{kind}");
        let owner = |p: &Placement, key: &str| p.members().name(p.owner(key.as_bytes()).unwrap()).to_string();
        let (old, new) = (owner(&before, "user:1"), owner(&after, "user:1"));
        let says = if old == new { format!("stays with {old}") } else { format!("from {old} to {new}") };
        assert!(drawn.contains(&says), "{kind}: {says}");
        let is_circle = before.ring().is_some() || before.ketama().is_some();
        assert_eq!(drawn.contains("class=\"cell\""), !is_circle, "{kind}");
        for cell in drawn.lines().filter(|line| line.contains(" class=\"cell\"")) {
            let key = attribute(cell, "data-key");
            assert_eq!(attribute(cell, "data-node"), owner(&after, key), "{kind} {key}");
            let moved = cell.contains(" data-from=\"");
            assert_eq!(moved, owner(&before, key) != owner(&after, key), "{kind} {key}");
            assert!(!moved || attribute(cell, "data-from") == owner(&before, key), "{kind} {key}");
        }
        let back = svg(&after, Some(&before), Options::default()).unwrap();
        assert!(back.contains(">d left<"), "{kind}");
    }
}

/// The arcs of one owner that touch are one, long names lose their middle and not their share, and every colour of eight nodes is another.
#[test]
fn pictures_can_be_read() {
    let one = Placement::new(Members::parse("alone").unwrap(), Settings::new(Kind::Ring)).unwrap();
    let drawn = ring_svg(&one, None).unwrap();
    assert_eq!(drawn.matches("class=\"arc\"").count(), 1);
    let list = "averyveryveryverylongnodename,b,c,d,e,f,g,h";
    let settings = Settings { vnodes: 8, ..Settings::new(Kind::Ring) };
    let eight = Placement::new(Members::parse(list).unwrap(), settings).unwrap();
    let drawn = ring_svg(&eight, None).unwrap();
    assert!(drawn.contains("averyve…dename ") && drawn.contains(" %, fair 12.50 %"), "{drawn}");
    let mut colours: Vec<&str> = drawn
        .lines()
        .filter(|line| line.contains("class=\"share\""))
        .map(|line| attribute(line, "fill"))
        .collect();
    colours.sort_unstable();
    colours.dedup();
    assert_eq!(colours.len(), 8);
}
