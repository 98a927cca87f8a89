//! Ctrl-C: everything is put away before the demo ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody wants the demo to end.
#[derive(Debug)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    _listens: Runtime,
}

impl Interrupt {
    /// Listens from now on to Ctrl-C, to a polite `kill`, and to the terminal going away.
    pub fn listen() -> std::io::Result<Self> {
        let listens = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let asked = Arc::new(AtomicBool::new(false));
        let _inside = listens.enter();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let (mut signal, asked) = (signal(kind)?, Arc::clone(&asked));
            listens.spawn(async move {
                while signal.recv().await.is_some() {
                    asked.store(true, Ordering::Relaxed);
                }
            });
        }
        Ok(Self { asked, _listens: listens })
    }

    /// Did somebody ask?
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}
