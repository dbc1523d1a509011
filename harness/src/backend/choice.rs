//! Which engine a run uses: `reference`, `embedded`, `dynamodb-local` or a URL.

use super::Backend;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An engine as `--backend` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendChoice {
    /// The reference model.
    Reference,
    /// dynoxide, in process.
    Embedded,
    /// DynamoDB Local in a container, which lives as long as any copy of this value or any engine opened from one.
    DynamoDbLocal(super::Shared),
    /// A DynamoDB endpoint.
    Url {
        /// `http://host:port`.
        url: String,
        /// Whether a host that is not loopback is meant.
        allow_remote: bool,
    },
}

/// Why a backend cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The word names no backend.
    #[error(
        "no backend is called {0:?}; there are: embedded, reference, dynamodb-local, or the URL of a DynamoDB endpoint"
    )]
    Unknown(String),
    /// A bad address, or one that needs a flag.
    #[error("{0}")]
    Refused(String),
    /// Nothing answers, or not as DynamoDB would.
    #[error("{0}")]
    Unreachable(String),
}

impl BackendError {
    /// Whether the user has to change the command line.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Refused(_))
    }
}

impl FromStr for BackendChoice {
    type Err = BackendError;

    fn from_str(word: &str) -> Result<Self, BackendError> {
        match word {
            "reference" => Ok(Self::Reference),
            "embedded" => Ok(Self::Embedded),
            "dynamodb-local" => Ok(Self::DynamoDbLocal(super::Shared::default())),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Self::Url { url: url.to_owned(), allow_remote: false })
            }
            other => Err(BackendError::Unknown(other.to_owned())),
        }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference => f.write_str("reference"),
            Self::Embedded => f.write_str("embedded"),
            Self::DynamoDbLocal(_) => f.write_str("dynamodb-local"),
            Self::Url { url, .. } => f.write_str(url),
        }
    }
}

impl BackendChoice {
    /// Opens an engine of its own for one worker.
    ///
    /// # Errors
    /// [`BackendError`] where it cannot be used.
    pub fn open(&self) -> Result<Arc<dyn Backend>, BackendError> {
        match self {
            Self::Reference => Ok(Arc::new(super::Reference::new())),
            Self::Embedded => Ok(Arc::new(super::Embedded::new())),
            Self::DynamoDbLocal(shared) => match shared.open() {
                Ok(engine) => Ok(Arc::new(engine)),
                Err(error) => Err(BackendError::Unreachable(error.to_string())),
            },
            Self::Url { url, allow_remote } => {
                // Real credentials are used only where a remote endpoint was asked for by flag.
                let real =
                    |name: &str| std::env::var(name).ok().filter(|value| *allow_remote && !value.is_empty());
                let credentials = real("AWS_ACCESS_KEY_ID").zip(real("AWS_SECRET_ACCESS_KEY"));
                match super::Endpoint::connect(url, *allow_remote, credentials) {
                    Ok(endpoint) => Ok(Arc::new(endpoint)),
                    Err(error @ super::EndpointError::Unreachable { .. }) => {
                        Err(BackendError::Unreachable(error.to_string()))
                    }
                    Err(error) => Err(BackendError::Refused(error.to_string())),
                }
            }
        }
    }
}
