//! Grammars and schemas: what they accept, what they let a model say, what they refuse.

use dolmen_llm::check::check_grammar;
use dolmen_llm::grammar::{Grammar, GrammarError};
use dolmen_llm::schema::{self, SchemaError};
use dolmen_text::json::Document;

fn accepts(grammar: &Grammar, text: &str) -> bool {
    grammar.take_all(&grammar.start(), text.as_bytes()).is_some_and(|state| state.is_complete())
}

/// Each line: a text that is accepted, or after `!` one that is not.
fn check(grammar: &str, lines: &[&str]) {
    let grammar = Grammar::parse(grammar).unwrap_or_else(|e| panic!("{e}: {grammar}"));
    for line in lines {
        match line.strip_prefix('!') {
            Some(line) => assert!(!accepts(&grammar, line), "{line:?} is accepted"),
            None => assert!(accepts(&grammar, line), "{line:?} is not accepted"),
        }
    }
}

#[test]
fn forms_of_llama_cpp() {
    check(r#"root ::= "a" | "b" "c""#, &["a", "bc", "!b", "!ab", "!"]);
    check(
        "root ::= x* \"!\"\nx ::= [a-c] | \"-\"",
        &["!", "ab-!", "!d!", "!ab"].map(|l| if l == "!" { "a!" } else { l }),
    );
    check("root ::= [^a-c\\n]+ # all else\n", &["xyz", "!xa", "!", "é日"]);
    check("root ::= \"ab\"+ \"c\"?", &["ab", "ababc", "!aba", "!c"]);
    check("root ::= [0-9]{2,3} (\",\" [0-9]{1})*", &["12", "123,4,5", "!1", "!1234", "!12,"]);
    check("root ::= [0-9]{2,}", &["12", "123456", "!1"]);
    check("root ::= [0-9]{3}", &["123", "!12", "!1234"]);
    check("root ::= (\"a\"\n | (\"b\" | \"c\") \"d\")\n", &["a", "bd", "cd", "!b"]);
    check("root ::=\n  item |\n  \"x\"\nitem ::= . \"\\x41\" \"\\u00e9\"", &["zAé", "日Aé", "x", "!A"]);
    check(
        "root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9] | \"(\" expr \")\"",
        &["1+(2+3)+((4))", "!1+", "!(1"],
    );
    check("root ::= [a\\]-] | [-x]", &["]", "-", "a", "x", "!b"]);
    check("root ::= \"\" | \"a\" root", &["", "aaa", "!b"]);
}

#[test]
fn what_cannot_be_used_is_refused_by_its_place() {
    let error = |text: &str| Grammar::parse(text).unwrap_err();
    assert_eq!(error("a ::= \"x\""), GrammarError::NoRoot);
    assert_eq!(error("root ::= b"), GrammarError::Undefined { at: 9 });
    assert!(matches!(error("root ::= root \"a\" | \"b\""), GrammarError::LeftRecursive { .. }));
    assert!(matches!(error("root ::= e root\ne ::= \"\" | \"x\""), GrammarError::LeftRecursive { .. }));
    assert_eq!(error("root ::= \"a\" root"), GrammarError::Endless);
    assert_eq!(error("root ::= \"a\"\nroot ::= \"b\""), GrammarError::Twice { at: 13 });
    for text in [
        "root ::= \"a",
        "root ::= [a",
        "root = \"a\"",
        "root ::= (\"a\"",
        "root ::= *",
        "root ::= \"a\"{3,2}",
        "root ::= \"\\q\"",
    ] {
        assert!(matches!(error(text), GrammarError::Invalid { .. }), "{text}");
    }
    assert!(matches!(error("root ::= \"a\"{9999}"), GrammarError::Limit { .. }));
    assert!(matches!(error(&format!("root ::= {}", "(".repeat(100_000))), GrammarError::Limit { .. }));
    let nested = "root ::= ((((([a]{1,2000}){1,2000}){1,2000}){1,2000}){1,2000}){1,2000}";
    assert!(Grammar::parse(nested).is_ok());
    let copies = "root ::= (\"a\"{2000} \"b\"{2000}){2000} ".to_owned() + &"\"c\"{2000} ".repeat(200);
    assert!(matches!(error(&copies), GrammarError::Limit { .. }));
}

#[test]
fn the_distance_to_the_end_is_the_shortest() {
    let grammar = Grammar::parse("root ::= \"[\" (x (\",\" x)*)? \"]\"\nx ::= \"ab\" | root").unwrap();
    let at = |text: &str| grammar.distance(&grammar.take_all(&grammar.start(), text.as_bytes()).unwrap());
    assert_eq!([at(""), at("["), at("[a"), at("[ab,"), at("[["), at("[]")], [2, 1, 2, 3, 2, 0]);
}

#[test]
fn characters_may_come_in_parts() {
    let grammar = Grammar::parse("root ::= [à-é] [^日]").unwrap();
    let parts = "é".as_bytes();
    let state = grammar.take(&grammar.start(), parts[0]).unwrap();
    assert!(!state.is_complete());
    let state = grammar.take(&state, parts[1]).unwrap();
    assert!(grammar.take(&state, 0x80).is_none());
    assert!(grammar.take_all(&state, "日".as_bytes()).is_none());
    assert!(grammar.take_all(&state, "本".as_bytes()).unwrap().is_complete());
    assert!(grammar.take(&grammar.start(), "日".as_bytes()[0]).is_none());
    // Too long a form of 'A'.
    let any = Grammar::parse("root ::= .").unwrap();
    assert!(any.take_all(&any.start(), &[0xe0, 0x81, 0x81]).is_none());
}

fn check_schema(schema: &str, lines: &[&str]) {
    let text = schema::text(schema.as_bytes()).unwrap_or_else(|e| panic!("{e}: {schema}"));
    check(&text, lines);
}

#[test]
fn schemas_become_grammars() {
    let person = r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0},"tags":{"type":"array","items":{"enum":["a","b"]},"maxItems":2}},"required":["name","age"]}"#;
    check_schema(
        person,
        &[
            r#"{"name":"x\n","age":3}"#.replace('\n', "\\n").leak(),
            r#"{ "name": "日", "age": 30, "tags": ["a", "b"] }"#,
            r#"{"name":"","age":0,"tags":[]}"#,
            r#"!{"age":3,"name":"x"}"#,
            r#"!{"name":"x"}"#,
            r#"!{"name":"x","age":-3}"#,
            r#"!{"name":"x","age":3,"tags":["c"]}"#,
            r#"!{"name":"x","age":3,"tags":["a","a","a"]}"#,
            r#"!{"name":"x","age":3,"more":1}"#,
        ],
    );
    let optional =
        r#"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"boolean"},"c":{"const":"é\""}}}"#;
    check_schema(
        optional,
        &[
            "{}",
            r#"{"a":null}"#,
            r#"{"b":true,"c":"é\""}"#,
            r#"{"a":null,"c":"é\""}"#,
            r#"{"c":"é\""}"#,
            r#"!{"c":"é\"","a":null}"#,
            "!{,}",
        ],
    );
    check_schema(r#"{"type":["string","null"],"maxLength":2}"#, &[r#""ab""#, "null", r#"!"abc""#]);
    check_schema(
        r#"{"anyOf":[{"type":"number"},{"type":"array","prefixItems":[{"type":"null"},{"const":1}]}]}"#,
        &["-1.5e3", "[null, 1]", "![1,null]"],
    );
    check_schema(
        r##"{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["kids"]}}}"##,
        &[r#"{"kids":[{"kids":[]},{"kids":[{"kids":[]}]}]}"#, "!{}"],
    );
    check_schema("true", &["[1,{\"a\":null}]", "3"]);
    check_schema(
        r#"{"type":"object","additionalProperties":{"type":"integer"}}"#,
        &["{}", r#"{"x":1,"y":2}"#, r#"!{"x":"1"}"#],
    );
    assert!(accepts(&schema::any_object(), r#"{"a":[1,2,{"b":"c"}]}"#));
}

#[test]
fn schemas_that_are_not_known_are_refused() {
    for schema in [
        r#"{"type":"string","pattern":"a+"}"#,
        r#"{"type":"integer","maximum":3}"#,
        r#"{"allOf":[]}"#,
        r#"{"$ref":"http://x"}"#,
        "false",
        r#"{"minimum":7,"type":"number"}"#,
    ] {
        assert!(
            matches!(schema::grammar(schema.as_bytes()), Err(SchemaError::Unsupported { .. })),
            "{schema}"
        );
    }
    for schema in ["3", r#"{"type":"stone"}"#, r#"{"enum":[]}"#, r##"{"$ref":"#/nowhere"}"##] {
        assert!(matches!(schema::grammar(schema.as_bytes()), Err(SchemaError::Invalid { .. })), "{schema}");
    }
    let deep = format!("{}true{}", r#"{"items":"#.repeat(70), "}".repeat(70));
    assert!(matches!(schema::grammar(deep.as_bytes()), Err(SchemaError::TooDeep { .. })));
    let endless =
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"},"minItems":1}}}"##;
    assert!(matches!(schema::grammar(endless.as_bytes()), Err(SchemaError::Grammar(GrammarError::Endless))));
}

/// Whatever a grammar of a schema accepts is JSON: random walks through it, cut short by the distance.
#[test]
fn walks_through_a_schema_are_json() {
    let schema = br#"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"array","items":{"type":["string","boolean"]}},"c":true}}"#;
    let grammar = schema::grammar(schema).unwrap();
    let mut rng = dolmen_base::Rng::new(5);
    for _ in 0..60 {
        let (mut state, mut text) = (grammar.start(), Vec::new());
        while !state.is_complete() {
            let near = text.len() > 60;
            let before = grammar.distance(&state);
            let mut bytes: Vec<u8> = (b' '..=b'~').collect();
            if near {
                bytes.retain(|&byte| {
                    grammar.take(&state, byte).is_some_and(|next| grammar.distance(&next) < before)
                });
            } else {
                bytes.retain(|&byte| grammar.take(&state, byte).is_some());
            }
            let byte = bytes[rng.below(bytes.len() as u64) as usize];
            state = grammar.take(&state, byte).unwrap();
            text.push(byte);
        }
        Document::read(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text)));
    }
}

#[test]
fn seeds_replay() {
    dolmen_testkit::replay("llm_grammar", check_grammar);
}
