//! A link in user space: a UDP relay between one office and HQ, with delay, loss and cuts.
//!
//! It carries datagrams and knows nothing of what is in them.

use crate::clock;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// The longest datagram there is.
const DATAGRAM_BYTES: usize = 64 * 1024;

/// The most datagrams under way on one link; more are lost, as in a router.
const UNDER_WAY: usize = 2_048;

/// The most sockets that one office's link remembers; the oldest is forgotten.
const FLOWS: usize = 32;

/// How a link behaves now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Nothing passes.
    pub cut: bool,
    /// How long each datagram takes, one way.
    pub delay: Duration,
    /// How many datagrams of a thousand are lost.
    pub lost_per_mille: u16,
}

/// The thread that carries the datagrams of all links.
#[derive(Debug)]
pub struct Wires {
    runtime: Runtime,
}

impl Wires {
    /// Starts the thread.
    pub fn new() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("wires").enable_all().build()?;
        Ok(Self { runtime })
    }

    /// A new link to `to`, clear and at once; `seed` decides what is lost.
    pub fn link(&self, to: SocketAddr, seed: u64) -> io::Result<Link> {
        let near = self.runtime.block_on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = near.local_addr()?;
        let (parcels, due) = mpsc::channel(UNDER_WAY);
        let state = Arc::new(State {
            near: Arc::new(near),
            to,
            weather: Mutex::default(),
            dice: Mutex::new(fastrand::Rng::with_seed(seed)),
            rebinds: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            parcels,
        });
        self.runtime.spawn(deliver(due));
        self.runtime.spawn(Arc::clone(&state).carry_up());
        Ok(Link { address, state })
    }
}

/// One link. Dial its address to reach the other end.
#[derive(Clone, Debug)]
pub struct Link {
    address: SocketAddr,
    state: Arc<State>,
}

impl Link {
    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it behaves from now on.
    pub fn set(&self, weather: Weather) {
        *self.state.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Nothing passes from now on.
    pub fn cut(&self) {
        self.set(Weather { cut: true, ..self.state.weather() });
    }

    /// Ends a cut.
    pub fn restore(&self) {
        self.set(Weather { cut: false, ..self.state.weather() });
    }

    /// From now on HQ sees the office come from another port, as when a router forgets it.
    pub fn rebind(&self) {
        self.state.rebinds.fetch_add(1, Ordering::Relaxed);
    }

    /// Is it cut?
    pub fn is_cut(&self) -> bool {
        self.state.weather().cut
    }

    /// Bytes of datagrams that were delivered, both ways.
    pub fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct State {
    near: Arc<UdpSocket>,
    to: SocketAddr,
    weather: Mutex<Weather>,
    dice: Mutex<fastrand::Rng>,
    rebinds: AtomicU64,
    bytes: AtomicU64,
    parcels: mpsc::Sender<Parcel>,
}

/// A datagram under way.
#[derive(Debug)]
struct Parcel {
    due: Instant,
    from: Arc<UdpSocket>,
    to: SocketAddr,
    bytes: Vec<u8>,
    state: Arc<State>,
}

impl State {
    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one datagram on, or loses it.
    fn post(self: &Arc<Self>, from: &Arc<UdpSocket>, to: SocketAddr, bytes: &[u8]) {
        let weather = self.weather();
        let thrown = self.dice.lock().unwrap_or_else(PoisonError::into_inner).u16(0..1_000);
        if weather.cut || thrown < weather.lost_per_mille {
            return;
        }
        let parcel = Parcel {
            due: clock::now() + weather.delay,
            from: Arc::clone(from),
            to,
            bytes: bytes.to_vec(),
            state: Arc::clone(self),
        };
        // Full: lost, as in a router.
        drop(self.parcels.try_send(parcel));
    }

    /// From the office to HQ: each of the office's sockets gets one of ours.
    async fn carry_up(self: Arc<Self>) {
        let mut flows: BTreeMap<SocketAddr, Flow> = BTreeMap::new();
        let (mut born, mut rebinds) = (0, 0);
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            // A datagram that found nobody comes back as an error: the next one may find somebody.
            let Ok((n, office)) = self.near.recv_from(&mut buffer).await else { continue };
            let asked = self.rebinds.load(Ordering::Relaxed);
            if std::mem::replace(&mut rebinds, asked) != asked {
                flows.clear();
            }
            if !flows.contains_key(&office) {
                if flows.len() >= FLOWS {
                    let oldest = flows.iter().min_by_key(|(_, flow)| flow.born);
                    let oldest = *oldest.expect("there are flows").0;
                    flows.remove(&oldest);
                }
                let Ok(far) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
                born += 1;
                flows.insert(office, Flow::new(born, &self, Arc::new(far), office));
            }
            self.post(&flows[&office].far, self.to, &buffer[..n]);
        }
    }

    /// From HQ back to one of the office's sockets.
    async fn carry_down(self: Arc<Self>, far: Arc<UdpSocket>, office: SocketAddr) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            if let Ok((n, _)) = far.recv_from(&mut buffer).await {
                self.post(&self.near, office, &buffer[..n]);
            }
        }
    }
}

/// One of the office's sockets, and ours for it.
struct Flow {
    born: u64,
    far: Arc<UdpSocket>,
    down: tokio::task::JoinHandle<()>,
}

impl Flow {
    fn new(born: u64, state: &Arc<State>, far: Arc<UdpSocket>, office: SocketAddr) -> Self {
        let down = tokio::spawn(Arc::clone(state).carry_down(Arc::clone(&far), office));
        Self { born, far, down }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.down.abort();
    }
}

/// Hands parcels over when they are due, unless the link was cut meanwhile.
async fn deliver(mut parcels: mpsc::Receiver<Parcel>) {
    while let Some(parcel) = parcels.recv().await {
        tokio::time::sleep_until(parcel.due.into()).await;
        if parcel.state.weather().cut {
            continue;
        }
        if parcel.from.send_to(&parcel.bytes, parcel.to).await.is_ok() {
            parcel.state.bytes.fetch_add(parcel.bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net;

    /// A far end that answers each datagram with itself, and the near end of a link to it.
    fn echo(wires: &Wires, seed: u64) -> (Link, net::UdpSocket) {
        let far = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = wires.link(far.local_addr().unwrap(), seed).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((n, from)) = far.recv_from(&mut buffer) {
                far.send_to(&buffer[..n], from).unwrap();
            }
        });
        let near = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        near.connect(link.address()).unwrap();
        near.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        (link, near)
    }

    fn comes_back(near: &net::UdpSocket, byte: u8) -> bool {
        near.send(&[byte]).unwrap();
        let mut buffer = [0; 64];
        near.recv(&mut buffer).is_ok_and(|n| buffer[..n] == [byte])
    }

    #[test]
    fn a_clear_link_carries_and_counts_both_ways() {
        let wires = Wires::new().unwrap();
        let (link, near) = echo(&wires, 1);
        assert!(comes_back(&near, 7));
        assert_eq!(
            clock::until(Duration::from_secs(5), || (link.bytes() == 2).then_some(())),
            Some(())
        );
    }

    #[test]
    fn a_cut_link_carries_nothing_until_it_is_restored() {
        let wires = Wires::new().unwrap();
        let (link, near) = echo(&wires, 1);
        link.cut();
        assert!(!comes_back(&near, 1));
        link.restore();
        assert!(comes_back(&near, 2));
    }

    #[test]
    fn a_rebound_link_comes_from_another_port_and_goes_on_carrying() {
        let wires = Wires::new().unwrap();
        let far = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = wires.link(far.local_addr().unwrap(), 1).unwrap();
        let near = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut ports = [0; 2];
        for port in &mut ports {
            near.send_to(&[1], link.address()).unwrap();
            *port = far.recv_from(&mut [0; 8]).unwrap().1.port();
            link.rebind();
        }
        assert_ne!(ports[0], ports[1]);
    }

    #[test]
    fn a_link_loses_what_its_weather_says() {
        let wires = Wires::new().unwrap();
        let (link, near) = echo(&wires, 1);
        link.set(Weather { lost_per_mille: 1_000, ..Weather::default() });
        assert!(!comes_back(&near, 1));
    }
}
