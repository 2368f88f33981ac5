//! The parser's step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_sql::compare::same;
use dolmen_sql::fingerprint::fingerprint;
use dolmen_sql::format::{Style, format};
use dolmen_sql::{Workspace, scan};

const SOURCE: &str = "with late as (select id, due from orders where due < now() - interval '3 days' /* grace */) \
                      select c.name, count(*) from late join customers c using (id) group by 1 having count(*) > 2; \
                      update orders set state = 'late' where id in (1, 2, 3)";

/// Statements parsed, formatted and parsed again, and one that the server would refuse.
///
/// # Errors
///
/// If the trees differ, or the refusal is not the server's.
pub fn tour(_scratch: &Path) -> Result<Report> {
    let [mut first, mut second] = [Workspace::new(), Workspace::new()];
    let formatted = format(SOURCE, &Style::default())?;
    let tree = first.parse(SOURCE)?;
    let again = second.parse(&formatted)?;
    ensure!(same(tree, again), "formatting changed the tree");
    let statements = scan::split(tree).len();
    let print = fingerprint(tree);
    let wrong = "select name form customers";
    let refused = Workspace::new().parse(wrong).err();
    let refused = refused.map(|error| (error.message.clone(), error.cursor(wrong)));
    let Some((message, cursor)) = refused else {
        anyhow::bail!("{wrong} is no statement, and was taken for one");
    };
    ensure!(
        (message.as_str(), cursor) == ("syntax error at or near \"customers\"", 18),
        "{message} at {cursor}"
    );
    let did = format!(
        "{statements} statements formatted with their tree and comment kept, fingerprint {print:016x}; a third refused as \
         the server does: {message}"
    );
    Ok(Report { system: "sql", did, page: "core/sql/README.md" })
}
