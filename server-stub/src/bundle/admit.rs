//! Joining by file: a machine without a link asks, and is answered.

use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{JoinFile, JoinFileError, JoinRefusal, TransportKey, answer_file};
use wasl_protocol::keys::SignKey;

use super::Bundles;
use crate::gateway::let_in;

/// Why a machine is not let in. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The file.
    #[error(transparent)]
    File(#[from] JoinFileError),
    /// Its token.
    #[error(transparent)]
    Refused(#[from] JoinRefusal),
}

/// A machine that was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// As which office.
    pub office: OfficeId,
    /// Its transport key.
    pub transport: TransportKey,
    /// The answer's file.
    pub answer: Vec<u8>,
}

impl Bundles {
    /// Lets the machine in whose request this file is; the same one again gets the same answer.
    ///
    /// # Errors
    /// It is no request to this HQ, or its token is not good.
    pub async fn admit(&self, file: &[u8]) -> Result<Admitted, AdmitError> {
        let JoinFile { transport, hq, request } = JoinFile::decode(file)?;
        if hq != self.config.keys.transport_key() {
            return Err(JoinFileError::OtherKeys.into());
        }
        let joined = let_in(&self.config, &request, transport).await?;
        let key = SignKey::from_secret(&self.config.keys.transport_secret());
        let answer = answer_file(&joined, transport, &key);
        Ok(Admitted { office: joined.office, transport, answer })
    }
}
