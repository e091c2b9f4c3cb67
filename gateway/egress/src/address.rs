//! Which addresses are on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::EgressError;

#[cfg(test)]
mod tests;

/// Blocks of IPv4 that no plugin reaches: first address and length of the prefix.
const CLOSED_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network, unspecified
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // carrier-grade NAT; 100.100.100.200 is Alibaba's metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),   // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's host
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local; 169.254.169.254 is metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),  // protocol assignments; 192.0.0.192 is Oracle's metadata
    (Ipv4Addr::new(192, 0, 2, 0), 24),  // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),   // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),   // reserved, broadcast
];

/// Blocks inside 2000::/3 that are not public hosts.
const CLOSED_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, ORCHID, benchmarking
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Refuses every address that is not a public unicast one: private, loopback, link-local, shared, metadata, multicast,
/// documentation, benchmarking, and IPv6 forms that carry such an IPv4 address inside.
pub fn check_address(address: IpAddr) -> Result<(), EgressError> {
    let public = match address {
        IpAddr::V4(v4) => public_v4(v4),
        IpAddr::V6(v6) => public_v6(v6),
    };
    if public {
        Ok(())
    } else {
        Err(EgressError::Address(address))
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    let inside =
        |(base, length): &(Ipv4Addr, u32)| (bits ^ base.to_bits()).leading_zeros() >= *length;
    !CLOSED_V4.iter().any(inside)
}

fn public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let [g_high, g_low] = g.to_be_bytes();
    let [h_high, h_low] = h.to_be_bytes();
    let last_four = Ipv4Addr::new(g_high, g_low, h_high, h_low);
    // The well-known prefix of NAT64 is how an IPv6-only network reaches IPv4; what is inside decides.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return public_v4(last_four);
    }
    // ISATAP carries an IPv4 address behind 0:5efe or 200:5efe.
    if f == 0x5efe && (e == 0 || e == 0x200) {
        return false;
    }
    let bits = address.to_bits();
    let inside =
        |(base, length): &(Ipv6Addr, u32)| (bits ^ base.to_bits()).leading_zeros() >= *length;
    // Only 2000::/3 is global unicast: mapped, compatible, local, link-local and multicast are all outside it.
    (a & 0xe000) == 0x2000 && !CLOSED_V6.iter().any(inside)
}
