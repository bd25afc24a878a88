//! A folder that takes mail, laid out as mail programs expect it: written in
//! `tmp`, moved to `new`, moved on to `cur` by whoever reads it.

use std::io;
use std::path::{Path, PathBuf};

use shoal_error::{CommonCode, Error, Result};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use shoal_queue::Failure;

#[derive(Debug)]
pub(super) struct Maildir {
    root: PathBuf,
}

impl Maildir {
    /// Makes the three folders if they are missing.
    pub(super) async fn open(root: &Path) -> Result<Self> {
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(root.join(folder))
                .await
                .map_err(|error| {
                    Error::new(CommonCode::Internal, "The mail folder cannot be made.")
                        .with_internal(root.display().to_string())
                        .with_source(error)
                })?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Puts a mail into `new` unless it was put there before.
    pub(super) async fn deliver(
        &self,
        delivery_id: &str,
        created_at: i64,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let name = format!("{}.{delivery_id}.shoal", created_at.div_euclid(1_000));
        self.place(&name, bytes).await.map_err(|error| {
            // The kind only: paths are nobody's business in a delivery log.
            Failure::passing(format!("the mail folder did not take it: {}", error.kind()))
        })
    }

    async fn place(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.has(name).await? {
            return Ok(());
        }
        let (written, delivered) = (
            self.root.join("tmp").join(name),
            self.root.join("new").join(name),
        );
        let mut file = File::create(&written).await?;
        file.write_all(bytes).await?;
        // On disk before it shows, and the move as well before it counts.
        file.sync_all().await?;
        fs::rename(&written, &delivered).await?;
        File::open(self.root.join("new")).await?.sync_all().await
    }

    /// Whether the mail lies in `new`, or in `cur`, where readers add flags to
    /// its name.
    async fn has(&self, name: &str) -> io::Result<bool> {
        if fs::try_exists(self.root.join("new").join(name)).await? {
            return Ok(true);
        }
        let mut seen = fs::read_dir(self.root.join("cur")).await?;
        while let Some(entry) = seen.next_entry().await? {
            if entry.file_name().to_string_lossy().starts_with(name) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_mail_is_delivered_once_however_often_it_is_tried() {
        let root = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(root.path()).await.unwrap();
        for _ in 0..3 {
            maildir.deliver("dlv_1", 5_000, b"hello").await.unwrap();
        }
        assert_eq!(names(&root.path().join("new")), ["5.dlv_1.shoal"]);
        assert!(names(&root.path().join("tmp")).is_empty());

        // A mail program moves it on and flags it; it still counts as there.
        std::fs::rename(
            root.path().join("new/5.dlv_1.shoal"),
            root.path().join("cur/5.dlv_1.shoal:2,S"),
        )
        .unwrap();
        maildir.deliver("dlv_1", 5_000, b"hello").await.unwrap();
        assert!(names(&root.path().join("new")).is_empty());
    }

    #[tokio::test]
    async fn a_folder_that_went_away_is_a_passing_failure() {
        let root = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(root.path()).await.unwrap();
        std::fs::remove_dir_all(root.path().join("new")).unwrap();
        std::fs::remove_dir_all(root.path().join("cur")).unwrap();
        let failure = maildir.deliver("dlv_1", 5_000, b"hello").await.unwrap_err();
        assert_eq!(failure.lasting, None);
    }
}
