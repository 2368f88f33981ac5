//! The network does all that it may do to messages, and nothing else.

use dolmen_base::{Rng, Time};
use dolmen_sim::{Event, LinkId, Network, NodeId, Weather};

const CLIENT: NodeId = NodeId::new(1);
const SERVER: NodeId = NodeId::new(2);

/// Everything that happens from now on, in order.
fn drain(net: &mut Network<u32>) -> Vec<Event<u32>> {
    std::iter::from_fn(|| net.next_at().and_then(|at| net.poll(at))).collect()
}

/// What arrived on the connection at the node, in order, and whether its end came last.
fn heard(events: &[Event<u32>], link: LinkId, node: NodeId) -> (Vec<u32>, bool) {
    let mut numbers = Vec::new();
    let mut closed = false;
    for event in events {
        match event {
            Event::Message { link: l, to, message } if (*l, *to) == (link, node) => {
                assert!(!closed, "a message after the end");
                numbers.push(*message);
            }
            Event::Closed { link: l, to } if (*l, *to) == (link, node) => {
                assert!(!closed, "two ends");
                closed = true;
            }
            _ => {}
        }
    }
    (numbers, closed)
}

#[test]
fn fair_weather_loses_nothing_and_connections_keep_their_order() {
    let mut net = Network::new(3, Weather::FAIR);
    let link = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
    for i in 0..100 {
        assert!(net.send(Time::ZERO, link, CLIENT, i));
        assert!(net.send(Time::ZERO, link, SERVER, 1000 + i));
    }
    let events = drain(&mut net);
    assert_eq!(heard(&events, link, SERVER), ((0..100).collect(), false));
    assert_eq!(heard(&events, link, CLIENT), ((1000..1100).collect(), false));
}

#[test]
fn datagrams_are_reordered_doubled_and_lost() {
    let mut net = Network::new(5, Weather::HOSTILE);
    (0..1000).for_each(|i| net.post(Time::ZERO, CLIENT, SERVER, i));
    let numbers: Vec<u32> = drain(&mut net)
        .into_iter()
        .map(|event| match event {
            Event::Datagram { from: CLIENT, to: SERVER, message } => message,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(!numbers.is_sorted());
    let fates = net.fates();
    assert!(fates.lost > 50 && fates.doubled > 50, "{fates:?}");
    assert_eq!(fates.sent + fates.doubled, fates.arrived + fates.lost);
}

#[test]
fn a_broken_connection_loses_a_tail_and_tells_both_ends_last() {
    let (mut whole, mut cut) = (0, 0);
    for seed in 0..500 {
        let mut net = Network::new(seed, Weather::FAIR);
        let link = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
        (0..10).for_each(|i| assert!(net.send(Time::ZERO, link, CLIENT, i)));
        net.close(Time::ZERO, link);
        assert!(!net.send(Time::ZERO, link, CLIENT, 99));
        let events = drain(&mut net);
        let (numbers, closed) = heard(&events, link, SERVER);
        assert!(closed && heard(&events, link, CLIENT).1);
        assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
        whole += u32::from(numbers.len() == 10);
        cut += u32::from(numbers.is_empty());
    }
    assert!(whole > 10 && cut > 10, "{whole} {cut}");
}

#[test]
fn what_was_under_way_on_a_broken_connection_may_come_after_a_later_one() {
    let late = (0..500).any(|seed| {
        let mut net = Network::new(seed, Weather::HOSTILE);
        let old = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
        net.send(Time::ZERO, old, CLIENT, 1);
        net.close(Time::ZERO, old);
        let new = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
        net.send(Time::ZERO, new, CLIENT, 2);
        let order: Vec<u32> = drain(&mut net)
            .into_iter()
            .filter_map(|e| match e {
                Event::Message { message, .. } => Some(message),
                _ => None,
            })
            .collect();
        order == [2, 1]
    });
    assert!(late);
}

#[test]
fn nodes_that_are_cut_off_hear_nothing_until_they_are_healed() {
    let mut net = Network::new(1, Weather::FAIR);
    let link = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
    net.send(Time::ZERO, link, CLIENT, 1);
    net.post(Time::ZERO, SERVER, CLIENT, 2);
    net.cut(Time::ZERO, SERVER, CLIENT);
    net.post(Time::ZERO, CLIENT, SERVER, 3);
    assert!(net.connect(Time::ZERO, CLIENT, SERVER).is_none());
    assert!(drain(&mut net).iter().all(|event| matches!(event, Event::Closed { .. })));
    net.heal(CLIENT, SERVER);
    net.post(Time::ZERO, CLIENT, SERVER, 4);
    assert_eq!(drain(&mut net), [Event::Datagram { from: CLIENT, to: SERVER, message: 4 }]);
}

#[test]
fn a_crashed_node_hears_nothing_of_before() {
    let mut net = Network::new(2, Weather::FAIR);
    let link = net.connect(Time::ZERO, CLIENT, SERVER).unwrap();
    net.send(Time::ZERO, link, CLIENT, 1);
    net.post(Time::ZERO, CLIENT, SERVER, 2);
    net.crash(Time::ZERO, SERVER);
    assert_eq!(drain(&mut net), [Event::Closed { link, to: CLIENT }]);
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let world = |seed| {
        let mut net = Network::new(seed, Weather::HOSTILE);
        let mut rng = Rng::new(seed);
        let mut now = Time::ZERO;
        let mut events = Vec::new();
        let mut link = net.connect(now, CLIENT, SERVER).unwrap();
        for i in 0..2000 {
            if rng.one_in(3) {
                net.post(now, CLIENT, SERVER, i);
            } else if !net.send(now, link, CLIENT, i) {
                link = net.connect(now, CLIENT, SERVER).unwrap();
            }
            now = now + dolmen_base::time::Duration::from_millis(rng.below(20));
            events.extend(std::iter::from_fn(|| net.poll(now)));
        }
        events.extend(drain(&mut net));
        let fates = net.fates();
        assert_eq!(fates.sent + fates.doubled, fates.arrived + fates.lost, "{fates:?}");
        assert!(fates.broken > 5, "{fates:?}");
        events
    };
    assert_eq!(world(7), world(7));
    assert_ne!(world(7), world(8));
}
