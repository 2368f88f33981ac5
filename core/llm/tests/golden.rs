//! Everything that transformers 5.23 says of seven small models: logits, states, attention, with padding, greedy and by beams.

mod common;

use common::{DECODERS, close, floats, ids, logits, memory, rows, with_model};
use dolmen_base::{Jobs, Serial};
use dolmen_llm::{Engine, Options, Plan, Row, StepError, Watch};
use dolmen_simd::level::Level;

/// Jobs in another order, cut as for several threads.
struct Backwards(usize);

impl Jobs for Backwards {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..count).rev().for_each(job);
    }
    fn width(&self) -> usize {
        self.0
    }
}

#[test]
fn logits_are_those_of_transformers() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let wanted = floats(expected, "logits");
            let texts = ids(expected, "input_ids");
            let len = wanted.len() / texts.len();
            for (text, wanted) in texts.iter().zip(wanted.chunks(len)) {
                for step in [text.len(), 7, 3, 1] {
                    for level in Level::available() {
                        let found =
                            logits(model, text, Options { batch: step, ..Options::default() }, step, level);
                        close(&found, wanted, &format!("{name}, {step} at a time, {level}"));
                    }
                }
            }
        });
    }
}

#[test]
fn rows_of_several_slots_go_through_one_step() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let wanted = floats(expected, "logits");
            let texts = ids(expected, "input_ids");
            let (len, vocabulary) = (texts[0].len(), model.config().vocabulary);
            let plan = Plan::new(model, Options { slots: 3, batch: 16, parts: 3, context: len }).unwrap();
            let mut memory = memory(&plan);
            let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
            // A few rows of each text a step, of different counts.
            let (mut at, mut out) = ([0, 0], vec![0.0; 16 * vocabulary]);
            while at[0] < len || at[1] < len {
                let takes = [5.min(len - at[0]), 3.min(len - at[1])];
                let of =
                    |text: usize, slot| rows(&texts[text], slot)[at[text]..at[text] + takes[text]].to_vec();
                let both = [of(0, 2), of(1, 0)].concat();
                let out = &mut out[..both.len() * vocabulary];
                engine.step(&Backwards(3), &both, out).unwrap();
                for (text, found) in out.split_at(takes[0] * vocabulary).into_iter_both().enumerate() {
                    let begin = (text * len + at[text]) * vocabulary;
                    close(found, &wanted[begin..begin + found.len()], name);
                    at[text] += takes[text];
                }
            }
            // A copy of half a slot goes on as the original does.
            let half = (len / 2) as u32;
            engine.copy_slot(2, 1, half).unwrap();
            let next = Row { slot: 1, ..rows(&texts[0], 1)[len / 2] };
            let out = &mut out[..vocabulary];
            engine.step(&Serial, &[next], out).unwrap();
            close(out, &wanted[len / 2 * vocabulary..][..vocabulary], name);
        });
    }
}

trait Both<T> {
    fn into_iter_both(self) -> std::array::IntoIter<T, 2>;
}

impl<T> Both<T> for (T, T) {
    fn into_iter_both(self) -> std::array::IntoIter<T, 2> {
        [self.0, self.1].into_iter()
    }
}

#[test]
fn the_bits_do_not_hang_on_the_number_of_threads() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let text = &ids(expected, "input_ids")[0];
            let run = |parts: usize, step: usize| {
                let options = Options { batch: step, parts, ..Options::default() };
                let plan = Plan::new(model, options).unwrap();
                let mut memory = memory(&plan);
                let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
                let mut out = vec![0.0; text.len() * model.config().vocabulary];
                for (rows, out) in
                    rows(text, 0).chunks(step).zip(out.chunks_mut(step * model.config().vocabulary))
                {
                    engine.step(&Backwards(parts), rows, out).unwrap();
                }
                out.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            for step in [1, text.len()] {
                let one = run(1, step);
                for parts in [2, 3, 64] {
                    assert!(run(parts, step) == one, "{name}, {parts} parts");
                }
            }
        });
    }
}

/// Keeps all that it sees.
#[derive(Default)]
struct Seen {
    states: Vec<Vec<f32>>,
    /// Of the first layer, head by head, each row by row, with zeros where nothing was looked at.
    attention: Vec<f32>,
    rows: usize,
}

impl Watch for Seen {
    fn states(&mut self, layer: usize, states: &[f32]) {
        assert_eq!(layer, self.states.len());
        self.states.push(states.to_vec());
    }
    fn attention(&mut self, layer: usize, head: usize, row: usize, begin: usize, weights: &[f32]) {
        if layer == 0 {
            let at = (head * self.rows + row) * self.rows + begin;
            self.attention.resize(self.attention.len().max((head + 1) * self.rows * self.rows), 0.0);
            self.attention[at..at + weights.len()].copy_from_slice(weights);
        }
    }
}

#[test]
fn states_and_attention_are_those_of_transformers() {
    for name in DECODERS.into_iter().chain(["bert-tiny"]) {
        with_model(name, |model, expected| {
            let encoder = model.config().architecture.is_encoder();
            for (nth, text) in ids(expected, "input_ids").iter().enumerate() {
                let mask =
                    expected.get("attention_mask").map(|_| ids(expected, "attention_mask")[nth].clone());
                let len = mask.map_or(text.len(), |mask| mask.iter().filter(|&&m| m == 1).count());
                let plan = Plan::new(model, Options::default()).unwrap();
                let mut memory = memory(&plan);
                let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
                let mut seen = Seen { rows: len, ..Seen::default() };
                let segments = encoder.then(|| ids(expected, "token_type_ids")[nth].clone());
                let segment = |row: &Row| segments.as_ref().map_or(0, |all| all[row.position as usize]);
                let rows: Vec<_> = rows(&text[..len], 0)
                    .into_iter()
                    .map(|row| Row { logits: false, segment: segment(&row), ..row })
                    .collect();
                engine.watched_step(&Serial, &rows, &mut [], Some(&mut seen)).unwrap();
                let width = model.config().width;
                assert_eq!(seen.states.len(), model.config().layers + 1);
                for (layer, found) in seen.states.iter().enumerate() {
                    let wanted = floats(expected, &format!("hidden.{layer}"));
                    let wanted = &wanted[nth * text.len() * width..][..len * width];
                    close(found, wanted, &format!("{name}, states {layer}"));
                }
                close(engine.states(), seen.states.last().unwrap(), name);
                if encoder {
                    let mut out = vec![0.0; width];
                    engine.embedding(0..len, &mut out).unwrap();
                    close(&out, &floats(expected, "sentence_embedding")[nth * width..][..width], name);
                    engine.pooled(0, &mut out).unwrap();
                    close(&out, &floats(expected, "pooler")[nth * width..][..width], name);
                } else {
                    let wanted = floats(expected, "attn.0");
                    let size = wanted.len() / ids(expected, "input_ids").len();
                    close(&seen.attention, &wanted[nth * size..][..size], &format!("{name}, attention"));
                }
            }
        });
    }
}

#[test]
fn padding_is_left_out() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let (texts, masks) = (ids(expected, "input_ids"), ids(expected, "pad.mask"));
            let wanted = floats(expected, "pad.logits");
            let vocabulary = model.config().vocabulary;
            for (nth, (text, mask)) in texts.iter().zip(&masks).enumerate() {
                let pads = mask.iter().filter(|&&m| m == 0).count();
                let found =
                    logits(model, &text[pads..], Options::default(), text.len() - pads, Level::best());
                let begin = (nth * text.len() + pads) * vocabulary;
                close(&found, &wanted[begin..begin + found.len()], name);
            }
            assert!(masks.iter().flatten().any(|&m| m == 0), "{name}: a row is padded");
        });
    }
}

#[test]
fn greedy_ids_are_those_of_transformers() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let wanted = &ids(expected, "greedy")[0];
            let plan = Plan::new(model, Options::default()).unwrap();
            let mut memory = memory(&plan);
            let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
            let mut text = wanted[..8].to_vec();
            let mut out = vec![0.0; model.config().vocabulary];
            while text.len() < wanted.len() {
                let mut rows = rows(&text, 0).split_off(engine.filled(0) as usize);
                let last = rows.len() - 1;
                rows[..last].iter_mut().for_each(|row| row.logits = false);
                engine.step(&Serial, &rows, &mut out).unwrap();
                text.push(dolmen_simd::arith::argmax(Level::best(), &out).unwrap() as u32);
            }
            assert_eq!(&text, wanted, "{name}");
        });
    }
}

#[test]
fn steps_that_cannot_be_taken_are_refused() {
    with_model("llama-tiny-gqa", |model, _| {
        let plan = Plan::new(model, Options { slots: 2, context: 10, batch: 4, parts: 1 }).unwrap();
        let mut memory = memory(&plan);
        let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
        let row = Row::new;
        type Wanted = fn(&StepError) -> bool;
        let cases: [(&[Row], Wanted); 10] = [
            (&[Row { segment: 1, ..row(1, 0, 0) }], |e| matches!(e, StepError::UnknownSegment { .. })),
            (&[], |e| matches!(e, StepError::Batch { .. })),
            (&[row(1, 0, 0); 5], |e| matches!(e, StepError::Batch { .. })),
            (&[row(211, 0, 0)], |e| matches!(e, StepError::UnknownId { id: 211, .. })),
            (&[row(1, 2, 0)], |e| matches!(e, StepError::UnknownSlot { .. })),
            (&[row(1, 0, 10)], |e| matches!(e, StepError::Context { .. })),
            (&[row(1, 0, 1)], |e| matches!(e, StepError::Gap { .. })),
            (&[row(1, 0, 0), row(1, 0, 0)], |e| matches!(e, StepError::Gap { .. })),
            (&[row(1, 0, 0), row(1, 1, 0), row(1, 0, 1)], |e| matches!(e, StepError::Gap { .. })),
            (&[Row { logits: true, ..row(1, 0, 0) }], |e| matches!(e, StepError::Buffer { .. })),
        ];
        for (rows, expected) in cases {
            let error = engine.step(&Serial, rows, &mut []).unwrap_err();
            assert!(expected(&error), "{rows:?}: {error}");
            assert_eq!(engine.filled(0), 0);
        }
        engine.step(&Serial, &[row(1, 0, 0), row(2, 0, 1)], &mut []).unwrap();
        engine.step(&Serial, &[row(3, 0, 1)], &mut []).unwrap();
        assert_eq!(engine.filled(0), 2);
        assert!(matches!(engine.copy_slot(0, 1, 3), Err(StepError::Gap { .. })));
        let short = Plan::new(model, Options { context: 129, ..Options::default() });
        assert!(matches!(short, Err(StepError::Context { .. })));
    });
}
