use std::net::IpAddr;

use super::check_address;
use proptest::prelude::*;

#[test]
fn every_closed_block_is_refused() {
    let closed = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "fe80::5efe:10.0.0.1",
        "2a00:1450::5efe:10.0.0.1",
        "2a00:1450::200:5efe:10.0.0.1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ];
    for text in closed {
        let address: IpAddr = text.parse().unwrap();
        assert!(check_address(address).is_err(), "{text} passed");
    }
}

#[test]
fn public_addresses_pass() {
    let open = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001::200e",
        "2001:200::1",
        "64:ff9b::8.8.8.8",
    ];
    for text in open {
        let address: IpAddr = text.parse().unwrap();
        assert!(check_address(address).is_ok(), "{text} refused");
    }
}

proptest! {
    /// An IPv4 address wrapped into IPv6 is never more reachable than by itself.
    #[test]
    fn no_wrapping_opens_an_address(bits: u32) {
        let bare = std::net::Ipv4Addr::from_bits(bits);
        let low = u128::from(bits);
        for prefix in [0, 0xffff << 32, 0x0064_ff9b_u128 << 96] {
            let wrapped = std::net::Ipv6Addr::from_bits(prefix | low);
            if check_address(wrapped.into()).is_ok() {
                prop_assert!(check_address(bare.into()).is_ok());
            }
        }
    }
}
