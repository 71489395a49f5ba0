//! Which IP addresses are public: the registries of special addresses as data, and one pure classification over
//! them. Must not resolve names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A range of addresses that are not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialRange {
    /// What an address of the range is; completes a sentence that begins with "10.0.0.1 is".
    pub description: &'static str,
    /// The document that reserves the range.
    pub source: &'static str,
    /// The operator may allow such an address only by itself, not as part of a larger network.
    pub single_only: bool,
}

/// The class of an IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    Public,
    /// Not public, or not routable.
    Special(SpecialRange),
}

const fn v4(address: [u8; 4], length: u8, description: &'static str, source: &'static str) -> (Ipv4Net, SpecialRange) {
    let [a, b, c, d] = address;
    (Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length), range(description, source))
}

const fn v6(head: [u16; 3], length: u8, description: &'static str, source: &'static str) -> (Ipv6Net, SpecialRange) {
    let [a, b, c] = head;
    (Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length), range(description, source))
}

/// Metadata services of clouds, which hand out credentials of machines. No customer receives events there, so an
/// allowed network does not include them.
const METADATA: [IpAddr; 5] = [
    // AWS, Google, Azure, Oracle, DigitalOcean and others
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: credentials of containers
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's platform, in an otherwise public range
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS over IPv6
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

const METADATA_RANGE: SpecialRange =
    SpecialRange { description: "a cloud's metadata service", source: "vendors' documents", single_only: true };

/// IANA's registry of special IPv4 addresses, multicast and reserved addresses.
static IPV4: [(Ipv4Net, SpecialRange); 18] = [
    v4([0, 0, 0, 0], 8, "\"this network\"", "RFC 791"),
    v4([10, 0, 0, 0], 8, "private", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared by carriers (CGNAT)", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "this machine itself (loopback)", "RFC 1122"),
    v4([169, 254, 0, 0], 16, "link-local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "kept for protocols", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "for documentation", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "a sink for reverse lookups (AS112)", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "a relay for multicast (AMT)", "RFC 7450"),
    v4([192, 88, 99, 0], 24, "a former relay (6to4)", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "a sink for reverse lookups (AS112)", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "for benchmarks", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "for documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "for documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    // the broadcast address is its last
    v4([240, 0, 0, 0], 4, "reserved or broadcast", "RFC 1112, RFC 919"),
];

/// IANA's registry of special IPv6 addresses, narrow ranges before wide ones. Ranges that embed an IPv4 address are
/// refused as a whole: a gateway would decide which machine is reached.
static IPV6: [(Ipv6Net, SpecialRange); 17] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), range("no address (unspecified)", "RFC 4291")),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), range("this machine itself (loopback)", "RFC 4291")),
    (Ipv6Net::new_assert(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96), range("an IPv4 address, mapped", "RFC 4291")),
    v6([0, 0, 0], 96, "an IPv4 address, in the old compatible form", "RFC 4291"),
    v6([0x64, 0xff9b, 0], 96, "an IPv4 address behind a translator (NAT64)", "RFC 6052"),
    v6([0x64, 0xff9b, 1], 48, "an IPv4 address behind a local translator (NAT64)", "RFC 8215"),
    v6([0x100, 0, 0], 64, "a sink (discard-only)", "RFC 6666"),
    v6([0x2001, 0, 0], 32, "a tunnel (Teredo)", "RFC 4380"),
    v6([0x2001, 2, 0], 48, "for benchmarks", "RFC 5180"),
    v6([0x2001, 0, 0], 23, "kept for protocols", "RFC 2928"),
    v6([0x2001, 0xdb8, 0], 32, "for documentation", "RFC 3849"),
    v6([0x2002, 0, 0], 16, "a tunnel (6to4)", "RFC 3056"),
    v6([0x3fff, 0, 0], 20, "for documentation", "RFC 9637"),
    v6([0xfc00, 0, 0], 7, "private (unique local)", "RFC 4193"),
    v6([0xfe80, 0, 0], 10, "link-local", "RFC 4291"),
    v6([0xfec0, 0, 0], 10, "private (the old site-local)", "RFC 3879"),
    v6([0xff00, 0, 0], 8, "multicast", "RFC 4291"),
];

/// The only range that IANA has assigned for global unicast so far.
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const UNASSIGNED: SpecialRange = range("in no assigned range", "RFC 4291");

const fn range(description: &'static str, source: &'static str) -> SpecialRange {
    SpecialRange { description, source, single_only: false }
}

/// Checks that an address may be called: it is public, or an allowed network contains it.
pub fn check_public(ip: IpAddr, allowed: &[IpNet]) -> Result<(), SpecialRange> {
    match classify(ip) {
        AddressClass::Public => Ok(()),
        AddressClass::Special(range) if is_allowed(ip, range.single_only, allowed) => Ok(()),
        AddressClass::Special(range) => Err(range),
    }
}

/// Whether an allowed network contains the address; with `single_only`, whether the address itself is listed.
pub(super) fn is_allowed(ip: IpAddr, single_only: bool, allowed: &[IpNet]) -> bool {
    allowed.iter().any(|net| net.contains(&ip) && (!single_only || net.prefix_len() == net.max_prefix_len()))
}

/// Classifies an address by the registries.
pub fn classify(ip: IpAddr) -> AddressClass {
    let range = match ip {
        _ if METADATA.contains(&ip) => Some(METADATA_RANGE),
        IpAddr::V4(ip) => IPV4.iter().find(|(net, _)| net.contains(&ip)).map(|(_, range)| *range),
        IpAddr::V6(ip) => {
            let registered = IPV6.iter().find(|(net, _)| net.contains(&ip)).map(|(_, range)| *range);
            registered.or_else(|| (!GLOBAL_UNICAST.contains(&ip)).then_some(UNASSIGNED))
        }
    };
    range.map_or(AddressClass::Public, AddressClass::Special)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, allowed: &[&str]) -> Result<(), &'static str> {
        let allowed: Vec<IpNet> = allowed.iter().map(|net| net.parse().unwrap()).collect();
        check_public(text.parse().unwrap(), &allowed).map_err(|range| range.description)
    }

    /// The first and the last address of every range, and their public neighbours.
    #[test]
    fn ranges_begin_and_end_exactly() {
        for (net, range) in &IPV4 {
            for ip in [net.network(), net.broadcast()] {
                assert_eq!(check_public(ip.into(), &[]), Err(*range), "{ip}");
            }
        }
        for (net, range) in &IPV6 {
            assert!(check_public(net.broadcast().into(), &[]).is_err(), "{net}");
            assert!(check_public(net.network().into(), &[]).is_err(), "{net} {range:?}");
        }
        let public = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
            169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 \
            192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
            203.0.112.255 203.0.114.0 223.255.255.255 2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2001:4860:4860::8888 \
            2003:: 2606:4700:4700::1111 3ffe:ffff:: 3fff:1000:: 168.63.129.15 168.63.129.17";
        for ip in public.split_whitespace() {
            assert_eq!(check(ip, &[]), Ok(()), "{ip}");
        }
    }

    #[test]
    fn unassigned_addresses_are_not_called() {
        for ip in ["1fff:ffff::", "4000::", "5f00::1", "8000::1", "::2:0:0:1", "64:ff9b:2::1", "100:0:0:1::"] {
            assert!(check(ip, &[]).is_err(), "{ip}");
        }
    }

    #[test]
    fn an_allowed_network_covers_only_itself() {
        assert_eq!(check("10.1.2.3", &["10.1.0.0/16"]), Ok(()));
        assert_eq!(check("10.2.2.3", &["10.1.0.0/16"]), Err("private"));
        assert_eq!(check("::ffff:10.1.2.3", &["10.1.0.0/16"]), Err("an IPv4 address, mapped"));
        assert_eq!(check("::1", &["::1/128"]), Ok(()));
    }

    #[test]
    fn a_metadata_address_is_allowed_only_as_a_single_address() {
        assert_eq!(check("169.254.169.254", &["169.254.0.0/16", "0.0.0.0/0"]), Err("a cloud's metadata service"));
        assert_eq!(check("169.254.169.253", &["169.254.0.0/16"]), Ok(()));
        assert_eq!(check("fd00:ec2::254", &["fd00::/8", "::/0"]), Err("a cloud's metadata service"));
        assert_eq!(check("169.254.169.254", &["169.254.169.254/32"]), Ok(()));
    }
}
