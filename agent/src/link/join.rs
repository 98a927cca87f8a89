//! The one conversation of a machine that HQ does not know yet.
//!
//! The token says where HQ is and which key it has; HQ recognises the token's secret. Safe to
//! repeat: HQ answers the same keys with the same answer. Knows nothing of files.

use std::time::Duration;

use tokio::time::timeout;
use wasl_protocol::codec;
use wasl_protocol::join::{
    ALPN_JOIN, JoinAnswer, JoinRefusal, JoinRequest, JoinToken, Joined, decode_answer,
};
use wasl_protocol::keys::{SignKey, WrapKey};
use wasl_protocol::wire::{Bye, ByeCode};

use super::dial::dial;
use super::failure::Failure;
use super::identity::{Credentials, IdentityError};

/// The keys with which an office joins.
#[derive(Debug)]
pub struct Keys<'a> {
    /// The Ed25519 seed of its transport key.
    pub transport_secret: &'a [u8; 32],
    /// Signs its heads.
    pub sign_key: &'a SignKey,
    /// To it is wrapped what the office may read.
    pub wrap_key: WrapKey,
}

/// Why this machine did not join. Nothing of it is lost: the same command may be given again.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Our own keys or TLS library.
    #[error("cannot join: {0}")]
    Identity(#[from] IdentityError),
    /// Nobody could be talked to at any endpoint of the token.
    #[error("cannot reach HQ at {endpoint}: {why}")]
    Unreachable {
        /// The last endpoint tried.
        endpoint: String,
        /// What happened there.
        why: Failure,
    },
    /// Another HQ answers at the token's endpoint.
    #[error("this token is of another HQ: whoever answers at {endpoint} does not hold its key")]
    OtherHq {
        /// Where it answers.
        endpoint: String,
    },
    /// HQ speaks no version of joining that we speak.
    #[error("HQ at {endpoint} does not speak this version of wasl")]
    Version {
        /// Where it answers.
        endpoint: String,
    },
    /// HQ said no.
    #[error("HQ does not let this machine in: {0}")]
    Refused(JoinRefusal),
    /// HQ's answer cannot be read.
    #[error("HQ's answer cannot be read: the versions may not fit")]
    Answer,
}

impl JoinError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Identity(_) => "the key file or the identity may be damaged",
            Self::Unreachable { .. } | Self::Refused(JoinRefusal::Busy) => {
                "check the link and give the same command again: nothing is lost"
            }
            Self::OtherHq { .. } => {
                "ask for a new token from the HQ that this office is to join, or check the address"
            }
            Self::Version { .. } | Self::Answer | Self::Refused(JoinRefusal::Malformed) => {
                "install the same release of wasl here and of wasl-hq there"
            }
            Self::Refused(JoinRefusal::Unknown | JoinRefusal::Expired) => {
                "ask HQ for a new token: wasl-hq office token OFFICE"
            }
            Self::Refused(JoinRefusal::Used) => {
                "if no other machine should have joined, tell HQ at once; it can revoke the office"
            }
            Self::Refused(JoinRefusal::Revoked) => "HQ has to add this office anew",
        }
    }

    /// Is it worth giving the same command again?
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused(JoinRefusal::Busy))
    }
}

/// Joins the office of `token` with these keys, by the first of its endpoints that answers.
pub async fn join(token: &JoinToken, keys: Keys<'_>) -> Result<Joined, JoinError> {
    let credentials = Credentials::new(keys.transport_secret, token.hq)?;
    let transport = credentials.transport_key();
    let version = env!("CARGO_PKG_VERSION");
    let request = JoinRequest::new(token, transport, keys.sign_key, keys.wrap_key, version);
    let bytes = codec::encode(&request);
    let nowhere = Failure::Broken("the token names no endpoint".to_owned());
    let mut failed = JoinError::Unreachable { endpoint: String::new(), why: nowhere };
    for endpoint in &token.endpoints {
        match ask(&credentials, endpoint, &bytes).await {
            Ok(answer) => return understand(token, &answer),
            Err(why) => failed = at(endpoint, why),
        }
    }
    Err(failed)
}

fn at(endpoint: &str, why: Failure) -> JoinError {
    let endpoint = endpoint.to_owned();
    match why {
        Failure::Identity(e) => JoinError::Identity(e),
        Failure::WrongKey => JoinError::OtherHq { endpoint },
        Failure::Version => JoinError::Version { endpoint },
        Failure::Closed(Bye { code: ByeCode::Revoked, .. }) => {
            JoinError::Refused(JoinRefusal::Revoked)
        }
        why => JoinError::Unreachable { endpoint, why },
    }
}

/// Sends the request and brings back the bytes of the answer.
async fn ask(
    credentials: &Credentials,
    endpoint: &str,
    request: &[u8],
) -> Result<Vec<u8>, Failure> {
    let line = dial(credentials, ALPN_JOIN, endpoint, CONNECT_PATIENCE).await?;
    let connection = line.connection.clone();
    let talk = async {
        let (mut send, mut receive) = connection.open_bi().await?;
        // If writing fails, reading says better why.
        let _ = send.write_all(request).await;
        let _ = send.finish();
        match receive.read_to_end(ANSWER_BYTES).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(match connection.close_reason() {
                Some(reason) => reason.into(),
                None => Failure::Broken(error.to_string()),
            }),
        }
    };
    let answer = timeout(ANSWER_PATIENCE, talk).await.unwrap_or(Err(Failure::Timeout));
    line.hang_up(Bye::now(ByeCode::Done)).await;
    answer
}

fn understand(token: &JoinToken, answer: &[u8]) -> Result<Joined, JoinError> {
    let answer: JoinAnswer = decode_answer(answer).map_err(|_| JoinError::Answer)?;
    let joined = answer.map_err(JoinError::Refused)?;
    if joined.office == token.office { Ok(joined) } else { Err(JoinError::Answer) }
}

/// How long to wait for a connection to one address.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// How long to wait for the answer, which costs HQ one fsync.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// The longest answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
