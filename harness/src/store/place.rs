//! Where objects are: a folder, S3, GCS. Only this file knows the crate `object_store`.
//!
//! | URL | is |
//! |---|---|
//! | `night/store`, `file:///night/store` | a folder; it is made where it is not there |
//! | `s3://BUCKET/PREFIX` | Amazon S3 and what speaks its protocol: region, credentials and endpoint from `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ENDPOINT`, or from the machine's role |
//! | `gs://BUCKET/PREFIX` | Google Cloud Storage: `GOOGLE_APPLICATION_CREDENTIALS`, or the machine's account |

use super::{Kind, Object};
use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Requests at the same time: an object is small, and a night has thousands.
const ABREAST: usize = 16;

/// A place of objects.
pub struct Place {
    url: String,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

/// Why a place cannot be used: each text names it and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is on another machine, and nobody said that this is meant.
    #[error("{url} is not on this machine; pass --allow-remote if that is meant")]
    Remote {
        /// As given.
        url: String,
    },
    /// No such kind of place.
    #[error(
        "{url}: no place of objects; name a folder, file:///FOLDER, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
    )]
    Scheme {
        /// As given.
        url: String,
    },
    /// It cannot be set up.
    #[error("{url}: cannot be used: {reason}")]
    Open {
        /// As given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It does not do what is asked.
    #[error("{url}: {what}: {reason}")]
    Failed {
        /// As given.
        url: String,
        /// What was asked.
        what: String,
        /// The store's answer.
        reason: String,
    },
}

impl PlaceError {
    /// Whether the user named the wrong thing.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }
}

impl Place {
    /// Opens the place that the URL names; one on another machine only where `remote` allows it. `make` makes a folder
    /// that is not there.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn open(url: &str, remote: bool, make: bool) -> Result<Self, PlaceError> {
        let wrong = |reason: String| PlaceError::Open { url: url.to_owned(), reason };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let store: Arc<dyn ObjectStore> = match url.split_once("://") {
            None => Arc::new(folder(PathBuf::from(url), make).map_err(wrong)?),
            Some(("file", path)) if path.starts_with('/') => {
                let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
                Arc::new(folder(PathBuf::from(path), make).map_err(wrong)?)
            }
            Some(("s3" | "gs", _)) if !remote => return Err(PlaceError::Remote { url: url.to_owned() }),
            Some((scheme @ ("s3" | "gs"), rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(PlaceError::Scheme { url: url.to_owned() });
                }
                let prefix = Key::parse(prefix).map_err(|error| wrong(error.to_string()))?;
                let said = |error: Error| wrong(error.to_string());
                if scheme == "s3" {
                    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(said)?;
                    Arc::new(PrefixStore::new(store, prefix))
                } else {
                    let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
                    Arc::new(PrefixStore::new(builder.build().map_err(said)?, prefix))
                }
            }
            Some(_) => return Err(PlaceError::Scheme { url: url.to_owned() }),
        };
        Ok(Self { url: url.to_owned(), store, runtime })
    }

    /// Adds objects; gives how many were not there. None is ever overwritten.
    ///
    /// # Errors
    /// [`PlaceError::Failed`] with the first object that was not taken; those before it are there.
    pub fn push(&self, objects: Vec<Object>, kinds: &[Kind]) -> Result<usize, PlaceError> {
        let there: BTreeSet<String> = self.names(kinds)?.into_iter().collect();
        let missing: Vec<Object> =
            objects.into_iter().filter(|object| !there.contains(&object.name)).collect();
        let put = |store: Arc<dyn ObjectStore>, object: Object| async move {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let put = store.put_opts(&key(&object.name)?, PutPayload::from(object.bytes), options).await;
            match put {
                Ok(_) => Ok(true),
                // Another shard was faster: the name says that it is the same.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        let fresh = self.each(missing, |object| object.name.clone(), "cannot be pushed", put)?;
        Ok(fresh.into_iter().filter(|fresh| *fresh).count())
    }

    /// The objects of these kinds whose names are not among `known`, by name; as they are, so check them.
    ///
    /// # Errors
    /// [`PlaceError::Failed`].
    pub fn pull(&self, kinds: &[Kind], known: &BTreeSet<String>) -> Result<Vec<Object>, PlaceError> {
        let names: Vec<String> =
            self.names(kinds)?.into_iter().filter(|name| !known.contains(name)).collect();
        let get = |store: Arc<dyn ObjectStore>, name: String| async move {
            let bytes = store.get(&key(&name)?).await?.bytes().await?.to_vec();
            Ok(Object { name, bytes })
        };
        let mut objects = self.each(names, Clone::clone, "cannot be pulled", get)?;
        objects.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(objects)
    }

    /// The names of all objects of these kinds.
    fn names(&self, kinds: &[Kind]) -> Result<Vec<String>, PlaceError> {
        let all = async {
            let mut names = Vec::new();
            for kind in kinds {
                let listed = self.store.list_with_delimiter(Some(&Key::from(kind.folder()))).await?;
                names.extend(listed.objects);
                for target in listed.common_prefixes {
                    names.extend(self.store.list_with_delimiter(Some(&target)).await?.objects);
                }
            }
            Ok::<_, Error>(names)
        };
        let listed = self.runtime.block_on(all).map_err(|error| self.failed("cannot be listed", &error))?;
        Ok(listed.into_iter().map(|object| object.location.to_string()).collect())
    }

    /// Does something with each item, a few at a time.
    fn each<I, O, F>(
        &self,
        items: Vec<I>,
        name: impl Fn(&I) -> String,
        what: &str,
        body: impl Fn(Arc<dyn ObjectStore>, I) -> F,
    ) -> Result<Vec<O>, PlaceError>
    where
        O: Send + 'static,
        F: Future<Output = Result<O, Error>> + Send + 'static,
    {
        self.runtime.block_on(async {
            let mut done = Vec::with_capacity(items.len());
            let mut items = items.into_iter();
            let mut running = JoinSet::new();
            loop {
                while running.len() < ABREAST
                    && let Some(item) = items.next()
                {
                    let name = name(&item);
                    let one = body(self.store.clone(), item);
                    running.spawn(async move { (name, one.await) });
                }
                match running.join_next().await {
                    None => return Ok(done),
                    Some(Ok((_, Ok(out)))) => done.push(out),
                    Some(Ok((name, Err(error)))) => {
                        return Err(self.failed(&format!("{name} {what}"), &error));
                    }
                    Some(Err(error)) => {
                        let (url, what) = (self.url.clone(), what.to_owned());
                        return Err(PlaceError::Failed { url, what, reason: error.to_string() });
                    }
                }
            }
        })
    }

    fn failed(&self, what: &str, error: &Error) -> PlaceError {
        PlaceError::Failed { url: self.url.clone(), what: what.to_owned(), reason: error.to_string() }
    }
}

fn key(name: &str) -> Result<Key, Error> {
    Ok(Key::parse(name)?)
}

fn folder(path: PathBuf, make: bool) -> Result<LocalFileSystem, String> {
    if make {
        std::fs::create_dir_all(&path).map_err(|error| format!("cannot make the folder: {error}"))?;
    } else if !path.is_dir() {
        return Err("no such folder; `store push` makes one".to_owned());
    }
    LocalFileSystem::new_with_prefix(&path)
        .map(|store| store.with_fsync(true))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::digest;

    fn object(text: &str) -> Object {
        Object { name: format!("corpus/frame/{}", digest(text.as_bytes())), bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_pushed_into_a_folder_is_there_once_and_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file://{}/a%20b", folder.path().display());
        let place = Place::open(&url, false, true).expect("opened");
        assert!(folder.path().join("a b").is_dir());
        assert_eq!(place.push(vec![object("x"), object("y")], &Kind::ALL).expect("pushed"), 2);
        assert_eq!(place.push(vec![object("y"), object("z")], &Kind::ALL).expect("pushed"), 1);
        let known = BTreeSet::from([object("x").name]);
        let mut expected = vec![object("y"), object("z")];
        expected.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(place.pull(&Kind::ALL, &known).expect("pulled"), expected);
        assert_eq!(place.pull(&[Kind::Runs], &known).expect("pulled"), []);
    }

    #[test]
    fn places_elsewhere_have_to_be_meant() {
        for url in ["s3://bucket/prefix", "gs://bucket"] {
            let error = Place::open(url, false, true).err().expect("refused").to_string();
            assert!(error.contains("--allow-remote"), "{error}");
        }
        for url in ["ftp://host/x", "s3://", "file://relative"] {
            let error = Place::open(url, true, true).err().expect("refused");
            assert!(error.is_usage() && error.to_string().contains("s3://BUCKET/PREFIX"), "{error}");
        }
        let error = Place::open("no/such/folder", false, false).err().expect("refused").to_string();
        assert!(error.contains("`store push` makes one"), "{error}");
    }
}
