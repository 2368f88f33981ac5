//! What does each thing cost that is made of a statement: tokens, the tree, its fingerprint, a normalised, printed, formatted text? And does
//! the tree of a deep statement cost per byte what that of a flat one does? Beside libpg_query: `benches/peers/sql`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_sql::lexer::{Mode, lex};
use dolmen_sql::version::Dialect;
use dolmen_sql::{Tokens, Workspace, fingerprint, format, json, normalize};

const QUERY: &str = "WITH paid AS (SELECT customer, sum(total) AS total FROM orders WHERE day >= '2024-01-01' AND NOT cancelled \
     GROUP BY customer HAVING count(*) > 3) SELECT c.name, p.total, rank() OVER (PARTITION BY c.city ORDER BY p.total DESC) \
     FROM customers c JOIN paid p ON p.customer = c.id LEFT JOIN notes n USING (id) WHERE c.city IN ('Brest', 'Vannes', 'Quimper') \
     AND (n.text ILIKE '%carnac%' OR n.text IS NULL) ORDER BY 2 DESC NULLS LAST, 1 LIMIT 20";

fn insert() -> String {
    let rows: Vec<String> = (0..2_000)
        .map(|n| format!("({n}, 'stone number {n}', '2024-05-1{}', {}.5, NULL)", n % 9, n * 7))
        .collect();
    format!("INSERT INTO stones (id, name, day, weight, note) VALUES {}", rows.join(", "))
}

fn statements(c: &mut Criterion) {
    for (name, sql) in [("query", QUERY.to_owned()), ("insert of 2,000 rows", insert())] {
        let mut group = c.benchmark_group(format!("sql/{name}"));
        group.throughput(Throughput::Bytes(sql.len() as u64));
        let mut workspace = Workspace::new();
        let (mut tokens, mut problems) = (Tokens::default(), Vec::new());
        group.bench_function("tokens", |b| {
            b.iter(|| {
                lex(sql.as_bytes(), Mode::Scan, Dialect::default(), &mut tokens, &mut problems);
                black_box(tokens.len())
            });
        });
        let tree = |workspace: &mut Workspace| workspace.parse(&sql).map(|tree| tree.statements().len());
        group.bench_function("tree", |b| b.iter(|| black_box(tree(&mut workspace))));
        let tree = workspace.parse(&sql).expect("it is SQL");
        group.bench_function("fingerprint", |b| b.iter(|| fingerprint::fingerprint(tree)));
        group.bench_function("normalised", |b| b.iter(|| normalize::normalize(tree, false)));
        group.bench_function("printed", |b| b.iter(|| format::deparse(tree)));
        group.bench_function("formatted", |b| b.iter(|| format::format(&sql, &format::Style::default())));
        group.bench_function("JSON", |b| {
            b.iter(|| {
                let mut out = String::new();
                json::write(tree, &mut out);
                out.len()
            });
        });
        group.finish();
    }
}

fn deep(c: &mut Criterion) {
    let mut workspace = Workspace::new();
    for levels in [1_000, 100_000] {
        let mut group = c.benchmark_group(format!("sql/{levels} levels"));
        for (name, open, close) in [
            ("parentheses", "(", ")"),
            ("subselects", "(SELECT ", ")"),
            ("calls", "f(1, ", ")"),
            ("NOT", "NOT ", ""),
        ] {
            let sql = format!("SELECT {}a{}", open.repeat(levels), close.repeat(levels));
            group.throughput(Throughput::Bytes(sql.len() as u64));
            group.bench_function(name, |b| b.iter(|| black_box(workspace.parse(&sql).is_ok())));
        }
        group.finish();
    }
}

criterion_group!(benches, statements, deep);
criterion_main!(benches);
