//! Layouts: style options, bodies of functions, what is left as it is.

use dolmen_sql::format::{Case, FormatError, Style, format, format_with};
use dolmen_sql::{Options, Workspace, compare};

fn check(sql: &str, style: Style, wanted: &str) {
    let once = format(sql, &style).unwrap();
    assert_eq!(once, wanted, "{sql}");
    assert_eq!(format(&once, &style).unwrap(), once, "{sql}");
}

#[test]
fn keywords_commas_and_lines_follow_the_style() {
    let narrow = Style { width: 20, ..Style::default() };
    check(
        "select alpha, beta, gamma from t; select 1 -- one\n; -- two\nselect 2",
        narrow,
        "SELECT\n    alpha,\n    beta,\n    gamma\nFROM t;\nSELECT 1 -- one\n; -- two\nSELECT 2\n",
    );
    check(
        "select alpha, beta, gamma from t; select 2",
        Style { leading_commas: true, blank_lines: true, keywords: Case::Lower, ..narrow },
        "select\n    alpha\n    , beta\n    , gamma\nfrom t;\n\nselect 2\n",
    );
    check("Select a From t", Style { keywords: Case::Keep, ..Style::default() }, "Select a\nFrom t\n");
    check("SELECT A", Style { keywords: Case::Lower, ..Style::default() }, "select A\n");
}

#[test]
fn bodies_of_functions_in_sql_are_formatted_and_nothing_else_between_dollars() {
    let style = Style::default();
    let sql = "create function f(a int) returns int language sql as $$ select a+1 -- more\n, 'x' $$";
    let once = format(sql, &style).unwrap();
    assert!(
        once.contains("$$\nSELECT\n    a + 1, -- more\n    'x'\n$$") || once.contains("a + 1 -- more"),
        "{once}"
    );
    assert_eq!(format(&once, &style).unwrap(), once);
    let one = format("create function f() returns int as $b$select 1$b$ language sql", &style).unwrap();
    assert!(one.contains("$b$SELECT 1$b$"), "{one}");
    assert_eq!(format(&one, &style).unwrap(), one);
    let kept = format(sql, &Style { bodies: false, ..style }).unwrap();
    assert!(kept.contains("$$ select a+1 -- more\n, 'x' $$"), "{kept}");
    for same in ["$$x|y%L$$", "$$select  1$$", "$w$ %s 50%% $w$"] {
        let sql = format!("select format({same}, x)");
        assert!(format(&sql, &style).unwrap().contains(same), "{same}");
    }
    for body in ["$$ begin return  1; end $$", "$$ not sql  at all $$"] {
        let language = if body.contains("begin") { "plpgsql" } else { "sql" };
        let sql = format!("create function f() returns int language {language} as {body}");
        assert!(format(&sql, &style).unwrap().contains(body), "{body}");
    }
    // A body that makes a function with a body.
    let nested = "create procedure p() language sql as $a$ create function f() returns int language sql as $b$select  2$b$ $a$";
    let once = format(nested, &style).unwrap();
    assert!(once.contains("$b$SELECT 2$b$"), "{once}");
    assert_eq!(format(&once, &style).unwrap(), once);
}

#[test]
fn psql_variables_stay_and_commands_are_left_alone() {
    let options = Options { psql: true, ..Options::default() };
    let style = Style::default();
    let once = format_with("select :'name' from :\"tab\" where a=:n", &style, options).unwrap();
    assert_eq!(once, "SELECT :'name'\nFROM :\"tab\"\nWHERE a = :n\n");
    assert_eq!(format_with("select 1 \\gset\nselect 2", &style, options), Err(FormatError::Commands));
    let data = "COPY t FROM STDIN;\n1\n\\.\n";
    assert_eq!(format_with(data, &style, options), Err(FormatError::Commands));
}

#[test]
fn every_style_keeps_the_tree() {
    let sql = "with a as (select 1, 2 /* c */ from t) insert into u (x, y) select * from a where b in (1, 2, 3) or c -- d\n\
               and e order by 1, 2; create table v (a int primary key, b text default 'x', check (a > 0)); -- end";
    let (mut first, mut second) = (Workspace::new(), Workspace::new());
    let tree = first.parse(sql).unwrap();
    for bits in 0..16 {
        let style = Style {
            indent: 2 + bits % 2 * 2,
            width: [30, 100][bits / 2 % 2],
            leading_commas: bits & 4 != 0,
            blank_lines: bits & 8 != 0,
            ..Style::default()
        };
        let once = format(sql, &style).unwrap();
        assert!(compare::same(tree, second.parse(&once).unwrap()), "{once}");
        assert_eq!(format(&once, &style).unwrap(), once);
        assert!(["/* c */", "-- d", "-- end"].iter().all(|comment| once.contains(comment)), "{once}");
    }
}
