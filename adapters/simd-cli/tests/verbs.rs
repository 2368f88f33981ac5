//! The verbs, run as `dolmen simd` runs them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use clap::Parser;
use dolmen_cli::{Out, Status};
use dolmen_simd::level::Level;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    simd: dolmen_simd_cli::Args,
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn run(args: &[&str], json: bool) -> Result<String, String> {
    let page = Page::default();
    let mut out = Out::to(page.clone(), json);
    let parsed = Command::try_parse_from(["simd"].iter().chain(args)).map_err(|error| error.to_string())?;
    let status = dolmen_simd_cli::run(parsed.simd, &mut out).map_err(|error| format!("{error:#}"))?;
    out.flush().unwrap();
    assert_eq!(status, Status::Success);
    let bytes = page.0.lock().unwrap().clone();
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn levels_are_listed_one_a_line() {
    let lines = run(&["levels"], false).unwrap();
    let names: Vec<&str> = lines.lines().collect();
    assert_eq!(names, Level::available().map(Level::name).collect::<Vec<_>>());
    for line in run(&["levels"], true).unwrap().lines() {
        let facts: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(names.contains(&facts["level"].as_str().unwrap()));
    }
}

#[test]
fn figures_have_their_keys() {
    let args = ["bench", "--kernel", "dot,gemm,q4_k,softmax", "--len", "256", "--iterations", "3"];
    let lines = run(&args, true).unwrap();
    let figures: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Four kernels, aligned and not, at each level.
    assert_eq!(figures.len(), 4 * 2 * Level::available().count());
    for figure in &figures {
        assert!(Level::by_name(figure["level"].as_str().unwrap()).is_ok());
        assert_eq!(figure["len"], 256);
        assert!(figure["ns"].as_f64().unwrap() > 0.0 && figure["gflops"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(figures[0]["kernel"], "dot");
}

#[test]
fn every_kernel_runs_at_every_level() {
    let lines = run(&["bench", "--kernel", "all", "--len", "100", "--iterations", "1"], true).unwrap();
    assert!(lines.lines().count() >= 30 * 2 * Level::available().count());
}

#[test]
fn one_level_and_a_table() {
    let table =
        run(&["bench", "--kernel", "dot", "--level", "scalar", "--len", "1000", "--iterations", "2"], false)
            .unwrap();
    assert!(table.contains("GFLOP/s") && table.contains("unaligned") && !table.contains("avx"), "{table}");
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let error = run(&["bench", "--level", foreign], false).unwrap_err();
    assert!(error.starts_with(&format!("this CPU has no level {foreign}; it has scalar")), "{error}");
    let error = run(&["bench", "--level", "mmx"], false).unwrap_err();
    assert!(error.starts_with("no level is called \"mmx\""), "{error}");
    let error = run(&["bench", "--kernel", "dot,dots"], false).unwrap_err();
    assert!(error.starts_with("no kernel is called \"dots\"; there are all, dot, l2"), "{error}");
    let error = run(&["bench", "--len", "0"], false).unwrap_err();
    assert_eq!(error, "--len is 1 to 67108864, not 0");
    assert!(run(&["bench", "--iterations", "0"], false).unwrap_err().contains("iterations"));
}

#[test]
fn pictures_are_drawn() {
    let path = std::env::temp_dir().join(format!("dolmen-simd-{}.svg", std::process::id()));
    let args = [
        "bench",
        "--kernel",
        "dot,l2",
        "--len",
        "1024",
        "--iterations",
        "2",
        "--svg",
        path.to_str().unwrap(),
    ];
    run(&args, false).unwrap();
    let svg = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<title>").count(), 2 * Level::available().count());
    let error = run(
        &["bench", "--kernel", "dot", "--len", "9", "--iterations", "1", "--svg", "/nowhere/x.svg"],
        false,
    );
    assert!(error.unwrap_err().starts_with("cannot write the picture to /nowhere/x.svg"));
}

#[test]
fn the_tour_tells_a_speed_up() {
    let report = dolmen_simd_cli::tour(&std::env::temp_dir()).unwrap();
    assert_eq!(report.system, "simd");
    assert!(report.did.contains("times as fast"), "{}", report.did);
}
