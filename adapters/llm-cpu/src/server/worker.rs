//! The thread that owns the model: requests come in over a channel, events go out over each request's own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::fault::{Context, Result, fault};
use dolmen_base::Jobs;
use dolmen_llm::constrain::{Constrained, Pieces};
use dolmen_llm::grammar::Grammar;
use dolmen_llm::sample::{Sampler, Sampling};
use dolmen_llm::scheduler::{Constraint, Event, Request, Scheduler, SubmitError};
use dolmen_llm::stop::Stops;
use dolmen_llm::{Engine, Options, StepError, embed};
use dolmen_simd::level::Level;
use tokio::sync::{mpsc, oneshot};

use crate::files::Files;
use crate::memory::{self, Needs};
use crate::threads::Threads;
use crate::vocabulary::Vocabulary;

/// What a client wants, free of anything that belongs to the model's thread.
pub struct Job {
    /// The ids to continue.
    pub prompt: Vec<u32>,
    /// Ids that are generated at most.
    pub len_max: usize,
    /// How they are chosen.
    pub sampling: Sampling,
    /// What chance begins with.
    pub seed: u64,
    /// Where text ends.
    pub stops: Stops,
    /// Whether the model may end the answer.
    pub ends: bool,
    /// How many of the likeliest ids are told with each.
    pub logprobs: Option<usize>,
    /// What the answer must be of.
    pub grammar: Option<Grammar>,
}

/// Events of one request; the first item says whether it was taken.
pub type Events = mpsc::UnboundedReceiver<Result<Event, SubmitError>>;

enum Command {
    Generate(Box<Job>, mpsc::UnboundedSender<Result<Event, SubmitError>>),
    Embed(Vec<Vec<u32>>, oneshot::Sender<Result<Vec<Vec<f32>>, StepError>>),
    Stop,
}

/// What the thread does, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Requests that wait.
    pub waiting: usize,
    /// Requests that are answered.
    pub running: usize,
    /// Rows that were computed.
    pub computed: u64,
    /// Ids of prompts that were there from before.
    pub reused: u64,
    /// Ids that were generated.
    pub generated: u64,
}

/// How the model is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Answers at a time.
    pub slots: usize,
    /// Positions of a slot; 0: all that the model has.
    pub context: usize,
    /// Rows of a step at most.
    pub batch: usize,
    /// Threads; 0: as many as there are CPUs.
    pub threads: usize,
    /// Requests that wait at most.
    pub queue: usize,
}

/// What is known of the model outside its thread.
pub struct Known {
    /// Its vocabulary, if it has one.
    pub vocabulary: Option<Arc<Vocabulary>>,
    /// The bytes of its tokens.
    pub pieces: Arc<Pieces>,
    /// Ids that end an answer.
    pub eos: Vec<u32>,
    /// Its template of chats.
    pub template: Option<String>,
    /// Ids that there are.
    pub ids: usize,
    /// Positions of a slot.
    pub context: usize,
    /// Whether it gives embeddings only.
    pub is_encoder: bool,
    /// Elements of an embedding.
    pub width: usize,
    /// What it takes.
    pub needs: Needs,
}

/// The model's thread.
pub struct Worker {
    commands: Mutex<Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    load: Arc<Mutex<Load>>,
    /// What is known of it.
    pub known: Known,
}

impl Worker {
    /// Maps the files, plans the memory, tells what it comes to, and starts the thread.
    ///
    /// # Errors
    ///
    /// If the model cannot be used.
    pub fn start(files: Files, settings: Settings, told: impl FnOnce(Needs)) -> Result<Worker> {
        let vocabulary = files.vocabulary()?.map(Arc::new);
        let threads = Threads::new(settings.threads)?;
        let (known, options) = {
            let model = files.model()?;
            let config = model.config();
            let is_encoder = config.architecture.is_encoder();
            let context = match settings.context {
                0 => config.context,
                context => context.min(config.context),
            };
            // An encoder sees a text in one step. One slot more than asked for is for embeddings.
            let batch = if is_encoder { context } else { settings.batch };
            let options = Options { slots: settings.slots + 1, context, batch, parts: threads.width() };
            let (_, needs) = memory::plan(&model, options)?;
            told(needs);
            let pieces = vocabulary.as_ref().map(|vocabulary| Pieces::new(&vocabulary.tokenizer));
            let known = Known {
                eos: files.eos(&model, vocabulary.as_deref())?,
                template: files.chat_template()?,
                pieces: Arc::new(pieces.unwrap_or_default()),
                vocabulary: vocabulary.clone(),
                ids: config.vocabulary,
                context,
                is_encoder,
                width: config.width,
                needs,
            };
            (known, options)
        };
        let (commands, receiver) = channel();
        let load = Arc::new(Mutex::new(Load::default()));
        let inside = Inside {
            receiver,
            load: load.clone(),
            pieces: known.pieces.clone(),
            eos: known.eos.clone(),
            slots: settings.slots,
            queue: settings.queue,
        };
        let (ready, is_ready) = channel();
        let thread = std::thread::Builder::new().name("llm".to_owned()).spawn(move || {
            run(&files, vocabulary.as_deref(), &threads, options, inside, &ready);
        });
        let thread = thread.context("the model's thread")?;
        is_ready.recv().map_err(|_| fault!("the model's thread ended while it started"))??;
        Ok(Worker { commands: Mutex::new(commands), thread: Mutex::new(Some(thread)), load, known })
    }

    fn send(&self, command: Command) -> bool {
        self.commands.lock().is_ok_and(|commands| commands.send(command).is_ok())
    }

    /// Asks for an answer; `None` if the thread has ended.
    pub fn generate(&self, job: Job) -> Option<Events> {
        let (sender, events) = mpsc::unbounded_channel();
        self.send(Command::Generate(Box::new(job), sender)).then_some(events)
    }

    /// Asks for the embeddings of texts; `None` if the thread has ended.
    pub async fn embed(&self, texts: Vec<Vec<u32>>) -> Option<Result<Vec<Vec<f32>>, StepError>> {
        let (sender, answer) = oneshot::channel();
        if !self.send(Command::Embed(texts, sender)) {
            return None;
        }
        answer.await.ok()
    }

    /// What it does.
    pub fn load(&self) -> Load {
        self.load.lock().map(|load| *load).unwrap_or_default()
    }

    /// Whether the thread runs.
    pub fn is_alive(&self) -> bool {
        self.thread.lock().is_ok_and(|thread| thread.as_ref().is_some_and(|thread| !thread.is_finished()))
    }

    /// Ends the thread; answers that are not finished end without an event.
    pub fn stop(&self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take()) {
            let _ = thread.join();
        }
    }
}

/// What the thread has besides the model.
struct Inside {
    receiver: Receiver<Command>,
    load: Arc<Mutex<Load>>,
    pieces: Arc<Pieces>,
    eos: Vec<u32>,
    slots: usize,
    queue: usize,
}

fn run(
    files: &Files,
    vocabulary: Option<&Vocabulary>,
    jobs: &dyn Jobs,
    options: Options,
    inside: Inside,
    ready: &Sender<Result<()>>,
) {
    let begun = files.model().and_then(|model| {
        let (plan, _) = memory::plan(&model, options)?;
        Ok((memory::block(&plan), plan, model))
    });
    let (mut block, plan, model) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let engine = match Engine::new(&model, &plan, Level::best(), &mut block) {
        Ok(engine) => engine,
        Err(error) => {
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    let mut work = Work {
        scheduler: Scheduler::new(engine, inside.slots, inside.queue),
        inside,
        vocabulary,
        width: model.config().width,
        clients: BTreeMap::new(),
        embeddings: VecDeque::new(),
        next: 0,
        generated: 0,
    };
    let mut events = Vec::new();
    while work.take_commands() {
        work.embed_one(jobs);
        work.scheduler.step(jobs, &mut events);
        work.tell(&mut events);
    }
}

/// Texts whose embeddings are wanted, and those that are there.
struct Embedding {
    texts: std::vec::IntoIter<Vec<u32>>,
    vectors: Vec<Vec<f32>>,
    client: oneshot::Sender<Result<Vec<Vec<f32>>, StepError>>,
}

/// What the thread is at.
struct Work<'v, 'e, 'a> {
    scheduler: Scheduler<'v, 'e, 'a>,
    inside: Inside,
    vocabulary: Option<&'v Vocabulary>,
    width: usize,
    clients: BTreeMap<u64, mpsc::UnboundedSender<Result<Event, SubmitError>>>,
    embeddings: VecDeque<Embedding>,
    next: u64,
    generated: u64,
}

impl Work<'_, '_, '_> {
    /// Takes what was asked for, and waits for it when there is nothing else to do. `false`: it is the end.
    fn take_commands(&mut self) -> bool {
        loop {
            let is_idle = self.scheduler.is_idle() && self.embeddings.is_empty();
            let command = if is_idle {
                self.inside.receiver.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                self.inside.receiver.try_recv()
            };
            match command {
                Ok(Command::Generate(job, client)) => {
                    self.next += 1;
                    match self.scheduler.submit(request(self.next, *job, &self.inside, self.vocabulary)) {
                        Ok(()) => drop(self.clients.insert(self.next, client)),
                        Err(error) => drop(client.send(Err(error))),
                    }
                }
                Ok(Command::Embed(texts, client)) => {
                    let texts = texts.into_iter();
                    self.embeddings.push_back(Embedding { texts, vectors: Vec::new(), client });
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// The embedding of one text, so that answers and other clients' texts do not wait for all of a long list.
    fn embed_one(&mut self, jobs: &dyn Jobs) {
        let Some(mut at_work) = self.embeddings.pop_front() else { return };
        if at_work.client.is_closed() {
            return;
        }
        let Some(ids) = at_work.texts.next() else {
            let _ = at_work.client.send(Ok(at_work.vectors));
            return;
        };
        let mut vector = vec![0.0; self.width];
        match embed::embed(self.scheduler.engine(), jobs, self.inside.slots as u32, &ids, &mut vector) {
            Ok(()) => {
                at_work.vectors.push(vector);
                self.embeddings.push_back(at_work);
            }
            Err(error) => drop(at_work.client.send(Err(error))),
        }
    }

    /// Tells clients what came; requests of clients that have gone are given up, also those that wait.
    fn tell(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            let (request, is_done) = match &event {
                Event::Token { request, .. } => (*request, false),
                Event::Done { request, .. } => (*request, true),
            };
            self.generated += u64::from(!is_done);
            if is_done {
                // A client that has gone does not care.
                let _ = self.clients.remove(&request).map(|client| client.send(Ok(event)));
            } else if let Some(client) = self.clients.get(&request) {
                let _ = client.send(Ok(event));
            }
        }
        let scheduler = &mut self.scheduler;
        self.clients.retain(|&request, client| {
            if client.is_closed() {
                scheduler.cancel(request);
            }
            !client.is_closed()
        });
        if let Ok(mut load) = self.inside.load.lock() {
            let ((waiting, running), (computed, reused)) = (self.scheduler.load(), self.scheduler.totals());
            *load = Load { waiting, running, computed, reused, generated: self.generated };
        }
    }
}

fn request<'v>(id: u64, job: Job, inside: &Inside, vocabulary: Option<&'v Vocabulary>) -> Request<'v> {
    let sampler = Sampler::new(job.sampling, job.seed).unwrap_or_else(|_| {
        Sampler::new(Sampling::default(), job.seed).expect("the default settings are sound")
    });
    let constraint = job.grammar.map(|grammar| {
        let constrained: Box<dyn Constraint> = Box::new(Constrained::new(grammar, inside.pieces.clone()));
        constrained
    });
    Request {
        id,
        prompt: job.prompt,
        len_max: job.len_max,
        sampler,
        stops: job.stops,
        eos: if job.ends { inside.eos.clone() } else { Vec::new() },
        decoder: vocabulary.map(|vocabulary| vocabulary.tokenizer.decoder(true)),
        logprobs: job.logprobs,
        constraint,
        guess: true,
    }
}
