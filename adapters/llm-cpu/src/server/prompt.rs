//! From chats and texts to ids.

use std::time::{SystemTime, UNIX_EPOCH};

use dolmen_llm::template::Template;
use dolmen_text::json::Document;
use dolmen_tokenizer::{Scratch, Specials};
use serde_json::{Value, json};

use super::Shared;
use super::body::Failure;

/// Chats of models without a template: ChatML.
pub const CHAT_ML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// Messages of one chat at most.
const MESSAGES_MAX: usize = 4096;

impl Shared {
    /// The ids of a text, with what begins a prompt if it is one.
    ///
    /// # Errors
    /// Text that the vocabulary refuses.
    pub fn encode(&self, text: &str, specials: Specials, begins: bool) -> Result<Vec<u32>, Failure> {
        let vocabulary = self.worker.known.vocabulary.as_ref();
        let vocabulary = vocabulary
            .ok_or_else(|| Failure::bad("the model has no vocabulary: give ids instead of text"))?;
        let tokenizer = &vocabulary.tokenizer;
        let special = tokenizer.config().special;
        let mut ids = Vec::new();
        tokenizer.encode(&mut Scratch::default(), text, specials, &mut ids).map_err(Failure::bad)?;
        if begins && special.add_bos && special.bos.is_some() && ids.first().copied() != special.bos {
            ids.splice(0..0, special.bos);
        }
        Ok(ids)
    }

    /// The ids of a text for an embedding: what the model was trained to see at both ends too.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_whole(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let mut ids = self.encode(text, Specials::Text, true)?;
        let vocabulary = self.worker.known.vocabulary.as_ref();
        if let Some(vocabulary) = vocabulary {
            let special = vocabulary.tokenizer.config().special;
            // A vocabulary of BERT that does not say so still has its two tokens.
            let both = vocabulary.tokenizer.id(b"[CLS]").zip(vocabulary.tokenizer.id(b"[SEP]"));
            match (special.add_bos || special.add_eos, both.filter(|_| self.worker.known.is_encoder)) {
                (true, _) => {
                    ids.extend(special.eos.filter(|_| special.add_eos || self.worker.known.is_encoder))
                }
                (false, Some((first, last))) => {
                    ids.insert(0, first);
                    ids.push(last);
                }
                (false, None) => {}
            }
        }
        Ok(ids)
    }

    /// A chat as text.
    ///
    /// # Errors
    /// A model without a template, messages that are none, and a template that refuses them.
    pub fn chat(&self, body: &Value) -> Result<String, Failure> {
        let messages =
            body["messages"].as_array().ok_or_else(|| Failure::bad("messages: expected a list"))?;
        if messages.is_empty() || messages.len() > MESSAGES_MAX {
            return Err(Failure::bad(format!("messages: from 1 to {MESSAGES_MAX} are taken")));
        }
        let messages: Vec<Value> = messages.iter().map(message).collect::<Result<_, _>>()?;
        let token = |id: Option<u32>| {
            let vocabulary = self.worker.known.vocabulary.as_ref()?;
            Some(String::from_utf8_lossy(vocabulary.tokenizer.token(id?)?).into_owned())
        };
        let special =
            self.worker.known.vocabulary.as_ref().map(|vocabulary| vocabulary.tokenizer.config().special);
        let mut variables = json!({
            "messages": messages,
            "add_generation_prompt": body["add_generation_prompt"].as_bool().unwrap_or(true),
            "bos_token": token(special.and_then(|special| special.bos)).unwrap_or_default(),
            "eos_token": token(special.and_then(|special| special.eos)).unwrap_or_default(),
        });
        if let Some(more) = body["chat_template_kwargs"].as_object() {
            for (name, value) in more {
                variables[name] = value.clone();
            }
        }
        let text = variables.to_string();
        let document = Document::read(text.as_bytes()).map_err(Failure::bad)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let rendered = match &self.template {
            Some(template) => template.render(document.root(), now),
            None => Template::parse(CHAT_ML).and_then(|template| template.render(document.root(), now)),
        };
        rendered.map_err(Failure::bad)
    }
}

/// A message whose content is text.
fn message(message: &Value) -> Result<Value, Failure> {
    let role = message["role"].as_str().ok_or_else(|| Failure::bad("messages: each has a role"))?;
    let content = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(parts) => {
            let text = |part: &Value| match part["type"].as_str() {
                Some("text") => part["text"].as_str().map(str::to_owned),
                _ => None,
            };
            let parts: Option<Vec<String>> = parts.iter().map(text).collect();
            parts
                .ok_or_else(|| Failure::bad("messages: only text is served, no pictures or sounds"))?
                .concat()
        }
        _ => return Err(Failure::bad("messages: expected a text as content")),
    };
    let mut message = message.clone();
    message["role"] = json!(role);
    message["content"] = json!(content);
    Ok(message)
}
