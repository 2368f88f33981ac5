//! Access rules: each decision as Kafka's authorizer takes it, judged by a plain reading of all rules; records, filters, limits.

use std::net::IpAddr;

use dolmen_base::Rng;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::acl::{
    ANONYMOUS, Acls, CLUSTER, EVERYONE, Filter, Given, Host, Operation, Pattern, PatternFilter, Permission,
    Policy, Refusal, ResourceType, Rule, Who,
};
use dolmen_kafka::limits::{ACL_TEXT_LEN_MAX, ACLS_MAX, ACLS_PER_REQUEST_MAX};
use dolmen_kafka::topics::Topics;
use dolmen_kafka::wire::Uuid;

/// `TYPE PATTERN NAME PRINCIPAL HOST OPERATION PERMISSION`.
fn rule(text: &str) -> Rule {
    let words: Vec<&str> = text.split(' ').collect();
    let [resource_type, pattern, name, principal, host, operation, permission] = words[..] else {
        panic!("{text}")
    };
    Rule {
        resource_type: ResourceType::parse(resource_type).unwrap(),
        pattern: Pattern::parse(pattern).unwrap(),
        name: name.into(),
        principal: format!("User:{principal}"),
        host: host.into(),
        operation: Operation::parse(operation).unwrap(),
        permission: Permission::parse(permission).unwrap(),
    }
}

/// Ids, one after the other.
fn ids() -> impl FnMut() -> Uuid {
    let mut next = 0u128;
    move || {
        next += 1;
        Uuid(next.to_be_bytes())
    }
}

/// Topics with these rules on record.
fn with(rules: &[Rule]) -> Topics {
    let mut topics = Topics::new();
    let rules: Vec<_> = rules.iter().cloned().map(Ok).collect();
    let (results, records) = topics.acls().decide_create(&rules, ids()).unwrap();
    assert!(results.iter().all(Result::is_ok));
    records.iter().for_each(|record| topics.load(record).unwrap());
    topics
}

fn host(text: &str) -> Host {
    Host::new(text.parse::<IpAddr>().unwrap())
}

/// Whether a user may: `USER HOST OPERATION TYPE NAME`.
fn may(topics: &Topics, policy: &Policy, text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let [user, from, operation, resource_type, name] = words[..] else { panic!("{text}") };
    let (principal, host) = (format!("User:{user}"), host(from));
    let who = Who { principal: &principal, host: &host };
    let operation = Operation::parse(operation).unwrap();
    topics.acls().allows(policy, who, operation, ResourceType::parse(resource_type).unwrap(), name)
}

#[test]
fn decisions_are_kafkas() {
    let topics = with(&[
        rule("topic literal orders alice * read allow"),
        rule("topic prefixed ord bob 10.0.0.1 write allow"),
        rule("topic literal orders bob * write deny"),
        rule("topic literal * carol * alter allow"),
        rule("topic literal secret * * all deny"),
        rule("topic literal secret alice * all allow"),
        rule("group prefixed g * * read allow"),
        rule("topic literal conf dave * alter-configs allow"),
        rule("topic literal conf erin * all allow"),
        rule("topic literal half frank * read deny"),
        rule("topic literal half frank * write allow"),
        rule("topic literal net gina 192.168.0.0/16 read allow"),
        rule("topic literal net gina 192.168.7.0/24 read deny"),
        rule("topic literal net gina 0:0:0:0:0:0:0:1 read allow"),
        rule("topic literal net gina fd00::/8 read allow"),
    ]);
    let none = Policy::default();
    let yes = |text: &str| assert!(may(&topics, &none, text), "{text}");
    let no = |text: &str| assert!(!may(&topics, &none, text), "{text}");
    yes("alice 1.2.3.4 read topic orders");
    yes("alice 1.2.3.4 describe topic orders");
    no("alice 1.2.3.4 write topic orders");
    no("alice 1.2.3.4 describe-configs topic orders");
    no("alice 1.2.3.4 read topic order");
    no("alice 1.2.3.4 read group orders");
    // A prefix, but only from one host, and not where the name itself is denied.
    yes("bob 10.0.0.1 write topic ordinary");
    yes("bob 10.0.0.1 write topic ord");
    no("bob 10.0.0.2 write topic ordinary");
    no("bob 10.0.0.1 write topic orders");
    no("bob 10.0.0.1 write topic or");
    // To deny writing does not deny what allowing it would imply.
    yes("bob 10.0.0.1 describe topic orders");
    yes("carol 1.1.1.1 alter topic anything");
    yes("carol 1.1.1.1 describe topic orders");
    no("carol 1.1.1.1 alter group anything");
    no("alice 1.1.1.1 read topic secret");
    no("carol 1.1.1.1 alter topic secret");
    yes("anyone 1.1.1.1 describe group grid");
    no("anyone 1.1.1.1 delete group grid");
    yes("dave 1.1.1.1 describe-configs topic conf");
    no("dave 1.1.1.1 describe topic conf");
    yes("erin 1.1.1.1 create topic conf");
    yes("frank 1.1.1.1 describe topic half");
    no("frank 1.1.1.1 read topic half");
    yes("gina 192.168.3.4 read topic net");
    no("gina 192.168.7.4 read topic net");
    no("gina 192.169.3.4 read topic net");
    yes("gina ::1 read topic net");
    yes("gina fd12::9 read topic net");
    no("gina fe12::9 read topic net");
    yes("gina ::ffff:192.168.3.4 read topic net");

    let open = Policy::new("User:root; User:boss", true).unwrap();
    for (text, is_allowed) in [
        // Nothing is said of these resources.
        ("x 1.1.1.1 read group other", true),
        ("x 1.1.1.1 create cluster kafka-cluster", true),
        // A rule for everything named `*` is a rule for each.
        ("x 1.1.1.1 read topic nowhere", false),
        // Rules for others are rules.
        ("x 1.1.1.1 read topic orders", false),
        ("x 1.1.1.1 delete group grid", false),
        ("root 1.1.1.1 read topic secret", true),
        ("boss 1.1.1.1 all topic secret", true),
        ("Root 1.1.1.1 read topic secret", false),
    ] {
        assert_eq!(may(&topics, &open, text), is_allowed, "{text}");
    }
    assert_eq!(Policy::new("root", false), Err(Refusal::Principal));
    assert_eq!(Policy::new(" ; ", false), Ok(Policy::default()));
}

#[test]
fn some_topic_may_be_written_if_a_rule_says_so_that_no_other_takes_back() {
    let cases: &[(&[&str], bool)] = &[
        (&[], false),
        (&["topic literal a u * write allow"], true),
        (&["topic literal a u * all allow"], true),
        (&["topic literal a u * read allow"], false),
        (&["topic literal a v * write allow"], false),
        (&["topic literal a * * write allow"], true),
        (&["topic literal a u 9.9.9.9 write allow"], false),
        (&["topic literal a u * write allow", "topic literal a u * write deny"], false),
        (&["topic literal a u * write allow", "topic literal b u * write deny"], true),
        (&["topic prefixed ab u * write allow", "topic prefixed a u * write deny"], false),
        (&["topic prefixed ab u * write allow", "topic prefixed abc u * write deny"], true),
        (&["topic prefixed ab u * write allow", "topic literal ab u * write deny"], true),
        (&["topic literal ab u * write allow", "topic prefixed ab u * all deny"], false),
        (&["topic literal * u * write allow", "topic literal hardcode u * write deny"], true),
        (&["topic literal a u * write allow", "topic literal * u * write deny"], false),
        (&["topic literal a u * write allow", "topic literal * u * read deny"], true),
        (&["group literal a u * all allow"], false),
    ];
    let from = host("1.1.1.1");
    let who = Who { principal: "User:u", host: &from };
    let some = |topics: &Topics, policy: &Policy| {
        topics.acls().allows_some(policy, who, Operation::Write, ResourceType::Topic)
    };
    for (rules, expected) in cases {
        let topics = with(&rules.iter().map(|text| rule(text)).collect::<Vec<_>>());
        assert_eq!(some(&topics, &Policy::default()), *expected, "{rules:?}");
        assert!(some(&topics, &Policy::new("User:u", false).unwrap()), "{rules:?}");
    }
    assert!(some(&Topics::new(), &Policy::new("", true).unwrap()));
}

/// Kafka's rules, read plainly: every rule is looked at.
fn plain(
    rules: &[Rule],
    allows_without_rules: bool,
    user: &str,
    from: &str,
    asked: Operation,
    resource: (ResourceType, &str),
) -> bool {
    let concerns = |rule: &&Rule| {
        rule.resource_type == resource.0
            && match rule.pattern {
                Pattern::Literal => rule.name == resource.1 || rule.name == "*",
                Pattern::Prefixed => resource.1.starts_with(&rule.name),
            }
    };
    let all: Vec<&Rule> = rules.iter().filter(concerns).collect();
    let applies = |rule: &&&Rule| {
        (rule.principal == user || rule.principal == EVERYONE) && (rule.host == from || rule.host == "*")
    };
    let denies = |rule: &&&Rule| {
        rule.permission == Permission::Deny && (rule.operation == asked || rule.operation == Operation::All)
    };
    let implied: &[Operation] = match asked {
        Operation::Describe => &[Operation::Read, Operation::Write, Operation::Delete, Operation::Alter],
        Operation::DescribeConfigs => &[Operation::AlterConfigs],
        _ => &[],
    };
    let allows = |rule: &&&Rule| {
        rule.permission == Permission::Allow
            && (rule.operation == asked
                || rule.operation == Operation::All
                || implied.contains(&rule.operation))
    };
    if all.iter().filter(applies).any(|rule| denies(&rule)) {
        false
    } else if all.iter().filter(applies).any(|rule| allows(&rule)) {
        true
    } else {
        all.is_empty() && allows_without_rules
    }
}

/// A word of few letters, so that names are often each other's prefixes; two of the letters have two bytes and share the first.
fn word(rng: &mut Rng, len_max: u64) -> String {
    (0..1 + rng.below(len_max)).map(|_| ['a', 'b', 'é', 'è'][rng.below(4) as usize]).collect()
}

fn any_rule(rng: &mut Rng) -> Rule {
    let pick = |rng: &mut Rng, count: usize| rng.below(count as u64) as usize;
    Rule {
        resource_type: ResourceType::ALL[pick(rng, 2)],
        pattern: Pattern::ALL[pick(rng, 2)],
        name: if rng.one_in(8) { "*".into() } else { word(rng, 5) },
        principal: ["User:a", "User:b", EVERYONE][pick(rng, 3)].into(),
        host: ["*", "1.1.1.1", "2.2.2.2"][pick(rng, 3)].into(),
        operation: Operation::ALL[pick(rng, Operation::ALL.len())],
        permission: if rng.one_in(4) { Permission::Deny } else { Permission::Allow },
    }
}

#[test]
fn decisions_and_filters_equal_those_of_a_plain_reading() {
    let mut rng = Rng::new(81);
    let (mut allowed, mut asked) = (0, 0);
    for _ in 0..400 {
        let mut rules: Vec<Rule> = (0..rng.below(60)).map(|_| any_rule(&mut rng)).collect();
        let mut topics = with(&rules);
        rules.sort();
        rules.dedup();
        assert_eq!(topics.acls().len(), rules.len());
        // Some go again.
        let gone: Vec<Rule> = rules.iter().filter(|_| rng.one_in(5)).cloned().collect();
        for rule in &gone {
            let filters = [Ok(exact(rule))];
            let (results, records) = {
                let (results, records) = topics.acls().decide_delete(&filters).unwrap();
                (results[0].as_ref().unwrap().len(), records)
            };
            assert_eq!((results, records.len()), (1, 1));
            records.iter().for_each(|record| topics.load(record).unwrap());
        }
        rules.retain(|rule| !gone.contains(rule));
        // And all of it again from a snapshot.
        let mut again = Topics::new();
        topics.snapshot(1).unwrap().iter().for_each(|record| again.load(record).unwrap());
        for topics in [&topics, &again] {
            for _ in 0..60 {
                let name = word(&mut rng, 7);
                let resource = (ResourceType::ALL[rng.below(2) as usize], name.as_str());
                let user = ["User:a", "User:b", ANONYMOUS][rng.below(3) as usize];
                let from = ["1.1.1.1", "3.3.3.3"][rng.below(2) as usize];
                let operation = Operation::ALL[1 + rng.below(13) as usize];
                let open = rng.one_in(2);
                let (policy, host) = (Policy::new("", open).unwrap(), host(from));
                let who = Who { principal: user, host: &host };
                let decided = topics.acls().allows(&policy, who, operation, resource.0, &name);
                assert_eq!(
                    decided,
                    plain(&rules, open, user, from, operation, resource),
                    "{rules:?} {user} {from} {operation:?} {resource:?}"
                );
                allowed += u32::from(decided);
                asked += 1;
            }
            let like = any_rule(&mut rng);
            let filter = some_of(&mut rng, &like);
            let found: Vec<Rule> = topics.acls().matching(&filter).map(|found| found.to_rule()).collect();
            let expected: Vec<Rule> = rules.iter().filter(|rule| filter.takes(rule)).cloned().collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    assert!(asked / 5 < allowed && allowed < asked * 4 / 5, "{allowed} of {asked}");
}

/// The filter of one rule.
fn exact(rule: &Rule) -> Filter<'_> {
    Filter {
        resource_type: Some(rule.resource_type),
        pattern: PatternFilter::Only(rule.pattern),
        name: Some(&rule.name),
        principal: Some(&rule.principal),
        host: Some(&rule.host),
        operation: Some(rule.operation),
        permission: Some(rule.permission),
    }
}

/// A filter that says only some of it.
fn some_of<'r>(rng: &mut Rng, rule: &'r Rule) -> Filter<'r> {
    let whole = exact(rule);
    let mut keep = || rng.one_in(3);
    Filter {
        resource_type: whole.resource_type.filter(|_| keep()),
        name: whole.name.filter(|_| keep()),
        principal: whole.principal.filter(|_| keep()),
        host: whole.host.filter(|_| keep()),
        operation: whole.operation.filter(|_| keep()),
        permission: whole.permission.filter(|_| keep()),
        pattern: [PatternFilter::Any, PatternFilter::Match, whole.pattern][rng.below(3) as usize],
    }
}

#[test]
fn a_filters_name_is_compared_as_it_says() {
    use Pattern::{Literal, Prefixed};
    let filter = |pattern, name| Filter { pattern, name, ..Filter::default() };
    let cases = [
        (PatternFilter::Any, Some("abc"), Literal, "abc", true),
        (PatternFilter::Any, Some("abc"), Prefixed, "abc", true),
        (PatternFilter::Any, Some("abc"), Prefixed, "ab", false),
        (PatternFilter::Any, Some("abc"), Literal, "*", false),
        (PatternFilter::Any, None, Prefixed, "ab", true),
        (PatternFilter::Match, Some("abc"), Literal, "abc", true),
        (PatternFilter::Match, Some("abc"), Literal, "*", true),
        (PatternFilter::Match, Some("abc"), Prefixed, "ab", true),
        (PatternFilter::Match, Some("abc"), Prefixed, "abc", true),
        (PatternFilter::Match, Some("abc"), Prefixed, "abcd", false),
        (PatternFilter::Match, Some("abc"), Literal, "ab", false),
        (PatternFilter::Match, None, Literal, "ab", true),
        (PatternFilter::Only(Literal), Some("abc"), Literal, "abc", true),
        (PatternFilter::Only(Literal), Some("abc"), Prefixed, "abc", false),
        (PatternFilter::Only(Literal), Some("*"), Literal, "abc", false),
        (PatternFilter::Only(Literal), Some("abc"), Literal, "*", false),
        (PatternFilter::Only(Literal), None, Prefixed, "abc", false),
        (PatternFilter::Only(Prefixed), Some("abc"), Prefixed, "ab", false),
        (PatternFilter::Only(Prefixed), Some("ab"), Prefixed, "ab", true),
    ];
    for (pattern, wanted, of, name, expected) in cases {
        assert_eq!(
            filter(pattern, wanted).takes_name(of, name),
            expected,
            "{pattern:?} {wanted:?} {of:?} {name}"
        );
    }
    let names = [None, Some("p"), Some("h")];
    let codes = Filter::from_codes([1, 2, 1, 1], names).unwrap();
    assert_eq!(
        (codes.pattern, codes.resource_type, codes.operation, codes.permission),
        (PatternFilter::Match, None, None, None)
    );
    for codes in [
        [0, 1, 1, 1],
        [8, 1, 1, 1],
        [1, 0, 1, 1],
        [1, 5, 1, 1],
        [1, 1, 0, 1],
        [1, 1, 16, 1],
        [1, 1, 1, 0],
        [1, 1, 1, 4],
    ] {
        assert_eq!(Filter::from_codes(codes, names), Err(Refusal::Filter), "{codes:?}");
    }
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let good = Given {
        resource_type: 2,
        pattern: 3,
        name: "t",
        principal: "User:a",
        host: "*",
        operation: 3,
        permission: 3,
    };
    assert!(good.check().is_ok());
    let long = "x".repeat(ACL_TEXT_LEN_MAX);
    for (given, refusal) in [
        (Given { resource_type: 0, ..good }, Refusal::ResourceType),
        (Given { resource_type: 1, ..good }, Refusal::ResourceType),
        (Given { resource_type: 8, ..good }, Refusal::ResourceType),
        (Given { pattern: 1, ..good }, Refusal::Pattern),
        (Given { pattern: 2, ..good }, Refusal::Pattern),
        (Given { operation: 1, ..good }, Refusal::Operation),
        (Given { operation: 16, ..good }, Refusal::Operation),
        (Given { permission: 1, ..good }, Refusal::Permission),
        (Given { name: "", ..good }, Refusal::Name),
        (Given { resource_type: 4, ..good }, Refusal::Cluster),
        (Given { resource_type: 4, name: "", ..good }, Refusal::Cluster),
        (Given { principal: "alice", ..good }, Refusal::Principal),
        (Given { principal: "", ..good }, Refusal::Principal),
        (Given { host: "", ..good }, Refusal::Host),
        (Given { host: "10.0.0.0/33", ..good }, Refusal::Range),
        (Given { host: "10.0.0/8", ..good }, Refusal::Range),
        (Given { host: "::1/129", ..good }, Refusal::Range),
        (Given { host: "10.0.0.0/+8", ..good }, Refusal::Range),
        (Given { name: &long, ..good }, Refusal::TooLong),
    ] {
        assert_eq!(given.check(), Err(refusal));
        assert_eq!(refusal.code(), ErrorCode::INVALID_REQUEST);
        assert!(refusal.about().ends_with('.'));
    }
    for host in ["10.0.0.0/8", "0.0.0.0/0", "fd00::/8", "anything", "127.0.0.1"] {
        assert!(Given { host, ..good }.check().is_ok(), "{host}");
    }
    assert!(Given { resource_type: 4, name: CLUSTER, ..good }.check().is_ok());
}

#[test]
fn records_make_rules_and_take_them_away_and_one_that_is_not_understood_is_not_left_out() {
    let mut topics = with(&[rule("topic literal a u * read allow")]);
    // The same again is no second rule, in this request and after it.
    let same = [
        Ok(rule("topic literal a u * read allow")),
        Ok(rule("topic literal b u * read allow")),
        Ok(rule("topic literal b u * read allow")),
        Err(Refusal::Host),
    ];
    let (results, records) = topics.acls().decide_create(&same, ids()).unwrap();
    assert_eq!((results, records.len()), (vec![Ok(()), Ok(()), Ok(()), Err(Refusal::Host)], 1));
    // Two filters that mean the same rule each tell of it; it goes once.
    let filters =
        [Ok(Filter::default()), Err(Refusal::Filter), Ok(Filter { name: Some("a"), ..Filter::default() })];
    let records = {
        let (results, records) = topics.acls().decide_delete(&filters).unwrap();
        let counts: Vec<_> = results.iter().map(|one| one.as_ref().map(Vec::len)).collect();
        assert_eq!(counts, [Ok(1), Err(&Refusal::Filter), Ok(1)]);
        records
    };
    assert_eq!(records.len(), 1);
    topics.load(&records[0]).unwrap();
    assert!(topics.acls().is_empty());
    // Gone twice is gone.
    topics.load(&records[0]).unwrap();

    let whole = with(&[rule("cluster literal kafka-cluster u * describe-tokens deny")]);
    let record = &whole.snapshot(1).unwrap()[0];
    let end = record.len();
    // From its end: no tags, the permission, the operation, the host, …
    assert_eq!(record[end - 3..], [14, 2, 0]);
    for (at, code) in [(end - 2, 4), (end - 2, 1), (end - 3, 16), (end - 3, 1)] {
        let mut damaged = record.clone();
        damaged[at] = code;
        assert!(Topics::new().load(&damaged).is_err(), "{at} {code}");
    }
}

#[test]
fn there_are_only_so_many_rules_and_a_request_makes_only_so_many() {
    let numbered = |n: usize| rule(&format!("topic literal t{n} u * read allow"));
    let mut topics = Topics::new();
    let mut new_id = ids();
    let mut add = |topics: &mut Topics, range: std::ops::Range<usize>| {
        let rules: Vec<_> = range.map(|n| Ok(numbered(n))).collect();
        let (results, records) = topics.acls().decide_create(&rules, &mut new_id)?;
        records.iter().for_each(|record| topics.load(record).unwrap());
        Ok(results)
    };
    assert_eq!(add(&mut topics, 0..ACLS_PER_REQUEST_MAX + 1), Err(Refusal::TooManyAtOnce));
    assert!(topics.acls().is_empty());
    for first in (0..ACLS_MAX).step_by(ACLS_PER_REQUEST_MAX) {
        let results = add(&mut topics, first..(first + ACLS_PER_REQUEST_MAX).min(ACLS_MAX)).unwrap();
        assert!(results.iter().all(Result::is_ok));
    }
    // As many as there may be: no new one, but what is there is there.
    assert_eq!(add(&mut topics, ACLS_MAX - 1..ACLS_MAX + 1), Ok(vec![Ok(()), Err(Refusal::TooMany)]));
    assert_eq!(Refusal::TooMany.code(), ErrorCode::POLICY_VIOLATION);
    assert_eq!(topics.acls().len(), ACLS_MAX);
    let filters = [Ok(Filter::default())];
    assert_eq!(topics.acls().decide_delete(&filters).map(drop), Err(Refusal::TooManyAtOnce));
}

#[test]
fn what_a_resource_knows_is_what_kafka_lists() {
    let topics =
        with(&[rule("topic prefixed t u * alter allow"), rule("topic literal tu u * describe deny")]);
    let from = host("1.1.1.1");
    let who = Who { principal: "User:u", host: &from };
    let operations = |name| topics.acls().operations(&Policy::default(), who, ResourceType::Topic, name);
    assert_eq!(operations("t"), 1 << 7 | 1 << 8);
    assert_eq!(operations("tu"), 1 << 7);
    assert_eq!(operations("s"), 0);
    let bits: Vec<i32> = ResourceType::ALL.iter().map(|one| one.operation_bits()).collect();
    assert_eq!(
        bits,
        [
            0b1101_1111_1000,
            0b1101_0100_1000,
            0b1_1111_1010_0000,
            1 << 4 | 1 << 8 | 1 << 15,
            1 << 8,
            1 << 13 | 1 << 14
        ]
    );
    let root = Policy::new("User:u", false).unwrap();
    assert_eq!(
        Acls::default().operations(&root, who, ResourceType::Group, "g"),
        ResourceType::Group.operation_bits()
    );
}
