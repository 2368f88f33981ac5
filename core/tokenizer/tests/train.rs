//! Training against Hugging Face's trainer.

mod common;

use common::{committed, numbers, read};
use dolmen_text::json::Document;
use dolmen_tokenizer::load::load;
use dolmen_tokenizer::scan::Scanner;
use dolmen_tokenizer::train::{Options, Trainer, write_json};
use dolmen_tokenizer::{Scratch, Specials, Tokenizer};

fn trainer() -> Trainer {
    let data = read(&committed().join("own.json.gz"));
    let document = Document::read(&data).unwrap();
    let mut trainer = Trainer::new(Scanner::Gpt2);
    for text in document.root().get("texts").unwrap().items() {
        trainer.feed(&text.as_str().unwrap());
    }
    trainer
}

#[test]
fn the_same_merges_as_hugging_face() {
    let data = read(&committed().join("trained.json.gz"));
    let document = Document::read(&data).unwrap();
    let wanted: Vec<_> = document.root().get("merges").unwrap().items().map(numbers).collect();
    let specials = ["<|endoftext|>", "<|pad|>"];
    let options = Options { tokens_max: 1500, count_min: 0, specials: &specials };
    let definition = trainer().train(options).unwrap();
    let found: Vec<_> = definition.merges.iter().map(|m| m.to_vec()).collect();
    for (i, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        assert_eq!(found, wanted, "merge {i}");
    }
    assert_eq!(found.len(), wanted.len());
    assert_eq!(definition.tokens.len(), 1500);
}

#[test]
fn what_was_trained_can_be_written_and_read() {
    let options = Options { tokens_max: 600, count_min: 2, specials: &["<|end|>"] };
    let definition = trainer().train(options).unwrap();
    let json = write_json(&definition).unwrap();
    assert!(
        Document::read(json.as_bytes())
            .unwrap()
            .root()
            .get("model")
            .and_then(|m| m.get("merges"))
            .is_some_and(|m| m.items().count() == definition.merges.len())
    );
    let (trained, read) =
        (Tokenizer::new(&definition).unwrap(), Tokenizer::new(&load("t", json.as_bytes()).unwrap()).unwrap());
    let text = "the theory <|end|> of 'em all, été \u{1f600}\n\n";
    for specials in [Specials::Tokens, Specials::Text] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        trained.encode(&mut Scratch::default(), text, specials, &mut a).unwrap();
        read.encode(&mut Scratch::default(), text, specials, &mut b).unwrap();
        assert_eq!(a, b);
        assert_eq!(trained.decode(&a, false).unwrap(), text);
        assert_eq!(a.contains(&0), specials == Specials::Tokens);
    }
}

#[test]
fn limits_of_training() {
    let trainer = Trainer::new(Scanner::Gpt2);
    let with = |tokens_max| trainer.train(Options { tokens_max, count_min: 0, specials: &[] });
    assert!(with(255).is_err(), "no room for the bytes");
    assert!(with(1 << 30).is_err());
    assert_eq!(with(300).unwrap().tokens.len(), 256, "nothing to learn from");
}
