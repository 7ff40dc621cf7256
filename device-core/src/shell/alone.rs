//! The app's own lock, held for as long as a value lives: a call that is dropped half-way gives it back.

use std::sync::Arc;

use crate::error::DeviceError;
use crate::ports::Lock;

/// No other process of the app is at the stored state.
pub(super) struct Alone<'a>(&'a Arc<dyn Lock>);

impl<'a> Alone<'a> {
    /// Waits for the others; `None` where the app has one process.
    pub(super) async fn among_processes(lock: Option<&'a Arc<dyn Lock>>) -> Result<Option<Self>, DeviceError> {
        let Some(lock) = lock else { return Ok(None) };
        lock.acquire().await?;
        Ok(Some(Self(lock)))
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // What cannot be given back now is given back when the process ends; the next `acquire` tells.
        let _ = self.0.release();
    }
}
