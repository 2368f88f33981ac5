//! Templates of chats: what Jinja 3.1 makes of them.

use dolmen_llm::check::check_template;
use dolmen_llm::template::{Template, TemplateError};
use dolmen_text::json::Document;

fn render(template: &str, variables: &str) -> Result<String, TemplateError> {
    let document = Document::read(variables.as_bytes()).unwrap_or_else(|e| panic!("{e}: {variables}"));
    Template::parse(template)?.render(document.root(), 1_700_000_000)
}

#[track_caller]
fn check(template: &str, variables: &str, wanted: &str) {
    assert_eq!(render(template, variables).as_deref(), Ok(wanted), "{template}");
}

#[test]
fn expressions() {
    let v = r#"{"a":3,"b":"stone","c":[1,2,3],"d":{"k":"v","n":null},"t":true}"#;
    for (template, wanted) in [
        ("{{ a + 2 * 3 - 1 }} {{ a // 2 }} {{ a / 2 }} {{ -a % 2 }} {{ 2 ** 3 }}", "8 1 1.5 1 8"),
        ("{{ b ~ a }} {{ b + 's' }} {{ b * 2 }}", "stone3 stones stonestone"),
        (
            "{{ b[0] }}{{ b[-1] }} {{ b[1:3] }} {{ c[::-1] }} {{ c[-2:] }} {{ c[0] }}",
            "se to [3, 2, 1] [2, 3] 1",
        ),
        ("{{ d.k }} {{ d['k'] }} {{ d.n }} {{ d.x }}|{{ nothing }}", "v v None |"),
        ("{{ 'yes' if t else 'no' }} {{ 'x' if not t }}{{ (1 if a > 5 else 2 if a > 2 else 3) }}", "yes 2"),
        (
            "{{ a == 3 and b != 'x' or false }} {{ 2 in c }} {{ 5 not in c }} {{ 'to' in b }} {{ 'k' in d }}",
            "True True True True True",
        ),
        (
            "{{ a is defined }} {{ x is undefined }} {{ d is mapping }} {{ b is string }} {{ c is iterable }} {{ d.n is none }} {{ a is not odd }}",
            "True True True True True True False",
        ),
        (
            "{{ c | join('-') }} {{ c|length }} {{ b|upper }} {{ ' x '|trim }}. {{ x|default('d') }} {{ c|first }}{{ c|last }}",
            "1-2-3 3 STONE x. d 13",
        ),
        ("{{ d|tojson }} {{ c|tojson(indent=1) }}", "{\"k\": \"v\", \"n\": null} [\n 1,\n 2,\n 3\n]"),
        (
            "{{ b.upper() }} {{ b.split('o') }} {{ b.replace('st', 'b') }} {{ b.startswith('st') }} {{ d.items()|list }} {{ d.get('z', 'q') }}",
            "STONE ['st', 'ne'] bone True [('k', 'v'), ('n', None)] q"
                .replace('(', "[")
                .replace(')', "]")
                .leak(),
        ),
        (
            "{{ [1, 'a', true, none, 1.5] }} {{ {'x': [1]} }} {{ (1, 2) }} {{ (1) }}",
            "[1, 'a', True, None, 1.5] {'x': [1]} [1, 2] 1",
        ),
        (
            "{{ c|map('string')|join }} {{ [{'r':'a'},{'r':'b'}]|map(attribute='r')|join(',') }} {{ [{'r':'a'},{'r':'b'}]|selectattr('r','equalto','b')|list|length }}",
            "123 a,b 1",
        ),
        (
            "{{ range(3)|list }} {{ 'a' 'b' }} {{ \"q\\n'\" }} {{ strftime_now('%d %b %Y') }}",
            "[0, 1, 2] ab q\n' 14 Nov 2023",
        ),
        (
            "{{ not a == 3 }} {{ a < 4 and a >= 3 }} {{ {} or 'empty' }} {{ {'a': {'b': 1}}.a.b }}",
            "False True empty 1",
        ),
    ] {
        check(template, v, wanted);
    }
}

#[test]
fn blocks() {
    let v = r#"{"m":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;
    for (template, wanted) in [
        (
            "{% for x in m %}{{ loop.index }}{{ x.role[0] }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1u,2a,3u",
        ),
        (
            "{% for x in m if x.role == 'user' %}{{ loop.index0 }}{{ x.content }}{{ loop.length }} {% else %}none{% endfor %}",
            "0a2 1c2 ",
        ),
        (
            "{% for x in [] %}x{% else %}none{% endfor %}{% for x in [1] %}x{% else %}none{% endfor %}",
            "nonex",
        ),
        (
            "{% for x in m %}{% if loop.first %}{% continue %}{% endif %}{{ x.content }}{% break %}{% endfor %}!",
            "b!",
        ),
        (
            "{% set ns = namespace(n=0) %}{% for x in m %}{% set ns.n = ns.n + 1 %}{% set y = 1 %}{% endfor %}{{ ns.n }}{{ y }}",
            "3",
        ),
        ("{% set x %}in{{ 1 }}{% endset %}[{{ x }}]", "[in1]"),
        (
            "{% macro f(a, b='z') %}<{{ a }}{{ b }}>{% endmacro %}{{ f(1) }}{{ f(1, b=2) }}{{ f('q') | upper }}",
            "<1z><12><QZ>",
        ),
        ("{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"),
        (
            "{% if a %}1{% elif m|length == 3 %}2{% else %}3{% endif %}{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
            "2x1",
        ),
        (
            "{% filter upper %}a{{ 'b' }}{% endfilter %}{% raw %}{{ x }}{% endraw %}{# gone #}.{% generation %}g{% endgeneration %}",
            "AB{{ x }}.g",
        ),
        ("a\n{% if true %}\n  b\n{% endif %}\nc\n", "a\n  b\nc"),
        ("a  \n  {%- if true -%}  b  {%- endif %}\n", "ab"),
        ("  {% set x = 1 %}\n  {{- x }} {{ x -}}  \n!", "1 1!"),
    ] {
        check(template, v, wanted);
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_place() {
    let refused = |template: &str| render(template, "{}").unwrap_err();
    assert!(matches!(refused("{% include 'x' %}"), TemplateError::Unsupported { at: 3, .. }));
    assert!(matches!(refused("ab{{ 1 | nothing }}"), TemplateError::Unsupported { .. }));
    for template in [
        "{{ 1",
        "{% if 1 %}",
        "{{ (1 }}",
        "{% endif %}",
        "{{ 1 2 }}",
        "{{ 'a }}",
        "{% for x %}{% endfor %}",
        "{{ a[] }}",
        "{% break %}",
    ] {
        assert!(matches!(refused(template), TemplateError::Syntax { .. }), "{template}");
    }
    for template in
        ["{{ 1 + 'a' }}", "{{ 1 / 0 }}", "{{ x() }}", "{% for x in 3 %}{% endfor %}", "{{ 1 < 'a' }}"]
    {
        assert!(matches!(refused(template), TemplateError::Value { .. }), "{template}");
    }
    assert_eq!(refused("{{ raise_exception('no ' ~ 1) }}"), TemplateError::Raised("no 1".into()));
}

#[test]
fn nothing_runs_for_ever_or_fills_the_memory() {
    let limits = [
        "{% for a in range(60000) %}{% for b in range(60000) %}{% endfor %}{% endfor %}".to_owned(),
        "{{ 'a' * 1000000000 }}".to_owned(),
        "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}".to_owned(),
        "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}".to_owned(),
        format!("{{{{ {}1{} }}}}", "(".repeat(1000), ")".repeat(1000)),
        "{% if true %}".repeat(1000),
        "{{ range(10000000) }}".to_owned(),
    ];
    for template in limits {
        let error = render(&template, "{}").unwrap_err();
        assert!(matches!(error, TemplateError::Limit { .. }), "{error}");
    }
    let endless = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert!(matches!(render(endless, "{}"), Err(TemplateError::Unsupported { .. })));
    let inside = "{% set a = namespace() %}{% set a.a = a %}";
    assert!(matches!(render(inside, "{}"), Err(TemplateError::Unsupported { .. })));
}

#[test]
fn seeds_replay() {
    dolmen_testkit::replay("llm_template", check_template);
}
