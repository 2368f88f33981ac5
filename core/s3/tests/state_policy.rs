//! Policies: truth tables, a plain reference over random documents, what is refused, and what is public.

use dolmen_base::rng::Rng;
use dolmen_s3::state::policy::{Context, Kind, Policy, PolicyError, Verdict, Who};

const ANN: Who<'static> = Who::User { id: "u1", name: "ann", account: "a1" };

fn bucket(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text.as_bytes(), Kind::Bucket("b"))
}

/// A policy with one statement for everybody, action and resource included.
fn with(condition: &str) -> Policy {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::b/*","Condition":{condition}}}}}"#
    );
    bucket(&text).unwrap_or_else(|error| panic!("{condition}: {error}"))
}

fn holds(condition: &str, keys: &[(&str, &[&str])]) -> bool {
    let mut context = Context::default();
    for (key, values) in keys {
        context.set_all(key, values.iter().map(|value| String::from(*value)).collect());
    }
    with(condition).evaluate(Some(ANN), "s3:GetObject", "arn:aws:s3:::b/k", &context) == Verdict::Allow
}

#[test]
fn operators_compare_as_the_manual_says() {
    let key = "s3:x-amz-acl";
    // operator, policy's values, request's value, whether it holds
    let table: &[(&str, &str, &str, bool)] = &[
        ("StringEquals", r#"["a","b"]"#, "b", true),
        ("StringEquals", r#""a""#, "A", false),
        ("StringEquals", r#""a*""#, "ab", false),
        ("StringNotEquals", r#"["a","b"]"#, "b", false),
        ("StringNotEquals", r#"["a","b"]"#, "c", true),
        ("StringEqualsIgnoreCase", r#""aB""#, "Ab", true),
        ("StringNotEqualsIgnoreCase", r#""aB""#, "Ab", false),
        ("StringLike", r#""a*c?""#, "abbbcd", true),
        ("StringLike", r#""a*c?""#, "abbbc", false),
        ("StringLike", r#""*""#, "", true),
        ("StringNotLike", r#""a*""#, "abc", false),
        ("NumericEquals", r#""10""#, "10.0", true),
        ("NumericEquals", "10", "10", true),
        ("NumericNotEquals", r#""10""#, "11", true),
        ("NumericLessThan", r#""10""#, "9", true),
        ("NumericLessThan", r#""10""#, "10", false),
        ("NumericLessThanEquals", r#""10""#, "10", true),
        ("NumericGreaterThan", r#""10""#, "10", false),
        ("NumericGreaterThanEquals", r#""10""#, "10", true),
        ("NumericEquals", r#""10""#, "ten", false),
        ("DateEquals", r#""2026-01-01T00:00:00Z""#, "2026-01-01T00:00:00Z", true),
        ("DateLessThan", r#""2026-01-01T00:00:00Z""#, "2025-12-31T23:59:59Z", true),
        ("DateGreaterThan", r#""2026-01-01T00:00:00Z""#, "2025-12-31T23:59:59Z", false),
        ("DateGreaterThanEquals", r#""1767225600""#, "2026-01-01T00:00:00Z", true),
        ("DateNotEquals", r#""2026-01-01T00:00:00Z""#, "2026-01-02T00:00:00Z", true),
        ("DateLessThanEquals", r#""2026-01-01T00:00:00Z""#, "2026-01-01T00:00:00Z", true),
        ("Bool", "true", "true", true),
        ("Bool", r#""true""#, "false", false),
        ("BinaryEquals", r#""QUJD""#, "QUJD", true),
        ("BinaryEquals", r#""QUJD""#, "QUJE", false),
        ("IpAddress", r#""10.0.0.0/8""#, "10.1.2.3", true),
        ("IpAddress", r#""10.0.0.0/8""#, "11.1.2.3", false),
        ("IpAddress", r#""10.1.2.3""#, "10.1.2.3", true),
        ("IpAddress", r#""0.0.0.0/0""#, "10.1.2.3", true),
        ("IpAddress", r#""10.0.0.0/8""#, "::ffff:10.1.2.3", true),
        ("IpAddress", r#""fd00::/8""#, "fd12::1", true),
        ("IpAddress", r#""10.0.0.0/8""#, "garbage", false),
        ("NotIpAddress", r#""10.0.0.0/8""#, "11.1.2.3", true),
        ("NotIpAddress", r#""10.0.0.0/8""#, "10.1.2.3", false),
        ("ArnEquals", r#""arn:aws:iam::*:user/ann""#, "arn:aws:iam::1:user/ann", true),
        ("ArnLike", r#""arn:aws:*:user/ann""#, "arn:aws:iam::1:user/ann", false),
        ("ArnLike", r#""arn:aws:iam::1:user/*""#, "arn:aws:iam::1:user/a/b", true),
        ("ArnNotLike", r#""arn:aws:iam::1:user/*""#, "arn:aws:iam::2:user/a", true),
        ("ArnNotEquals", r#""arn:aws:iam::1:user/*""#, "arn:aws:iam::1:user/a", false),
    ];
    for (operator, wanted, value, expected) in table {
        let condition = format!(r#"{{"{operator}":{{"{key}":{wanted}}}}}"#);
        assert_eq!(holds(&condition, &[(key, &[value])]), *expected, "{condition} {value}");
    }
}

/// GHSA-v9cp-qfw9-9pfp: quantifiers with negated operators; absent keys; `IfExists`; `Null`.
#[test]
fn quantifiers_absent_keys_if_exists_and_null() {
    let key = "s3:RequestObjectTagKeys";
    let none: &[&str] = &[];
    // operator, values of the request, whether it holds against ["a", "b"]
    let table: &[(&str, &[&str], bool)] = &[
        ("StringEquals", none, false),
        ("StringEqualsIfExists", none, true),
        ("StringNotEquals", none, true),
        ("StringNotEqualsIfExists", none, true),
        ("StringEquals", &["c", "a"], true),
        ("StringNotEquals", &["c", "a"], false),
        ("StringEqualsIfExists", &["c"], false),
        ("ForAllValues:StringEquals", none, true),
        ("ForAllValues:StringEquals", &["a", "b"], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAllValues:StringNotEquals", none, true),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAllValues:StringNotEquals", &["c", "a"], false),
        ("ForAnyValue:StringEquals", none, false),
        ("ForAnyValue:StringEquals", &["c", "a"], true),
        ("ForAnyValue:StringEquals", &["c", "d"], false),
        ("ForAnyValue:StringNotEquals", none, false),
        ("ForAnyValue:StringNotEquals", &["a", "c"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], false),
        ("ForAnyValue:StringEqualsIfExists", none, true),
        ("ForAllValues:StringLike", &["a", "b"], true),
    ];
    for (operator, values, expected) in table {
        let condition = format!(r#"{{"{operator}":{{"{key}":["a","b"]}}}}"#);
        assert_eq!(holds(&condition, &[(key, values)]), *expected, "{condition} {values:?}");
    }
    for (wanted, values, expected) in [
        ("true", none, true),
        ("true", &["x"][..], false),
        ("false", none, false),
        ("false", &["x"][..], true),
    ] {
        let condition = format!(r#"{{"Null":{{"{key}":"{wanted}"}}}}"#);
        assert_eq!(holds(&condition, &[(key, values)]), expected, "{condition} {values:?}");
    }
}

#[test]
fn every_condition_and_every_key_of_it_must_hold() {
    let condition =
        r#"{"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"},"Bool":{"aws:SecureTransport":"true"}}"#;
    let all: &[(&str, &[&str])] =
        &[("s3:prefix", &["a"]), ("s3:delimiter", &["/"]), ("aws:SecureTransport", &["true"])];
    assert!(holds(condition, all));
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(missing);
        assert!(!holds(condition, &some));
    }
    // Names of keys are compared without regard to case, tags' keys with.
    assert!(holds(r#"{"StringEquals":{"S3:PREFIX":"a"}}"#, &[("s3:prefix", &["a"])]));
    assert!(!holds(
        r#"{"StringEquals":{"s3:ExistingObjectTag/K":"a"}}"#,
        &[("s3:ExistingObjectTag/k", &["a"])]
    ));
}

#[test]
fn variables_stand_for_one_value_and_never_for_a_wildcard() {
    let text = |version: &str| {
        format!(
            r#"{{"Version":"{version}","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
            "Resource":"arn:aws:s3:::b/home/${{aws:username}}/${{*}}"}}}}"#
        )
    };
    let policy = bucket(&text("2012-10-17")).unwrap();
    let mut context = Context::default();
    let read = |policy: &Policy, context: &Context, key: &str| {
        policy.evaluate(Some(ANN), "s3:GetObject", &format!("arn:aws:s3:::b/home/{key}"), context)
    };
    assert_eq!(
        read(&policy, &context, "ann/*"),
        Verdict::Silent,
        "a variable without a value matches nothing"
    );
    context.set("aws:username", "ann");
    assert_eq!(read(&policy, &context, "ann/*"), Verdict::Allow);
    assert_eq!(read(&policy, &context, "ann/x"), Verdict::Silent, "${{*}} is the character");
    assert_eq!(read(&policy, &context, "bob/*"), Verdict::Silent);
    context.set("aws:username", "*");
    assert_eq!(read(&policy, &context, "bob/*"), Verdict::Silent, "a user called * is not everybody");
    let old = bucket(&text("2008-10-17")).unwrap();
    context.set("aws:username", "ann");
    assert_eq!(read(&old, &context, "ann/*"), Verdict::Silent, "the old version has no variables");
    let condition = r#"{"StringEquals":{"s3:prefix":"${aws:username, 'nobody'}"}}"#;
    assert!(holds(condition, &[("s3:prefix", &["nobody"])]));
    assert!(holds(condition, &[("s3:prefix", &["ann"]), ("aws:username", &["ann"])]));
}

#[test]
fn principals_name_accounts_users_and_everybody() {
    let said = |principal: &str, who: Who<'_>| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny",{principal},"Action":"*","Resource":"arn:aws:s3:::b"}}}}"#
        );
        let policy = bucket(&text).unwrap_or_else(|error| panic!("{principal}: {error}"));
        policy.evaluate(Some(who), "s3:ListBucket", "arn:aws:s3:::b", &Context::default()) == Verdict::Deny
    };
    let table: &[(&str, bool, bool)] = &[
        (r#""Principal":"*""#, true, true),
        (r#""Principal":{"AWS":"*"}"#, true, true),
        (r#""Principal":{"AWS":"a1"}"#, true, false),
        (r#""Principal":{"AWS":"arn:aws:iam::a1:root"}"#, true, false),
        (r#""Principal":{"AWS":"arn:aws:iam::a2:root"}"#, false, false),
        (r#""Principal":{"AWS":["x","arn:aws:iam::a1:user/ann"]}"#, true, false),
        (r#""Principal":{"AWS":"arn:aws:iam:::user/u1"}"#, true, false),
        (r#""Principal":{"AWS":"arn:aws:iam::a1:user/bob"}"#, false, false),
        (r#""Principal":{"CanonicalUser":"u1"}"#, true, false),
        (r#""Principal":{"Service":"s3.amazonaws.com"}"#, false, false),
        (r#""NotPrincipal":{"AWS":"a1"}"#, false, true),
        (r#""NotPrincipal":{"AWS":"a2"}"#, true, true),
    ];
    for (principal, ann, anonymous) in table {
        assert_eq!(said(principal, ANN), *ann, "{principal}");
        assert_eq!(said(principal, Who::Anonymous), *anonymous, "{principal}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let statement =
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;
    let whole = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    bucket(&whole(statement)).unwrap();
    let swap = |from: &str, to: &str| {
        let changed = statement.replace(from, to);
        assert_ne!(changed, statement);
        bucket(&whole(&changed)).unwrap_err()
    };
    assert_eq!(swap("Allow", "Perhaps"), PolicyError::Effect);
    assert_eq!(swap(r#""Principal":"*","#, ""), PolicyError::Principal);
    assert_eq!(swap(r#""Principal":"*""#, r#""Principal":"ann""#), PolicyError::Principal);
    assert_eq!(
        swap(r#""Principal":"*""#, r#""Principal":{"AWS":"arn:aws:iam::1:user/*"}"#),
        PolicyError::Principal
    );
    assert_eq!(swap(r#""Principal""#, r#""NotPrincipal""#), PolicyError::Principal);
    assert_eq!(swap("s3:GetObject", "ec2:Run"), PolicyError::Action);
    assert_eq!(swap("s3:GetObject", "s3:"), PolicyError::Action);
    assert_eq!(swap("arn:aws:s3:::b/*", "arn:aws:s3:::c/*"), PolicyError::Resource);
    assert_eq!(swap("arn:aws:s3:::b/*", "b/*"), PolicyError::Resource);
    assert_eq!(swap(r#""Resource""#, r#""Resources""#), PolicyError::Member);
    assert_eq!(
        swap(r#""Action":"s3:GetObject","#, r#""Action":"s3:GetObject","NotAction":"s3:*","#),
        PolicyError::Member
    );
    assert_eq!(swap(r#""Action":"s3:GetObject""#, r#""Action":[]"#), PolicyError::Member);
    for condition in [
        r#"{"StringSame":{"s3:prefix":"a"}}"#,
        r#"{"StringEquals":{"prefix":"a"}}"#,
        r#"{"StringEquals":{"s3:prefix":[]}}"#,
        r#"{"StringEquals":{"s3:prefix":null}}"#,
        r#"{"NumericEquals":{"s3:max-keys":"ten"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"maybe"}}"#,
        r#"{"ForSomeValues:StringEquals":{"s3:prefix":"a"}}"#,
        r#"{"ForAllValues:Null":{"s3:prefix":"true"}}"#,
    ] {
        let text = statement.replace("}", &format!(r#","Condition":{condition}}}"#));
        assert_eq!(bucket(&whole(&text)).unwrap_err(), PolicyError::Condition, "{condition}");
    }
    for text in ["", "[]", "{}", "null", r#"{"Version":"2012-10-17","Statement":[]}"#] {
        assert!(bucket(text).is_err(), "{text}");
    }
    let version = whole(statement).replace("2012-10-17", "2013-01-01");
    assert_eq!(bucket(&version).unwrap_err(), PolicyError::Version);
    let long = " ".repeat(21_000);
    assert_eq!(bucket(&long).unwrap_err(), PolicyError::TooLong { len: 21_000 });
    let user = Policy::parse(whole(statement).as_bytes(), Kind::User);
    assert_eq!(user.unwrap_err(), PolicyError::Principal, "a user's policy names no principals");
}

#[test]
fn public_is_what_lets_anybody_in() {
    let policy = |principal: &str, effect: &str, condition: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":{principal},"Action":"s3:*",
            "Resource":"arn:aws:s3:::b","Condition":{condition}}}}}"#
        );
        bucket(&text).unwrap().is_public()
    };
    let table: &[(&str, &str, &str, bool)] = &[
        (r#""*""#, "Allow", "{}", true),
        (r#"{"AWS":["a1","*"]}"#, "Allow", "{}", true),
        (r#"{"AWS":"a1"}"#, "Allow", "{}", false),
        (r#""*""#, "Deny", "{}", false),
        (r#""*""#, "Allow", r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/32"}}"#, false),
        (r#""*""#, "Allow", r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#, true),
        (r#""*""#, "Allow", r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/1"]}}"#, true),
        (r#""*""#, "Allow", r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/32"}}"#, true),
        (r#""*""#, "Allow", r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#, false),
        (r#""*""#, "Allow", r#"{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#, true),
        (r#""*""#, "Allow", r#"{"StringEquals":{"aws:userid":"${s3:prefix}"}}"#, true),
        (r#""*""#, "Allow", r#"{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}"#, true),
        (r#""*""#, "Allow", r#"{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}"#, true),
        (r#""*""#, "Allow", r#"{"StringEquals":{"s3:prefix":"public"}}"#, true),
    ];
    for (principal, effect, condition, expected) in table {
        assert_eq!(policy(principal, effect, condition), *expected, "{principal} {effect} {condition}");
    }
}

/// A statement of the reference, in words of its own.
struct Plain {
    deny: bool,
    everybody: bool,
    not_action: bool,
    actions: Vec<&'static str>,
    not_resource: bool,
    resources: Vec<&'static str>,
    prefix: Option<(bool, Vec<&'static str>)>,
}

impl Plain {
    fn random(rng: &mut Rng) -> Plain {
        let pick = |rng: &mut Rng, from: &[&'static str]| {
            let count = 1 + rng.below(2);
            (0..count).map(|_| from[rng.below(from.len() as u64) as usize]).collect::<Vec<_>>()
        };
        let prefix = rng.one_in(2).then(|| (rng.one_in(2), pick(rng, &["a*", "*b", "a?b", "*", "??"])));
        Plain {
            deny: rng.one_in(3),
            everybody: rng.one_in(2),
            not_action: rng.one_in(4),
            actions: pick(rng, &["s3:*", "s3:get*", "S3:GetObject", "s3:Put?bject", "s3:*Object", "*"]),
            not_resource: rng.one_in(4),
            resources: pick(
                rng,
                &["arn:aws:s3:::b/*", "arn:aws:s3:::b/a*b", "arn:aws:s3:::b/?", "arn:aws:s3:::*"],
            ),
            prefix,
        }
    }

    fn json(&self) -> String {
        let list = |values: &[&str]| format!("{values:?}");
        let not = |not: bool| if not { "Not" } else { "" };
        let condition = self.prefix.as_ref().map_or_else(String::new, |(negated, values)| {
            let operator = if *negated { "StringNotLike" } else { "StringLike" };
            format!(r#","Condition":{{"{operator}":{{"s3:prefix":{}}}}}"#, list(values))
        });
        format!(
            r#"{{"Effect":"{}","Principal":{},"{}Action":{},"{}Resource":{}{condition}}}"#,
            if self.deny { "Deny" } else { "Allow" },
            if self.everybody { r#""*""# } else { r#"{"AWS":"a1"}"# },
            not(self.not_action),
            list(&self.actions),
            not(self.not_resource),
            list(&self.resources),
        )
    }

    fn applies(&self, known: bool, action: &str, resource: &str, prefix: Option<&str>) -> bool {
        let action = action.to_lowercase();
        let any =
            |patterns: &[&str], text: &str| patterns.iter().any(|p| like(p.as_bytes(), text.as_bytes()));
        let lower: Vec<String> = self.actions.iter().map(|a| a.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        (self.everybody || known)
            && any(&lower, &action) != self.not_action
            && any(&self.resources, resource) != self.not_resource
            && self.prefix.as_ref().is_none_or(|(negated, values)| match prefix {
                None => *negated,
                Some(prefix) => any(values, prefix) != *negated,
            })
    }
}

/// By trying every way.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        (Some((b'?', rest)), Some((_, behind))) => like(rest, behind),
        (Some((a, rest)), Some((b, behind))) if a == b => like(rest, behind),
        _ => false,
    }
}

#[test]
fn random_policies_say_what_the_reference_says() {
    let mut rng = Rng::new(11);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..4000 {
        let statements: Vec<Plain> = (0..1 + rng.below(3)).map(|_| Plain::random(&mut rng)).collect();
        let text: Vec<String> = statements.iter().map(Plain::json).collect();
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, text.join(","));
        let policy = bucket(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for _ in 0..8 {
            let known = rng.one_in(2);
            let action = ["s3:GetObject", "s3:PutObject", "s3:GetObjectAcl"][rng.below(3) as usize];
            let resource = ["arn:aws:s3:::b/a", "arn:aws:s3:::b/axb", "arn:aws:s3:::b/", "arn:aws:s3:::b"]
                [rng.below(4) as usize];
            let prefix = [None, Some(""), Some("axb"), Some("ab"), Some("b")][rng.below(5) as usize];
            let mut context = Context::default();
            if let Some(prefix) = prefix {
                context.set("s3:prefix", prefix);
            }
            let who = if known { ANN } else { Who::Anonymous };
            let applying: Vec<&Plain> =
                statements.iter().filter(|s| s.applies(known, action, resource, prefix)).collect();
            let expected = if applying.iter().any(|s| s.deny) {
                denied += 1;
                Verdict::Deny
            } else if applying.is_empty() {
                Verdict::Silent
            } else {
                allowed += 1;
                Verdict::Allow
            };
            assert_eq!(
                policy.evaluate(Some(who), action, resource, &context),
                expected,
                "{text} {action} {resource}"
            );
        }
    }
    assert!(allowed > 1000 && denied > 1000, "{allowed} {denied}");
}
