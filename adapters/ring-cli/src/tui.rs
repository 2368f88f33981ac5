//! `tui`: a ring in braille, the nodes' loads as bars, changes by keys. Fits 80 × 24.

use std::io::IsTerminal;

use anyhow::bail;
use dolmen_ring::analysis::{CIRCLE, arc_shares, balance_of_arcs};
use dolmen_ring::{Node, Placement};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::canvas::{Canvas, Points};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::interactive::Lab;
use super::{AlgorithmArgs, read_members};

/// Arguments of `tui`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// The nodes to start with, or a file
    #[arg(long, default_value = "node-0,node-1,node-2")]
    nodes: String,
}

/// Runs `tui`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let placement = args.algorithm.place(read_members(&args.nodes)?)?;
    if placement.ring().is_none() {
        bail!("{} has no ring to show: choose ring, bounded or token-allocator", args.algorithm.algorithm);
    }
    let mut screen = Screen {
        lab: Lab::new(placement, KEYS),
        selected: 0,
        added: 0,
        message: "? for help".into(),
        moved: 0,
        typing: None,
        key: None,
        help: false,
    };
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        bail!("the picture needs a terminal; without one try `dolmen ring interactive` or `dolmen ring viz`");
    }
    let mut terminal = ratatui::try_init()?;
    let result = loop {
        if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(error.into());
        }
        match event::read() {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                let interrupt =
                    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
                if interrupt || !screen.press(key.code) {
                    break Ok(());
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error.into()),
        }
    };
    ratatui::try_restore()?;
    result
}

struct Screen {
    lab: Lab,
    selected: usize,
    added: u32,
    message: String,
    moved: u64,
    /// What is being typed, and for what.
    typing: Option<(Typing, String)>,
    /// The key that is followed.
    key: Option<String>,
    help: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Typing {
    Node,
    Key,
}

impl Screen {
    fn names(&self) -> Vec<String> {
        self.lab.placement.members().iter().map(|(_, n)| n.name().to_string()).collect()
    }

    /// A key while a line is typed.
    fn type_on(&mut self, what: Typing, mut line: String, key: KeyCode) {
        match key {
            KeyCode::Enter if what == Typing::Node => {
                let result = self.lab.add(&line);
                self.tell(result);
                return;
            }
            KeyCode::Enter => {
                self.key = Some(line).filter(|key| !key.is_empty());
                return;
            }
            KeyCode::Esc => return,
            KeyCode::Backspace => drop(line.pop()),
            KeyCode::Char(c) if line.len() < LINE_MAX => line.push(c),
            _ => {}
        }
        self.typing = Some((what, line));
    }

    fn tell(&mut self, result: anyhow::Result<dolmen_ring::analysis::Movement>) {
        self.message = match result {
            Ok(moved) => {
                self.moved += moved.moved;
                format!(
                    "{:.2} % of keys moved, {:.2} % is fair",
                    moved.moved_share() * 100.0,
                    moved.ideal * 100.0
                )
            }
            Err(error) => format!("{error:#}"),
        };
    }

    /// What a key does; `false` means to leave.
    fn press(&mut self, key: KeyCode) -> bool {
        if let Some((what, line)) = self.typing.take() {
            self.type_on(what, line, key);
            return true;
        }
        if std::mem::take(&mut self.help) {
            return true;
        }
        let names = self.names();
        let name = names.get(self.selected).cloned().unwrap_or_default();
        let weight =
            self.lab.placement.members().find(&name).and_then(|id| self.lab.placement.members().get(id));
        let weight = weight.map_or(1.0, |n: &Node| n.weight().get());
        let result = match key {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Up => {
                self.selected = self.selected.saturating_sub(1);
                return true;
            }
            KeyCode::Down => {
                self.selected = (self.selected + 1).min(names.len().saturating_sub(1));
                return true;
            }
            KeyCode::Char('a') => {
                self.added += 1;
                self.typing = Some((Typing::Node, format!("new-{}", self.added)));
                return true;
            }
            KeyCode::Char('/' | 'k') => {
                self.typing = Some((Typing::Key, self.key.clone().unwrap_or_default()));
                return true;
            }
            KeyCode::Char('?' | 'h') => {
                self.help = true;
                return true;
            }
            KeyCode::Char('r') => self.lab.remove(&name),
            KeyCode::Char('+') => self.reweigh(&name, weight + 0.5),
            KeyCode::Char('-') => self.reweigh(&name, (weight - 0.5).max(0.0)),
            KeyCode::Char('f') if weight == 0.0 => self.lab.restore(&name),
            KeyCode::Char('f') => self.lab.fail(&name),
            KeyCode::Char('u') => self.lab.undo(),
            _ => return true,
        };
        self.selected = self.selected.min(self.names().len().saturating_sub(1));
        self.tell(result);
        true
    }

    fn reweigh(&mut self, name: &str, weight: f64) -> anyhow::Result<dolmen_ring::analysis::Movement> {
        self.lab.weigh(name, dolmen_ring::Weight::new(weight)?)
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [main, status, help] =
            Layout::vertical([Constraint::Min(8), Constraint::Length(1), Constraint::Length(1)])
                .areas(frame.area());
        let [ring, loads] =
            Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(main);
        self.draw_ring(frame, ring);
        self.draw_loads(frame, loads);
        let line = match &self.typing {
            Some((Typing::Node, line)) => format!(" node (NAME[=WEIGHT][@ZONE]): {line}▏ Enter, Esc"),
            Some((Typing::Key, line)) => format!(" key to follow: {line}▏ Enter, Esc"),
            None => format!(" {} | {} keys moved in all{}", self.message, self.moved, self.followed()),
        };
        frame.render_widget(Paragraph::new(line), status);
        let keys = " a add  r remove  f fail  +/- weight  u undo  / follow a key  ? help  q quit";
        frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), help);
        if self.help {
            let area = frame.area();
            frame.render_widget(Clear, area);
            frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" ring tui ")), area);
        }
    }

    /// Who owns the key that is followed.
    fn followed(&self) -> String {
        let Some(key) = &self.key else { return String::new() };
        match self.lab.placement.owner(key.as_bytes()) {
            Ok(owner) => format!(" | {key} → {}", self.lab.placement.members().name(owner)),
            Err(error) => format!(" | {key}: {error}"),
        }
    }

    /// Samples of the circle, each in its owner's colour; the selected node's stand outside.
    fn draw_ring(&self, frame: &mut Frame<'_>, area: Rect) {
        let placement = &self.lab.placement;
        let names = self.names();
        let mut rows: Vec<Vec<(f64, f64)>> = vec![Vec::new(); names.len()];
        for sample in 0..SAMPLES {
            let position = ((CIRCLE * u128::from(sample)) / u128::from(SAMPLES)) as u64;
            let Some(owner) = placement.algorithm().owner(position) else { break };
            let Some(row) = names.iter().position(|n| n == placement.members().name(owner)) else { continue };
            let angle = f64::from(sample) / f64::from(SAMPLES) * std::f64::consts::TAU;
            for radius in if row == self.selected { [0.82, 0.9, 1.0] } else { [0.82, 0.86, 0.9] } {
                rows[row].push((radius * angle.sin(), radius * angle.cos()));
            }
        }
        let at = self.key.as_ref().and_then(|key| placement.key(key.as_bytes()).ok());
        let spot = at.map(|position| {
            let angle = position as f64 / CIRCLE as f64 * std::f64::consts::TAU;
            (angle.sin(), angle.cos())
        });
        let points = placement.ring().map_or(0, |r| r.len());
        let title = format!(" {} nodes, {points} points, {} ", names.len(), placement.settings().kind);
        let canvas = Canvas::default()
            .block(Block::bordered().title(title))
            .x_bounds([-1.1, 1.1])
            .y_bounds([-1.1, 1.1])
            .paint(|context| {
                for (row, coords) in rows.iter().enumerate() {
                    context.draw(&Points { coords, color: colour(row) });
                }
                if let Some(spot) = spot {
                    context.draw(&Points { coords: &[spot], color: Color::White });
                    context.print(spot.0 * 0.7, spot.1 * 0.7, "◆");
                }
            });
        frame.render_widget(canvas, area);
    }

    fn draw_loads(&self, frame: &mut Frame<'_>, area: Rect) {
        let placement = &self.lab.placement;
        let shares = placement.ring().map(|r| arc_shares(r, placement.members())).unwrap_or_default();
        let most = shares.iter().map(|s| s.1).max().unwrap_or(1).max(1);
        let height = area.height.saturating_sub(2) as usize;
        let first = (self.selected + 1).saturating_sub(height);
        let lines: Vec<Line<'_>> = shares
            .iter()
            .enumerate()
            .skip(first)
            .map(|(row, &(id, share))| {
                let bar = "█".repeat((share * BAR / most) as usize);
                let mark = if row == self.selected { "▸" } else { " " };
                let label = format!("{mark}{:<12.12}", placement.members().name(id));
                let percent = format!(" {:.1} %", share as f64 / CIRCLE as f64 * 100.0);
                let style = Style::new().fg(colour(row));
                Line::from(vec![Span::raw(label), Span::styled(bar, style), Span::raw(percent)])
            })
            .collect();
        let title = balance_title(placement);
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
    }
}

fn balance_title(placement: &Placement) -> String {
    let report = placement.ring().and_then(|r| balance_of_arcs(r, placement.members()).ok());
    report.map_or(" nobody owns anything ".into(), |b| {
        format!(" peak/avg {:.3}  min/avg {:.3} ", b.peak, b.min)
    })
}

/// Okabe and Ito's colours, which the colour-blind can tell apart.
fn colour(row: usize) -> Color {
    const COLOURS: [(u8, u8, u8); 8] = [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
        (153, 153, 153),
    ];
    let (red, green, blue) = COLOURS[row % COLOURS.len()];
    Color::Rgb(red, green, blue)
}

/// Keys whose movement is counted.
const KEYS: usize = 10_000;
/// Longest line that can be typed.
const LINE_MAX: usize = 60;
const HELP: &str = "\
The circle is the space of hashes; each colour is a node's part of it.
A key belongs to the first point clockwise from its hash.

a        a node joins: type its name, with =WEIGHT and @ZONE if you like
r        the selected node leaves
f        it fails (owns nothing), and is restored
+ and -  it gets more or less weight
u        takes back the last change
/        follow a key: its place is marked, its owner named below
↑ and ↓  select a node; its part of the circle stands out
q        quit

Any key goes back.";
/// Dots of the circle.
const SAMPLES: u32 = 720;
/// Longest bar.
const BAR: u128 = 16;
