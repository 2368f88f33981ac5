//! Parsing and scanning beside libpg_query's C, interleaved in one process, by the thread's CPU clock.

use std::ffi::CString;
use std::fs;
use std::hint::black_box;

use dolmen_sql::lexer::{Mode, lex};
use dolmen_sql::version::Dialect;
use dolmen_sql::{Tokens, Version, Workspace, fingerprint, format, normalize};

use crate::Done;
use crate::corpus;
use crate::libpg;

const ROUNDS: usize = 15;

/// `speed`.
pub fn run(paths: &[String]) -> Done {
    let mut workspace = Workspace::new();
    let mut regress = corpus::read(paths, Version::default())?;
    regress.retain(|text| {
        workspace.parse(text).is_ok()
            && CString::new(text.as_str()).is_ok_and(|c| libpg::raw_parse(&c).is_ok())
    });
    let analytic = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/analytic.sql"))?;
    let analytic: Vec<String> =
        analytic.split(";\n").map(str::trim).filter(|t| !t.is_empty()).map(Into::into).collect();
    let analytic: Vec<String> = (0..300)
        .map(|n| analytic[n % analytic.len()].replace("2001", &format!("{}", 1990 + n % 30)))
        .collect();
    let rows: Vec<String> = (0..14_321)
        .map(|n| {
            format!(
                "({n}, 'customer number {n}', '2024-0{}-1{}', {}.{:02}, {})",
                n % 9 + 1,
                n % 9,
                n * 7 % 9_973,
                n % 100,
                n % 2 == 0
            )
        })
        .collect();
    let insert = vec![format!("INSERT INTO orders (id, name, day, total, paid) VALUES {}", rows.join(", "))];
    println!(
        "| corpus | bytes | what | libpg_query C, MB/s | dolmen, MB/s | ratio (least–most) |\n|---|--:|---|--:|--:|--:|"
    );
    for (name, texts) in
        [("(i) regression tests", &regress), ("(ii) analytic", &analytic), ("(iii) one INSERT", &insert)]
    {
        measure(name, texts)?;
    }
    Ok(())
}

/// Seconds that this thread has used.
fn clock() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds that some work takes this thread.
pub fn time(mut work: impl FnMut()) -> f64 {
    let start = clock();
    work();
    clock() - start
}

fn measure(name: &str, texts: &[String]) -> Done {
    let c: Vec<CString> = texts.iter().map(|text| CString::new(text.as_str())).collect::<Result<_, _>>()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let repeats = (2_000_000 / bytes).max(1);
    let mut workspace = Workspace::new();
    let (mut tokens, mut problems) = (Tokens::default(), Vec::new());
    let mut samples: [Vec<(f64, f64)>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let all = |work: &mut dyn FnMut(usize)| {
            time(|| (0..repeats).for_each(|_| (0..texts.len()).for_each(&mut *work)))
        };
        samples[0].push((
            all(&mut |i| drop(black_box(libpg::raw_parse(&c[i])))),
            all(&mut |i| drop(black_box(workspace.parse(&texts[i]).map(|t| t.statements().len())))),
        ));
        samples[1].push((
            all(&mut |i| _ = black_box(libpg::scan_tokens(&c[i]))),
            all(&mut |i| {
                lex(texts[i].as_bytes(), Mode::Scan, Dialect::default(), &mut tokens, &mut problems);
                black_box(tokens.len());
            }),
        ));
        samples[2].push((
            all(&mut |i| {
                drop(black_box(pg_query::fingerprint(
                    &texts[i],
                    pg_query::ParserOptions::default(),
                    pg_query::FingerprintOptions::default(),
                )))
            }),
            all(&mut |i| drop(black_box(workspace.parse(&texts[i]).map(fingerprint::fingerprint)))),
        ));
        samples[3].push((
            all(&mut |i| drop(black_box(pg_query::normalize(&texts[i])))),
            all(&mut |i| {
                drop(black_box(workspace.parse(&texts[i]).map(|tree| normalize::normalize(tree, false))))
            }),
        ));
        if bytes < 4_000_000 && texts.len() > 1 {
            samples[4].push((
                all(&mut |i| {
                    drop(black_box(
                        pg_query::parse(&texts[i], pg_query::ParserOptions::default())
                            .and_then(|tree| tree.deparse(pg_query::DeparseOptions::default())),
                    ))
                }),
                all(&mut |i| drop(black_box(workspace.parse(&texts[i]).map(format::deparse)))),
            ));
        }
    }
    for (what, rounds) in
        ["parse", "scan", "fingerprint", "normalize", "parse and deparse"].iter().zip(&samples)
    {
        if rounds.is_empty() {
            continue;
        }
        let total = (bytes * repeats) as f64 / 1e6;
        let ratios = sorted(rounds.iter().map(|(theirs, ours)| theirs / ours).collect());
        let theirs = sorted(rounds.iter().map(|r| total / r.0).collect());
        let ours = sorted(rounds.iter().map(|r| total / r.1).collect());
        println!(
            "| {name} | {bytes} | {what} | {:.1} | {:.1} | **{:.2}** ({:.2}–{:.2}) |",
            theirs[ROUNDS / 2],
            ours[ROUNDS / 2],
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        );
    }
    Ok(())
}

/// The least first.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
