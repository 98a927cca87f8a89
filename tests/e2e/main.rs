//! Real processes, real QUIC, real disks: what a district sees, and what may happen to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit; // what both have, compared
mod backup; // copies of headquarters, and headquarters put back to one
mod bundles; // weeks without a link
mod check; // what a monitoring system is told
mod clocks; // ten years off
mod config; // how HQ changes how offices run
mod corrections; // who changed what, and what is kept of it
mod crash; // kill -9
mod damage; // a view that is gone, cut short or garbage
mod demo; // interrupted or killed, it leaves nothing behind
mod district; // HQ, offices and links of one test
mod doctor; // what ails an office, and what may leave it
mod folder; // copies of a data dir
mod grants; // a record in a second office's hands
mod hands; // one record in several hands
mod held; // what HQ does not apply
mod hq_check; // what a monitoring system is told of headquarters
mod input; // what operators may get wrong
mod joining; // tokens and keys in the wrong hands
mod leaks; // personal data where none may be
mod mend; // a second disk, and damage in the middle
mod outage; // HQ down, links cut
mod paths; // a data dir where no socket fits
mod port; // strangers on the QUIC port
mod power; // the power fails, at any moment
mod reborn; // an old copy of an office's disk
mod receipt; // what a citizen takes home
mod replace; // another machine in the place of one that is gone
mod resources; // no room, no inodes, no descriptors, and far too much to send
mod rot; // bits that flipped, tails cut off, files that are gone
mod schemas; // what --json prints
mod releases; // what earlier releases wrote, and what later ones will
mod two_hands; // the same record edited at several ends of cut links
mod whole; // the main job, end to end

use wasl_tests::forms;
