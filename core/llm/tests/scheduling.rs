//! Requests over slots: the same answers whoever else is answered, from the cache and past it, with guesses and without.

mod common;

use common::{DECODERS, ids, memory, with_model};
use dolmen_base::{Rng, Serial};
use dolmen_llm::sample::{Sampler, Sampling};
use dolmen_llm::scheduler::{Event, Finish, Request, Scheduler, SubmitError};
use dolmen_llm::stop::Stops;
use dolmen_llm::{Engine, Model, Options, Plan, lookup};
use dolmen_simd::level::Level;
use dolmen_tokenizer::Tokenizer;
use dolmen_tokenizer::scan::CL100K;
use dolmen_tokenizer::train::{Options as Learn, Trainer};

fn request(id: u64, prompt: &[u32], len_max: usize) -> Request<'static> {
    Request {
        id,
        prompt: prompt.to_vec(),
        len_max,
        sampler: Sampler::new(Sampling::default(), 1).unwrap(),
        stops: Stops::default(),
        eos: Vec::new(),
        decoder: None,
        logprobs: None,
        constraint: None,
        guess: true,
    }
}

fn scheduled<R>(model: &Model<'_>, slots: usize, body: impl FnOnce(&mut Scheduler<'_, '_, '_>) -> R) -> R {
    let options = Options { slots, batch: 16, context: 64.min(model.config().context), parts: 1 };
    let plan = Plan::new(model, options).unwrap();
    let mut memory = memory(&plan);
    let engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
    body(&mut Scheduler::new(engine, slots, 8))
}

/// The ids of each request, and how many of its prompt came from the cache.
fn finish(scheduler: &mut Scheduler<'_, '_, '_>, requests: usize) -> Vec<(Vec<u32>, usize, Finish)> {
    let mut all = vec![(Vec::new(), 0, Finish::Length); requests];
    let mut events = Vec::new();
    while scheduler.step(&Serial, &mut events) {
        for event in events.drain(..) {
            match event {
                Event::Token { request, id, .. } => all[request as usize].0.push(id),
                Event::Done { request, cached_len, finish, .. } => {
                    (all[request as usize].1, all[request as usize].2) = (cached_len, finish);
                }
            }
        }
    }
    assert!(scheduler.is_idle());
    all
}

#[test]
fn answers_are_greedy_ids_whoever_else_is_answered() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let wanted = &ids(expected, "greedy")[0];
            let (prompt, answer) = wanted.split_at(8);
            scheduled(model, 3, |scheduler| {
                for id in 0..5 {
                    let mut one = request(id, prompt, answer.len());
                    one.guess = id % 2 == 0;
                    scheduler.submit(one).unwrap();
                }
                for (found, ..) in finish(scheduler, 5) {
                    assert_eq!(found, answer, "{name}");
                }
                // Again, now from the cache: all but the last id of the prompt.
                scheduler.submit(request(0, wanted, 1)).unwrap();
                let (_, cached, reason) = finish(scheduler, 1).remove(0);
                assert_eq!((cached, reason), (wanted.len() - 1, Finish::Length), "{name}");
            });
        });
    }
}

#[test]
fn a_beginning_is_copied_from_another_slot() {
    with_model("llama-tiny-gqa", |model, _| {
        let mut rng = Rng::new(3);
        let prompt: Vec<u32> = (0..40).map(|_| rng.below(211) as u32).collect();
        let mut other = prompt.clone();
        other[30] ^= 1;
        let alone = scheduled(model, 1, |scheduler| {
            scheduler.submit(request(0, &other, 8)).unwrap();
            finish(scheduler, 1).remove(0).0
        });
        scheduled(model, 2, |scheduler| {
            scheduler.submit(request(0, &prompt, 24)).unwrap();
            let mut events = Vec::new();
            (0..6).for_each(|_| assert!(scheduler.step(&Serial, &mut events)));
            scheduler.submit(request(1, &other, 8)).unwrap();
            let found = finish(scheduler, 2).remove(1);
            assert_eq!((found.0, found.1), (alone, 30));
        });
    });
}

#[test]
fn the_context_and_the_queue_have_an_end() {
    with_model("qwen2-tiny", |model, _| {
        scheduled(model, 1, |scheduler| {
            assert_eq!(scheduler.submit(request(0, &[], 1)).unwrap_err(), SubmitError::Empty);
            assert!(matches!(
                scheduler.submit(request(0, &[1; 65], 1)),
                Err(SubmitError::Context { len: 65, max: 64 })
            ));
            assert!(matches!(
                scheduler.submit(request(0, &[211], 1)),
                Err(SubmitError::UnknownId { id: 211, .. })
            ));
            scheduler.submit(request(0, &[1; 60], 100)).unwrap();
            let (found, _, reason) = finish(scheduler, 1).remove(0);
            assert_eq!((found.len(), reason), (4, Finish::Length));
            scheduler.submit(request(0, &[1, 2], 0)).unwrap();
            assert_eq!(finish(scheduler, 1)[0].0.len(), 0);
            for id in 0..8 {
                scheduler.submit(request(id, &[1], 1)).unwrap();
            }
            assert_eq!(scheduler.submit(request(8, &[1], 1)).unwrap_err(), SubmitError::Full { max: 8 });
            scheduler.cancel(3);
            let all = finish(scheduler, 8);
            assert_eq!(all.iter().map(|one| one.0.len()).collect::<Vec<_>>(), [1, 1, 1, 0, 1, 1, 1, 1]);
        });
    });
}

#[test]
fn an_id_that_ends_is_not_told() {
    with_model("qwen3-tiny", |model, expected| {
        let wanted = &ids(expected, "greedy")[0];
        scheduled(model, 1, |scheduler| {
            let mut one = request(0, &wanted[..8], 24);
            one.eos = vec![wanted[11]];
            scheduler.submit(one).unwrap();
            let (found, _, reason) = finish(scheduler, 1).remove(0);
            let first = wanted[8..].iter().position(|id| *id == wanted[11]).unwrap();
            assert_eq!((&found[..], reason), (&wanted[8..8 + first], Finish::Stop));
        });
    });
}

#[test]
fn guesses_are_what_followed_before() {
    assert_eq!(lookup::guess(&[1, 2, 3, 4, 5, 1, 2, 3], 3), [4, 5, 1]);
    assert_eq!(lookup::guess(&[1, 2, 9, 1, 2, 8, 1, 2], 1), [8]);
    assert_eq!(lookup::guess(&[1, 2, 3], 3), [0; 0]);
    assert_eq!(lookup::guess(&[7, 7, 7, 7, 7, 7], 3), [7]);
    let mut luck = lookup::Luck::default();
    (0..8).for_each(|_| luck.learn(3, 0));
    assert_eq!(luck.allows(), 0, "guesses that never come true are given up");
    assert!((0..40).any(|_| luck.allows() > 0), "and tried again");
}

/// llm-11
#[test]
fn stop_strings_over_the_borders_of_parts() {
    let run = |stops: &[&str], parts: &[&str]| {
        let mut stops = Stops::new(stops.iter().map(|s| (*s).to_owned()).collect()).unwrap();
        let (mut all, mut certain) = (String::new(), Vec::new());
        for part in parts {
            let stopped = stops.push(part, &mut all);
            certain.push(all.clone());
            if stopped {
                return (all, true, certain);
            }
        }
        stops.finish(&mut all);
        (all, false, certain)
    };
    let figures = ["7", " ", "8", " ", "9", " ", "10"];
    assert_eq!(run(&["8 9"], &figures).0, "7 ");
    assert_eq!(run(&["9 11", "10"], &figures).0, "7 8 9 ");
    let (all, stopped, certain) = run(&["9 10 11"], &figures);
    assert_eq!((all.as_str(), stopped), ("7 8 9 10", false));
    assert_eq!(certain[4], "7 8 ", "what may become a stop string is held back");
    assert_eq!(run(&["7 8"], &figures).0, "");
    assert_eq!(run(&["aab"], &["a", "a", "a", "b"]).0, "a");
    assert_eq!(run(&["b", "abc"], &["abc"]).0, "a");
    assert_eq!(run(&["日本"], &["x日", "本y"]).0, "x");
    // One part or many: the same text.
    let mut rng = Rng::new(9);
    for _ in 0..500 {
        let text: String = (0..12).map(|_| if rng.one_in(2) { 'a' } else { 'b' }).collect();
        let stop: String = (0..1 + rng.below(4)).map(|_| if rng.one_in(2) { 'a' } else { 'b' }).collect();
        let cut = rng.below(13) as usize;
        let whole = run(&[&stop], &[&text]);
        let parts = run(&[&stop], &[&text[..cut], &text[cut..]]);
        assert_eq!((&whole.0, whole.1), (&parts.0, parts.1), "{stop} in {text} at {cut}");
    }
    assert!(Stops::new(vec![String::new()]).is_err());
    assert!(Stops::new(vec!["x".into(); 17]).is_err());
}

/// llm-10
#[test]
fn characters_that_span_tokens_come_whole() {
    with_model("llama-tiny-gqa", |model, _| {
        let mut trainer = Trainer::new(CL100K);
        trainer.feed("stone");
        let definition = trainer.train(Learn { tokens_max: 256, count_min: 9, specials: &[] }).unwrap();
        let tokenizer = Tokenizer::new(&definition).unwrap();
        // Forced ids: a great bias for each next byte is not possible, so the sampler's choice is replaced by the prompt's text.
        let text = "é日🚀x";
        let bytes: Vec<u32> = text.bytes().map(|byte| tokenizer.id(&[byte]).unwrap()).collect();
        let mut decoder = tokenizer.decoder(true);
        let (mut parts, mut all) = (Vec::new(), String::new());
        for &id in &bytes {
            let mut part = String::new();
            decoder.push(id, &mut part).unwrap();
            all.push_str(&part);
            parts.push(part);
        }
        assert_eq!(all, text);
        assert!(parts.iter().all(|part| !part.contains('\u{fffd}')));
        // The model's own answer: parts and the last piece are the whole.
        scheduled(model, 1, |scheduler| {
            let plain: Vec<u32> = bytes.iter().map(|id| id % 211).collect();
            let mut one = request(0, &plain, 13);
            one.sampler = Sampler::new(Sampling { temperature: 5.0, ..Sampling::default() }, 4).unwrap();
            // The decoder lives as long as the scheduler.
            let tokenizer: &'static Tokenizer = Box::leak(Box::new(tokenizer));
            one.decoder = Some(tokenizer.decoder(true));
            scheduler.submit(one).unwrap();
            let (mut events, mut streamed, mut found) = (Vec::new(), String::new(), Vec::new());
            while scheduler.step(&Serial, &mut events) {
                for event in events.drain(..) {
                    match event {
                        Event::Token { id, text, .. } => {
                            found.push(id);
                            streamed.push_str(&text);
                        }
                        Event::Done { text, .. } => streamed.push_str(&text),
                    }
                }
            }
            assert_eq!(streamed, tokenizer.decode(&found, true).unwrap());
        });
    });
}
