//! How many strangers stand in the door, in all and from each address.
//!
//! A stranger is a connection whose key is not known yet. Knows nothing of TLS or of offices.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::Incoming;

use super::limits::{RETRY_FROM, STRANGERS, STRANGERS_PER_ADDRESS};

/// The strangers in the door. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One stranger's place in the door; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    address: IpAddr,
}

/// A connection that may go on to its handshake.
pub(super) struct Arrival {
    pub(super) incoming: Incoming,
    pub(super) place: Place,
}

/// What to do with one who knocks.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    Open,
    Prove,
    Shut,
}

impl Crowd {
    /// Takes a new connection in, or sends it away, or asks it to prove its address first.
    pub(super) fn arrive(&self, incoming: Incoming) -> Option<Arrival> {
        let address = incoming.remote_address().ip();
        match self.door(address, incoming.remote_address_validated()) {
            Door::Open => {}
            // An address that has proved itself cannot be asked again.
            Door::Prove if incoming.may_retry() => {
                let _ = incoming.retry();
                return None;
            }
            Door::Prove | Door::Shut => {
                incoming.refuse();
                return None;
            }
        }
        Some(Arrival { incoming, place: self.enter(address) })
    }

    fn door(&self, address: IpAddr, proved: bool) -> Door {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = inside.values().sum();
        let here = inside.get(&address).copied().unwrap_or(0);
        if all >= RETRY_FROM && !proved {
            Door::Prove
        } else if all >= STRANGERS || here >= STRANGERS_PER_ADDRESS {
            Door::Shut
        } else {
            Door::Open
        }
    }

    fn enter(&self, address: IpAddr) -> Place {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *inside.entry(address).or_default() += 1;
        Place { crowd: self.clone(), address }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = inside.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                inside.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(n).unwrap()))
    }

    #[test]
    fn one_address_cannot_fill_the_door() {
        let crowd = Crowd::default();
        let _inside: Vec<_> = (0..STRANGERS_PER_ADDRESS).map(|_| crowd.enter(address(1))).collect();
        assert_eq!(crowd.door(address(1), true), Door::Shut);
        assert_eq!(crowd.door(address(2), true), Door::Open);
    }

    #[test]
    fn a_crowd_must_prove_its_addresses_and_ends_somewhere() {
        let crowd = Crowd::default();
        let mut inside: Vec<_> = (0..RETRY_FROM).map(|n| crowd.enter(address(n))).collect();
        assert_eq!(crowd.door(address(7_000), false), Door::Prove);
        assert_eq!(crowd.door(address(7_000), true), Door::Open);
        inside.extend((RETRY_FROM..STRANGERS).map(|n| crowd.enter(address(n))));
        assert_eq!(crowd.door(address(7_000), true), Door::Shut);
        drop(inside);
        assert_eq!(crowd.door(address(7_000), false), Door::Open);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
