//! Who comes in: SASL PLAIN and SCRAM.
//!
//! ```text
//! PLAIN   client: [as whom] 0 user 0 password                          server: nothing
//! SCRAM   client: n,,n=user,r=nonce                                     server: r=nonce+more,s=salt,i=iterations
//!         client: c=biws,r=nonce+more,p=proof                           server: v=signature
//! ```
//! A wrong user is not told from a wrong password. Source: RFC 4616, RFC 5802, RFC 7677.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dolmen_host::same;
use dolmen_kafka::scram::{self, Credential, Credentials};
use hmac::{Mac, SimpleHmac};
use sha2::digest::core_api::BlockSizeUser;
use sha2::{Digest, Sha256, Sha512};

use crate::catalog::random_id;

/// Rounds of the hash for a user of the settings: Kafka's least.
const ITERATIONS: i32 = 4096;
/// No message of a client is longer.
const MESSAGE_LEN_MAX: usize = 4096;

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// By its password.
    Plain,
    /// By a proof over a hash.
    Scram(scram::Mechanism),
}

impl Mechanism {
    /// By its name.
    pub fn of(name: &str) -> Option<Mechanism> {
        match name {
            "PLAIN" => Some(Mechanism::Plain),
            "SCRAM-SHA-256" => Some(Mechanism::Scram(scram::Mechanism::Sha256)),
            "SCRAM-SHA-512" => Some(Mechanism::Scram(scram::Mechanism::Sha512)),
            _ => None,
        }
    }
}

/// A user of the settings: the password, and what SCRAM makes of it once it is needed.
struct User {
    password: String,
    sha256: OnceLock<Arc<Credential>>,
    sha512: OnceLock<Arc<Credential>>,
}

/// Everyone who may come in.
pub struct Users {
    by_name: BTreeMap<String, User>,
    /// Stands in for users who do not exist, so that they take as long.
    nobody: User,
}

impl User {
    fn new(password: &str) -> User {
        User { password: password.to_owned(), sha256: OnceLock::new(), sha512: OnceLock::new() }
    }

    fn credential(&self, mechanism: scram::Mechanism) -> Arc<Credential> {
        let of = match mechanism {
            scram::Mechanism::Sha256 => &self.sha256,
            scram::Mechanism::Sha512 => &self.sha512,
        };
        of.get_or_init(|| Arc::new(credential(mechanism, &self.password))).clone()
    }
}

impl Users {
    /// Of these names and passwords.
    pub fn new(users: &[(String, String)]) -> Users {
        let by_name = users.iter().map(|(name, password)| (name.clone(), User::new(password))).collect();
        let nobody = User::new(&STANDARD.encode(random_id().0));
        Users { by_name, nobody }
    }

    fn find(&self, name: &str) -> (&User, bool) {
        self.by_name.get(name).map_or((&self.nobody, false), |user| (user, true))
    }

    /// The credential of a user for SCRAM: the one on record, or that of the settings' password.
    fn credential(
        &self,
        records: &Credentials,
        name: &str,
        mechanism: scram::Mechanism,
    ) -> (Arc<Credential>, bool) {
        if let Some(credential) = records.get(name, mechanism) {
            return (Arc::new(credential.clone()), true);
        }
        let (user, exists) = self.find(name);
        (user.credential(mechanism), exists)
    }
}

/// Of a password, with a salt of our own.
fn credential(mechanism: scram::Mechanism, password: &str) -> Credential {
    let salt = random_id().0.to_vec();
    let salted = match mechanism {
        scram::Mechanism::Sha256 => stretch::<Sha256>(password.as_bytes(), &salt),
        scram::Mechanism::Sha512 => stretch::<Sha512>(password.as_bytes(), &salt),
    };
    kept(mechanism, &salted, salt, ITERATIONS)
}

/// What is kept of a salted password.
pub fn kept(mechanism: scram::Mechanism, salted: &[u8], salt: Vec<u8>, iterations: i32) -> Credential {
    match mechanism {
        scram::Mechanism::Sha256 => kept_by::<Sha256>(salted, salt, iterations),
        scram::Mechanism::Sha512 => kept_by::<Sha512>(salted, salt, iterations),
    }
}

fn kept_by<D: Digest + BlockSizeUser + Clone>(salted: &[u8], salt: Vec<u8>, iterations: i32) -> Credential {
    let stored_key = D::digest(mac::<D>(salted, &[b"Client Key"])).to_vec();
    Credential { salt, stored_key, server_key: mac::<D>(salted, &[b"Server Key"]), iterations }
}

fn mac<D: Digest + BlockSizeUser + Clone>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = SimpleHmac::<D>::new_from_slice(key).expect("HMAC takes keys of every length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// PBKDF2 for one block.
fn stretch<D: Digest + BlockSizeUser + Clone>(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut round = mac::<D>(password, &[salt, &1u32.to_be_bytes()]);
    let mut out = round.clone();
    for _ in 1..ITERATIONS {
        round = mac::<D>(password, &[&round]);
        out.iter_mut().zip(&round).for_each(|(out, byte)| *out ^= byte);
    }
    out
}

/// Where a connection stands.
#[derive(Debug)]
enum Stage {
    /// Anyone may do anything.
    Open,
    /// The client has said nothing yet.
    Start,
    /// It has chosen a mechanism.
    Chosen(Mechanism),
    /// SCRAM's first exchange is over.
    Challenged(Challenge),
    /// It has proved that it is this user.
    Known(String),
}

/// What a client has to prove.
#[derive(Debug)]
struct Challenge {
    mechanism: scram::Mechanism,
    user: String,
    exists: bool,
    credential: Arc<Credential>,
    nonce: String,
    messages: String,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    /// Tokens come without the protocol's headers, as behind the oldest handshake.
    is_raw: bool,
}

/// What a client's message leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This goes back, and more is to come; or it was the last.
    Go(Vec<u8>),
    /// Wrong user or password, or no such message.
    Wrong,
}

impl Session {
    /// A new connection.
    pub fn new(is_needed: bool) -> Session {
        Session { stage: if is_needed { Stage::Start } else { Stage::Open }, is_raw: false }
    }

    /// Whether requests are taken.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Known(_))
    }

    /// The user that the client has proved to be.
    pub fn user(&self) -> Option<&str> {
        match &self.stage {
            Stage::Known(user) => Some(user),
            _ => None,
        }
    }

    /// Whether the client must say who it is.
    pub fn is_needed(&self) -> bool {
        !matches!(self.stage, Stage::Open)
    }

    /// Whether the next frame is a bare token.
    pub fn is_raw(&self) -> bool {
        self.is_raw && !self.is_open()
    }

    /// The client chooses.
    pub fn choose(&mut self, mechanism: Mechanism, is_raw: bool) {
        self.stage = Stage::Chosen(mechanism);
        self.is_raw = is_raw;
    }

    /// Takes a token.
    pub fn step(&mut self, users: &Users, records: &Credentials, token: &[u8]) -> Step {
        let text = std::str::from_utf8(token).ok().filter(|text| text.len() <= MESSAGE_LEN_MAX);
        let next = match (text, std::mem::replace(&mut self.stage, Stage::Start)) {
            (Some(text), Stage::Chosen(Mechanism::Plain)) => plain(users, text),
            (Some(text), Stage::Chosen(Mechanism::Scram(mechanism))) => {
                challenge(users, records, mechanism, text)
            }
            (Some(text), Stage::Challenged(challenge)) => prove(challenge, text),
            _ => None,
        };
        match next {
            Some((stage, answer)) => {
                self.stage = stage;
                Step::Go(answer)
            }
            None => Step::Wrong,
        }
    }
}

fn plain(users: &Users, text: &str) -> Option<(Stage, Vec<u8>)> {
    let mut parts = text.split('\0');
    let (as_whom, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let (found, exists) = users.find(user);
    let is_right = same(password.as_bytes(), found.password.as_bytes()) && exists;
    let is_self = as_whom.is_empty() || as_whom == user;
    (is_right && is_self && parts.next().is_none()).then(|| (Stage::Known(user.to_owned()), Vec::new()))
}

/// `n,,n=user,r=nonce`.
fn challenge(
    users: &Users,
    records: &Credentials,
    mechanism: scram::Mechanism,
    text: &str,
) -> Option<(Stage, Vec<u8>)> {
    let bare = text.strip_prefix("n,").and_then(|rest| rest.split_once(',')).map(|(_, bare)| bare)?;
    let mut fields = bare.split(',');
    let name = fields.next()?.strip_prefix("n=")?;
    let user = name.replace("=2C", ",").replace("=3D", "=");
    let client_nonce = fields.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
    let (credential, exists) = users.credential(records, &user, mechanism);
    let nonce = format!("{client_nonce}{}", STANDARD.encode(random_id().0));
    let answer = format!("r={nonce},s={},i={}", STANDARD.encode(&credential.salt), credential.iterations);
    let messages = format!("{bare},{answer}");
    let challenge = Challenge { mechanism, user, exists, credential, nonce, messages };
    Some((Stage::Challenged(challenge), answer.into_bytes()))
}

/// `c=biws,r=nonce,p=proof`.
fn prove(challenge: Challenge, text: &str) -> Option<(Stage, Vec<u8>)> {
    let (bare, proof) = text.rsplit_once(",p=")?;
    let mut fields = bare.split(',');
    let is_bound = fields.next()? == "c=biws";
    // librdkafka before 2.6.1 puts its own part before it once more; Kafka takes that, and the proof is over what was sent.
    let is_same = fields.next()?.strip_prefix("r=")?.ends_with(&challenge.nonce);
    let proof = STANDARD.decode(proof).ok()?;
    let about = format!("{},{bare}", challenge.messages);
    let signature = match challenge.mechanism {
        scram::Mechanism::Sha512 => check::<Sha512>(&challenge.credential, about.as_bytes(), &proof),
        scram::Mechanism::Sha256 => check::<Sha256>(&challenge.credential, about.as_bytes(), &proof),
    };
    let signature = signature.filter(|_| is_bound && is_same && challenge.exists)?;
    Some((Stage::Known(challenge.user), format!("v={}", STANDARD.encode(signature)).into_bytes()))
}

/// The server's signature, if the proof is right.
fn check<D: Digest + BlockSizeUser + Clone>(
    credential: &Credential,
    about: &[u8],
    proof: &[u8],
) -> Option<Vec<u8>> {
    let signature = mac::<D>(&credential.stored_key, &[about]);
    if proof.len() != signature.len() {
        return None;
    }
    let client: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    same(&D::digest(client), &credential.stored_key).then(|| mac::<D>(&credential.server_key, &[about]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: Mechanism = Mechanism::Scram(scram::Mechanism::Sha256);
    const SHA512: Mechanism = Mechanism::Scram(scram::Mechanism::Sha512);

    fn users() -> Users {
        Users::new(&[("tree".into(), "oak=,1".into())])
    }

    #[test]
    fn plain_wants_user_and_password() {
        let answer = |token: &str| {
            let mut session = Session::new(true);
            session.choose(Mechanism::Plain, false);
            let is_taken =
                session.step(&users(), &Credentials::default(), token.as_bytes()) == Step::Go(Vec::new());
            assert_eq!(session.user(), is_taken.then_some("tree"));
            (is_taken, session.is_open())
        };
        assert_eq!(answer("\0tree\0oak=,1"), (true, true));
        assert_eq!(answer("tree\0tree\0oak=,1"), (true, true));
        for wrong in
            ["\0tree\0oak", "\0bush\0oak=,1", "bush\0tree\0oak=,1", "\0tree", "", "\0tree\0oak=,1\0x"]
        {
            assert_eq!(answer(wrong), (false, false), "{wrong:?}");
        }
    }

    /// RFC 7677's example.
    #[test]
    fn scram_is_that_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = stretch::<Sha256>(b"pencil", &salt);
        let keys = kept(scram::Mechanism::Sha256, &salted, salt, 4096);
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let about = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
        );
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = check::<Sha256>(&keys, about.as_bytes(), &proof).unwrap();
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    /// A client's whole exchange: the session, and whether the server has proved itself too.
    fn exchange<D: Digest + BlockSizeUser + Clone>(
        mechanism: Mechanism,
        (name, password): (&str, &str),
        before_nonce: &str,
        changed: impl Fn(String) -> String,
    ) -> (Session, bool) {
        let (users, records, mut session) = (users(), Credentials::default(), Session::new(true));
        session.choose(mechanism, false);
        let first = format!("n={name},r=abc");
        let Step::Go(answer) = session.step(&users, &records, format!("n,,{first}").as_bytes()) else {
            return (session, false);
        };
        let answer = String::from_utf8(answer).unwrap();
        let fields: Vec<&str> = answer.split(',').collect();
        let salt = STANDARD.decode(fields[1].strip_prefix("s=").unwrap()).unwrap();
        let salted = stretch::<D>(password.as_bytes(), &salt);
        let bare = format!("c=biws,r={before_nonce}{}", fields[0].strip_prefix("r=").unwrap());
        let about = format!("{first},{answer},{bare}");
        let key = mac::<D>(&salted, &[b"Client Key"]);
        let signature = mac::<D>(&D::digest(&key), &[about.as_bytes()]);
        let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let last = changed(format!("{bare},p={}", STANDARD.encode(proof)));
        let wanted = mac::<D>(&mac::<D>(&salted, &[b"Server Key"]), &[about.as_bytes()]);
        let is_proved = session.step(&users, &records, last.as_bytes())
            == Step::Go(format!("v={}", STANDARD.encode(wanted)).into_bytes());
        (session, is_proved)
    }

    #[test]
    fn scram_opens_for_the_right_password_alone() {
        let is_open = |(session, is_proved): (Session, bool)| {
            assert_eq!(session.is_open(), is_proved);
            assert_eq!(session.user(), is_proved.then_some("tree"));
            is_proved
        };
        let (right, same) = (("tree", "oak=,1"), |text| text);
        assert!(is_open(exchange::<Sha256>(SHA256, right, "", same)));
        assert!(is_open(exchange::<Sha512>(SHA512, right, "", same)));
        for wrong in [("tree", "oak=,2"), ("bush", "oak=,1"), ("", "oak=,1")] {
            assert!(!is_open(exchange::<Sha256>(SHA256, wrong, "", same)), "{wrong:?}");
            assert!(!is_open(exchange::<Sha512>(SHA512, wrong, "", same)), "{wrong:?}");
        }
        assert!(is_open(exchange::<Sha256>(SHA256, right, "abc", same)), "as older clients send it");
        let changes: [fn(String) -> String; 5] = [
            |text| text.replacen("c=biws", "c=eSws", 1),
            |text| text.replacen("r=abc", "r=abd", 1),
            |text| text.replacen(",p=", "x,p=", 1),
            |text| text.replacen(",p=", ",p=A", 1),
            |text| text.split(",p=").next().unwrap_or_default().to_owned(),
        ];
        for change in changes {
            assert!(!is_open(exchange::<Sha256>(SHA256, right, "", change)));
        }
    }

    #[test]
    fn no_token_opens_a_session_by_chance() {
        for mechanism in [Mechanism::Plain, SHA256, SHA512] {
            let mut session = Session::new(true);
            session.choose(mechanism, false);
            for token in [&b"n,,n=tree,r=x"[..], b"c=biws,r=x,p=AAAA", b"\xff", b""] {
                let _ = session.step(&users(), &Credentials::default(), token);
                assert!(!session.is_open());
            }
        }
    }
}
