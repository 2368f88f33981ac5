//! `dolmen sql tables`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use dolmen_cli::{Out, Status};
use dolmen_sql::usage::{Usage, Use, usage};
use dolmen_sql::{Error, Workspace};
use serde_json::{Value, json};

use crate::input::{self, Dialect};

/// Prints what a file uses; a refusal where it does not parse.
pub fn run(file: &Path, dialect: Dialect, out: &mut Out) -> Result<Result<Status, (Error, String)>> {
    let bytes = input::read(file)?;
    let text = match input::utf8(&bytes) {
        Ok(text) => text,
        Err(error) => return Ok(Err((error, String::new()))),
    };
    let mut workspace = Workspace::new();
    let found = match workspace.parse_with(text, dialect.options()) {
        Ok(tree) => usage(tree),
        Err(error) => return Ok(Err((error, text.to_string()))),
    };
    if out.is_json() {
        out.object(&json(&found))?;
    } else {
        print(&found, out)?;
    }
    Ok(Ok(Status::Success))
}

fn json(found: &Usage) -> Value {
    let used = |used: &Use, kind: &str| {
        let mut object = json!({ "name": used.name, "start": used.range.start, "end": used.range.end });
        if kind != "function" {
            object["role"] = used.role.name().into();
        }
        if kind == "column" {
            object["table"] = used.table.clone().into();
        }
        object
    };
    let all = |uses: &[Use], kind| uses.iter().map(|u| used(u, kind)).collect::<Vec<_>>();
    let parameters: Vec<Value> = found
        .parameters
        .iter()
        .map(|(number, range)| json!({ "number": number, "start": range.start, "end": range.end }))
        .collect();
    json!({
        "tables": all(&found.tables, "table"), "columns": all(&found.columns, "column"),
        "functions": all(&found.functions, "function"), "parameters": parameters,
    })
}

/// Each thing once, in order of its name.
fn print(found: &Usage, out: &mut Out) -> Result<()> {
    let mut lines = BTreeSet::new();
    for table in &found.tables {
        lines.insert((0, format!("table      {:<6} {}", table.role.name(), table.name)));
    }
    for column in &found.columns {
        let table = column.table.as_deref().map_or_else(String::new, |table| format!("{table}."));
        lines.insert((1, format!("column     {:<6} {table}{}", column.role.name(), column.name)));
    }
    for function in &found.functions {
        lines.insert((2, format!("function   {:<6} {}", "call", function.name)));
    }
    for (number, _) in &found.parameters {
        lines.insert((3, format!("parameter  {:<6} ${number}", "")));
    }
    for (_, line) in lines {
        out.line(line)?;
    }
    Ok(())
}
