//! Each step of sampling beside transformers, and its switches at their edges.

mod common;

use common::{DECODERS, floats, ids, memory, read, with_model};
use dolmen_base::Serial;
use dolmen_llm::beam::{Beams, search};
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::sample::{SampleError, Sampler, Sampling};
use dolmen_llm::{Engine, Options, Plan};
use dolmen_simd::level::Level;

fn on() -> Sampling {
    Sampling { temperature: 1.0, ..Sampling::default() }
}

#[test]
fn steps_are_those_of_transformers() {
    let Some(data) = dolmen_testkit::testdata("llm") else { return dolmen_testkit::skip("samplers") };
    let bytes = read(&data.join("samplers.safetensors"));
    let file = SafeTensors::parse(&bytes).unwrap();
    let (logits, history) = (floats(&file, "logits"), ids(&file, "history"));
    let cases = [
        ("temperature_0_7", Sampling { temperature: 0.7, ..on() }),
        ("top_k_10", Sampling { top_k: 10, ..on() }),
        ("top_p_0_9", Sampling { top_p: 0.9, ..on() }),
        ("min_p_0_05", Sampling { min_p: 0.05, ..on() }),
        ("typical_0_9", Sampling { typical: 0.9, ..on() }),
        ("epsilon_1e_3", Sampling { epsilon: 1e-3, ..on() }),
        ("eta_1e_3", Sampling { eta: 1e-3, ..on() }),
        ("repetition_1_3", Sampling { repetition: 1.3, ..on() }),
        ("no_repeat_2gram", Sampling { no_repeat: 2, ..on() }),
    ];
    for (name, settings) in cases {
        let mut sampler = Sampler::new(settings, 1).unwrap();
        let wanted = floats(&file, name);
        for (row, history) in history.iter().enumerate() {
            let mut found = logits[row * 64..][..64].to_vec();
            sampler.process(&mut found, history, 0).unwrap();
            let wanted = &wanted[row * 64..][..64];
            for (id, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                let same = found == wanted || (found - wanted).abs() <= 1e-5 * wanted.abs();
                assert!(same, "{name}, row {row}, id {id}: {found}, not {wanted}");
            }
        }
    }
}

/// llm-12
#[test]
fn switches_at_their_edges() {
    let choose = |settings: Sampling, logits: &[f32]| {
        let mut sampler = Sampler::new(settings, 7).unwrap();
        (0..200).map(|_| sampler.choose(&mut logits.to_vec(), &[], 0).unwrap()).collect::<Vec<_>>()
    };
    let logits = [1.0, 3.0, 2.0];
    let restrictive = [
        Sampling { top_k: 1, top_p: 0.8, ..on() },
        Sampling { top_p: 0.0, ..on() },
        Sampling { min_p: 1.0, ..on() },
        Sampling { min_p: 2.0, ..on() },
        Sampling { typical: 0.0, top_k: 1, ..on() },
        Sampling { epsilon: 1.0, ..on() },
        Sampling { temperature: 0.0, ..on() },
        Sampling { temperature: 0.0, top_k: 0, ..on() },
        Sampling { temperature: 1e-30, ..on() },
        Sampling { top_k: 1, bias: vec![(9, 1.0)], ..on() },
    ];
    for settings in restrictive {
        assert!(choose(settings.clone(), &logits).iter().all(|&id| id == 1), "{settings:?}");
    }
    for open in
        [Sampling { top_k: 0, ..on() }, Sampling { top_p: 1.0, ..on() }, Sampling { top_k: 99, ..on() }]
    {
        let seen = choose(open, &logits);
        assert!((0..3).all(|id| seen.contains(&id)));
        // e¹ to e³ of all: 9, 67 and 24 in a hundred.
        let count = seen.iter().filter(|&&id| id == 1).count();
        assert!((100..170).contains(&count), "{count} of 200");
    }
    for settings in [on(), Sampling::default()] {
        let mut sampler = Sampler::new(settings, 1).unwrap();
        let error = sampler.choose(&mut [1.0, f32::NAN], &[], 0).unwrap_err();
        assert_eq!(error, SampleError::NotANumber { id: 1 });
        let error = sampler.choose(&mut [f32::NEG_INFINITY; 3], &[], 0).unwrap_err();
        assert_eq!(error, SampleError::Nothing);
        assert_eq!(sampler.choose(&mut [], &[], 0).unwrap_err(), SampleError::Nothing);
        assert_eq!(sampler.choose(&mut [f32::NEG_INFINITY, -1e30], &[], 0), Ok(1));
    }
    for wrong in [
        Sampling { temperature: -1.0, ..on() },
        Sampling { top_p: f32::NAN, ..on() },
        Sampling { repetition: 0.0, ..on() },
        Sampling { presence: f32::INFINITY, ..on() },
    ] {
        assert!(matches!(Sampler::new(wrong, 1), Err(SampleError::Setting { .. })));
    }
}

#[test]
fn groups_do_not_come_twice() {
    let forbidden = |no_repeat, history: &[u32]| {
        let mut logits = [0.0; 4];
        let mut sampler = Sampler::new(Sampling { no_repeat, ..on() }, 1).unwrap();
        sampler.process(&mut logits, history, 0).unwrap();
        (0..4).filter(|&id| logits[id] == f32::NEG_INFINITY).collect::<Vec<_>>()
    };
    assert_eq!(forbidden(2, &[1, 2, 3, 1, 0, 1]), [0, 2]);
    assert_eq!(forbidden(3, &[1, 2, 3, 0, 1, 2]), [3]);
    assert_eq!(forbidden(1, &[1, 3]), [1, 3]);
    assert_eq!(forbidden(3, &[1]), [0; 0]);
}

#[test]
fn penalties_count_what_was_generated() {
    let settings = Sampling { presence: 1.0, frequency: 0.5, ..on() };
    let mut logits = [0.0; 4];
    Sampler::new(settings, 1).unwrap().process(&mut logits, &[0, 1, 2, 2, 9], 3).unwrap();
    assert_eq!(logits, [0.0, 0.0, -2.0, 0.0]);
}

#[test]
fn the_same_seed_draws_the_same_ids() {
    let draw = |seed| {
        let mut sampler = Sampler::new(Sampling { top_p: 0.95, ..on() }, seed).unwrap();
        let logits: Vec<f32> = (0..1000).map(|n| (n as f32 * 0.7).sin() * 4.0).collect();
        (0..50).map(|_| sampler.choose(&mut logits.clone(), &[], 0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}

#[test]
fn beams_are_those_of_transformers() {
    for name in DECODERS {
        with_model(name, |model, expected| {
            let wanted = &ids(expected, "beam4")[0];
            let plan = Plan::new(model, Options { slots: 8, batch: 8, ..Options::default() }).unwrap();
            let mut memory = memory(&plan);
            let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).unwrap();
            let settings = Beams { beams: 4, len_max: 24, length_penalty: 1.0, eos: &[] };
            let found = search(&mut engine, &Serial, &wanted[..8], &settings).unwrap();
            assert_eq!(&found, &wanted[8..], "{name}");
            let short = Beams { beams: 5, ..settings };
            assert!(search(&mut engine, &Serial, &wanted[..8], &short).is_err());
            // The first id of the answer as the end: a finished text of one id, or a better one without it.
            let ended = Beams { eos: &wanted[8..9], length_penalty: 0.0, ..settings };
            let found = search(&mut engine, &Serial, &wanted[..8], &ended).unwrap();
            assert!(found == wanted[8..9] || !found.contains(&wanted[8]), "{name}: {found:?}");
        });
    }
}
