//! Which addresses a stranger's URL may lead to: those of the public Internet, and those that the operator opened.
//!
//! The special ranges are IANA's registries of special-purpose addresses (RFC 6890) as far as they are not globally
//! reachable, with multicast and what former and transitional standards left behind. An IPv6 address that carries an
//! IPv4 address is judged by both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// The networks that an operator opened (`outbound.allowed_networks`); none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    opened: Vec<IpNet>,
}

/// Why a network cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadNetwork {
    /// No CIDR.
    #[error("is no network in CIDR form, such as 10.20.0.0/16 or fd12:3456::/32")]
    Form,
    /// An address with a prefix rather than a network.
    #[error("has bits beyond its prefix; the network is {0}")]
    HostBits(IpNet),
    /// IPv4 in the clothes of IPv6.
    #[error("is IPv4 within IPv6: write it as IPv4")]
    Mapped,
    /// Nothing of it would ever be reached.
    #[error("is link-local or a metadata service, which is never opened")]
    Never,
}

impl Networks {
    /// Opens one more network, in CIDR form.
    pub fn open(&mut self, cidr: &str) -> Result<(), BadNetwork> {
        let network: IpNet = cidr.parse().map_err(|_| BadNetwork::Form)?;
        if network != network.trunc() {
            return Err(BadNetwork::HostBits(network.trunc()));
        }
        match network {
            IpNet::V6(v6) if MAPPED.contains(&v6) => return Err(BadNetwork::Mapped),
            IpNet::V6(v6) if NEVER_V6.iter().any(|never| never.contains(&v6)) => return Err(BadNetwork::Never),
            IpNet::V4(v4) if NEVER_V4.iter().any(|never| never.contains(&v4)) => return Err(BadNetwork::Never),
            network => self.opened.push(network),
        }
        Ok(())
    }

    /// Whether a stranger's URL may lead to this address.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.admit_v4(address),
            IpAddr::V6(address) => self.admit_v6(address),
        }
    }

    /// Whether anything on this machine may be called.
    #[must_use]
    pub fn admit_loopback(&self) -> bool {
        self.admit(Ipv4Addr::LOCALHOST.into()) || self.admit(Ipv6Addr::LOCALHOST.into())
    }

    fn admit_v4(&self, address: Ipv4Addr) -> bool {
        !is_never(address) && (!within(&SPECIAL_V4, address) || self.is_opened(address.into()))
    }

    fn admit_v6(&self, address: Ipv6Addr) -> bool {
        let carried = carried(address);
        if NEVER_V6.iter().any(|never| never.contains(&address)) || carried.iter().copied().any(is_never) {
            return false;
        }
        self.is_opened(address.into()) || is_global(address) && carried.iter().all(|&inner| self.admit_v4(inner))
    }

    fn is_opened(&self, address: IpAddr) -> bool {
        self.opened.iter().any(|network| network.contains(&address))
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

/// Whoever reads there reads the credentials of the machine, or talks to its nearest neighbours.
const NEVER_V4: [Ipv4Net; 4] = [
    v4([169, 254, 0, 0], 16), // link-local (RFC 3927): the metadata services of nearly all clouds
    v4([100, 100, 100, 200], 32), // Alibaba Cloud
    v4([168, 63, 129, 16], 32), // Azure, in public space
    v4([192, 0, 0, 192], 32), // Oracle Cloud, the former one
];

const NEVER_V6: [Ipv6Net; 4] = [
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),            // link-local (RFC 4291 §2.5.6)
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),       // Amazon: 254 for metadata, 23 for pods, 253 for names
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128), // Google
    v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128), // Scaleway
];

const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network; 0.0.0.0 connects to this machine
    v4([10, 0, 0, 0], 8),      // private (RFC 1918)
    v4([100, 64, 0, 0], 10),   // carriers' own (RFC 6598)
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // protocol assignments (RFC 6890)
    v4([192, 0, 2, 0], 24),    // documentation (RFC 5737)
    v4([192, 88, 99, 0], 24),  // relays of 6to4, withdrawn (RFC 7526)
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarks (RFC 2544)
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, broadcast among them
];

/// Outside of it nothing is assigned to the public Internet, but for NAT64.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments (RFC 2928), Teredo and benchmarks among them
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), // documentation (RFC 3849)
    SIX_TO_FOUR,
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation (RFC 9637)
];

const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
/// RFC 4291 §2.5.5.1.
const COMPATIBLE: Ipv6Net = v6([0, 0, 0, 0, 0, 0, 0, 0], 96);
/// RFC 2765 §2.1.
const TRANSLATED: Ipv6Net = v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96);
/// RFC 6052 §2.1: where a network without IPv4 finds the rest of the world.
const NAT64: Ipv6Net = v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// RFC 8215.
const LOCAL_NAT64: Ipv6Net = v6([0x0064, 0xff9b, 0x0001, 0, 0, 0, 0, 0], 48);
/// RFC 3056 §2.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// RFC 4380 §4.
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
/// RFC 5214 §6.1: the third quarter of the address, with and without the universal bit.
const ISATAP: [[u8; 4]; 2] = [[0, 0, 0x5e, 0xfe], [2, 0, 0x5e, 0xfe]];

fn within(networks: &[Ipv4Net], address: Ipv4Addr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn is_never(address: Ipv4Addr) -> bool {
    within(&NEVER_V4, address)
}

fn is_global(address: Ipv6Addr) -> bool {
    let special = SPECIAL_V6.iter().any(|network| network.contains(&address));
    NAT64.contains(&address) || GLOBAL_V6.contains(&address) && !special
}

/// The IPv4 addresses that a translator or a tunnel would make of this one.
fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let last = at([12, 13, 14, 15]);
    let mut carried = Vec::new();
    if [COMPATIBLE, TRANSLATED, NAT64].iter().any(|network| network.contains(&address)) {
        carried.push(last);
    }
    if LOCAL_NAT64.contains(&address) {
        // RFC 6052 §2.2: prefixes of 48, 56, 64 and 96 bits; the ninth octet is skipped.
        carried.extend([at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last]);
    }
    if SIX_TO_FOUR.contains(&address) {
        carried.push(at([2, 3, 4, 5]));
    }
    if TEREDO.contains(&address) {
        carried.extend([at([4, 5, 6, 7]), Ipv4Addr::from(!u32::from(last))]);
    }
    if ISATAP.iter().any(|mark| octets[8..12] == *mark) {
        carried.push(last);
    }
    carried
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(networks: &[&str]) -> Networks {
        let mut opened = Networks::default();
        for network in networks {
            opened.open(network).expect("a network");
        }
        opened
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// The first and the last of each special range, and what else leads there.
    const SPECIAL: [&str; 71] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "100.100.100.200",
        "::",
        "::1",
        "::7f00:1",
        "::808:808",
        "::ffff:0.0.0.0",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.1.2.3",
        "64:ff9b::169.254.169.254",
        "64:ff9b::100.64.0.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:2::8.8.8.8",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff0e::1",
        "2a00:1450::5efe:10.0.0.1",
    ];

    const PUBLIC: [&str; 20] = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450::5efe:8.8.8.8",
    ];

    #[test]
    fn only_public_addresses_are_admitted() {
        let networks = Networks::default();
        for special in SPECIAL {
            assert!(!networks.admit(address(special)), "{special}");
        }
        for public in PUBLIC {
            assert!(networks.admit(address(public)), "{public}");
        }
    }

    #[test]
    fn an_opened_network_is_admitted_and_its_neighbour_is_not() {
        let networks = opening(&["10.20.0.0/16", "127.0.0.1/32", "fd12::/16", "::1/128"]);
        for opened in ["10.20.0.1", "::ffff:10.20.0.1", "64:ff9b::10.20.0.1", "127.0.0.1", "fd12::1", "::1"] {
            assert!(networks.admit(address(opened)), "{opened}");
        }
        for closed in ["10.21.0.1", "127.0.0.2", "fd13::1", "0.0.0.0", "::", "2002:a14:1::1", "::10.20.0.1"] {
            assert!(!networks.admit(address(closed)), "{closed}");
        }
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_admitted() {
        let networks = opening(&["0.0.0.0/0", "::/0"]);
        let never = [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::a9fe:a9fe",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:0:0:0:0:5601:5601",
            "2a00:1450::5efe:a9fe:a9fe",
            "fd12::200:5efe:a9fe:a9fe",
        ];
        for never in never {
            assert!(!networks.admit(address(never)), "{never}");
        }
        for opened in SPECIAL.iter().filter(|special| !never.contains(special) && !special.starts_with("fe")) {
            let link_local = opened.starts_with("169.254");
            assert_eq!(networks.admit(address(opened)), !link_local, "{opened}");
        }
    }

    #[test]
    fn a_network_is_written_plainly() {
        let mut networks = Networks::default();
        for form in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "localhost/8", "fe80::1%eth0/64", "10.0.0.0/8 "] {
            assert_eq!(networks.open(form), Err(BadNetwork::Form), "{form}");
        }
        let network = "10.0.0.0/8".parse().expect("a network");
        assert_eq!(networks.open("10.0.0.1/8"), Err(BadNetwork::HostBits(network)));
        assert_eq!(networks.open("::ffff:10.0.0.0/104"), Err(BadNetwork::Mapped));
        for never in ["169.254.0.0/16", "169.254.169.254/32", "100.100.100.200/32", "fe80::/10", "fd00:ec2::254/128"] {
            assert_eq!(networks.open(never), Err(BadNetwork::Never), "{never}");
        }
        assert_eq!(networks, Networks::default());
    }
}
