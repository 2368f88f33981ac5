//! Bodies that tests, the replay of seeds and fuzzing share.

use crate::target::{CopySource, Target};

/// A target is read or refused; its key is what the path says when it is decoded once.
///
/// # Panics
///
/// If it is not.
pub fn check_target(data: &[u8]) {
    let _ = CopySource::parse(data);
    let Ok(target) = Target::parse(data, None, &[]) else { return };
    if let Some(key) = target.key() {
        let bucket = target.bucket().expect("an object has a bucket");
        let path = alloc::format!(
            "/{}/{}",
            bucket,
            crate::encoding::percent(key.as_str().as_bytes(), crate::encoding::Keep::Slash)
        );
        let again = Target::parse(path.as_bytes(), None, &[]).expect("it was read before");
        assert_eq!(again.key(), Some(key));
        assert_eq!(again.bucket(), Some(bucket));
    }
}
