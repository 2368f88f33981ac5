//! Lesson 1: precedence climbing on a stack of one's own.
//!
//! `cargo run -p dolmen-sql --example precedence`
//!
//! An expression is operands with operators between them. Who owns the operand in the middle of `a + b * c`? The operator
//! that binds tighter. A parser needs no rule per level for that, and no call per level either:
//!
//! * read an operand; look at the operator behind it;
//! * while the operator on top of the stack binds at least as tight, it is complete: build its node;
//! * then push the new operator, which waits for its right side.
//!
//! Depth costs one entry of a `Vec` instead of a frame of the native stack. The last part shows that the real parser
//! ([`dolmen_sql`]) gives the same tree for the same text.

use dolmen_sql::visit::{Walk, walk};
use dolmen_sql::{Workspace, views::A_Expr};

/// How tight an operator binds, and whether two of the same strength may stand side by side.
fn power(operator: &str) -> Option<(u8, bool)> {
    Some(match operator {
        "<" | "=" | ">" => (1, false),
        "+" | "-" => (2, true),
        "*" | "/" => (3, true),
        "^" => (4, true),
        _ => return None,
    })
}

/// The text with parentheses around every operation, or the word at which it stops.
fn parenthesise(text: &str) -> Result<String, String> {
    let mut words = text.split_whitespace();
    // Each entry: what stands left of the operator, the operator.
    let mut stack: Vec<(String, &str)> = Vec::new();
    let mut operand = words.next().ok_or("nothing")?.to_string();
    loop {
        let next = words.next();
        let (strength, joins) = match next {
            None => (0, true),
            Some(word) => power(word).ok_or(word)?,
        };
        while let Some(&(_, above)) = stack.last() {
            let (waiting, _) = power(above).unwrap_or((0, true));
            if waiting < strength {
                break;
            }
            if waiting == strength && !joins {
                // `a < b < c`: neither may own `b`.
                return Err(next.unwrap_or("end").to_string());
            }
            let (left, operator) = stack.pop().unwrap_or_default();
            operand = format!("({left} {operator} {operand})");
        }
        let Some(operator) = next else { return Ok(operand) };
        stack.push((operand, operator));
        operand = words.next().ok_or("end")?.to_string();
    }
}

/// The same from the real tree: an operation's bytes, inner ones first.
fn operations(sql: &str) -> Result<Vec<String>, dolmen_sql::Error> {
    let mut workspace = Workspace::new();
    let tree = workspace.parse(sql)?;
    let mut found = Vec::new();
    walk(tree, &mut |node: dolmen_sql::Node<'_>, _: &'static str| {
        if node.view::<A_Expr<'_>>().is_some() {
            found.push(sql[node.range()].to_string());
        }
        Walk::In
    });
    found.sort_by_key(String::len);
    Ok(found)
}

fn main() {
    for text in ["a + b * c", "a * b + c", "a - b - c", "a ^ b ^ c", "a + b < c * d", "a < b < c"] {
        match parenthesise(text) {
            Ok(found) => println!("{text:<15} {found}"),
            Err(word) => println!("{text:<15} refused at {word:?}"),
        }
        match operations(&format!("SELECT {text}")) {
            Ok(found) => println!("{:<15} the parser builds, in this order: {}", "", found.join("; ")),
            Err(error) => println!("{:<15} the parser says: {error}", ""),
        }
    }
    let deep = format!("{}a", "a - ".repeat(2_000));
    println!(
        "2,000 operators: {} bytes, no native stack used",
        parenthesise(&deep).map_or(0, |text| text.len())
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lesson_and_the_parser_agree() {
        super::main();
        assert_eq!(super::parenthesise("a + b * c - d").as_deref(), Ok("((a + (b * c)) - d)"));
        assert_eq!(super::parenthesise("a < b < c"), Err("<".into()));
        assert_eq!(super::operations("SELECT a + b * c").unwrap(), ["b * c", "a + b * c"]);
        assert!(super::operations("SELECT a < b < c").is_err());
    }
}
