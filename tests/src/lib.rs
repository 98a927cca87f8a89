//! Wasl on one machine: its programs as real processes, on links that can be cut.
//!
//! The demo stands on this, and so do the end-to-end tests. The modules stand in reading order.

pub mod clock; // real time, for what is measured
pub mod crash; // power cuts and kills of real programs, and what must hold after them
pub mod demo; // the newcomer's first command
pub mod disk; // a disk that tells what a power cut would leave
pub mod fleet; // HQ and offices in one folder
pub mod forms; // made-up enrollments
pub mod http; // the daemons' own HTTP over their unix sockets
pub mod hostile; // bytes of strangers, and what must hold whatever they are
pub mod process; // start, wait for the ready line, stop, kill
pub mod programs; // this binary as `wasl` and as `wasl-hq`
pub mod sample; // the sample enrollments
pub mod wire; // a link in user space: delay, loss, cuts
pub mod sim; // worlds in one process, driven by a seed
