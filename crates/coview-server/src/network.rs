use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use serde::Deserialize;
use thiserror::Error;

/// A network: all addresses that begin with the same bits.
///
/// ```
/// use coview_server::Network;
///
/// let network: Network = "10.1.0.0/16".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?), "the same address, said in IPv6");
/// assert!(!network.contains("10.2.0.1".parse()?));
/// assert_eq!("::1".parse::<Network>()?.to_string(), "::1/128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Before the `/` stands no address.
    #[error("no network: write an address, or one with its bits as in 10.0.0.0/8 or 2001:db8::/32")]
    Address,
    /// After the `/` stands no number, or one too large.
    #[error("a network of such an address has 0 to {0} bits")]
    Bits(u8),
    /// There is more in the address than its network.
    #[error("the address has bits beyond its network; this would be {0}")]
    Beyond(Network),
}

impl Network {
    /// The network of this address with so many leading bits; more than it has are all of them.
    pub(crate) fn of(address: IpAddr, bits: u8) -> Self {
        let address = plain(address);
        let bits = bits.min(width(address));
        let address = match address {
            IpAddr::V4(it) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(it.to_bits() & mask))
            }
            IpAddr::V6(it) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() & mask))
            }
        };
        Self { address, bits }
    }

    /// Whether the address is in it. An IPv4 address written as an IPv6 one is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = plain(address);
        address.is_ipv4() == self.address.is_ipv4() && Self::of(address, self.bits) == *self
    }

    /// Whether every address of its kind is in it.
    pub(crate) const fn is_everything(&self) -> bool {
        self.bits == 0
    }

    /// The addresses of this machine itself.
    #[must_use]
    pub fn loopback() -> Vec<Self> {
        vec![
            Self::of(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            Self::of(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ]
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The IPv4 address where an IPv6 one stands for it, as on a socket that listens for both.
pub(crate) const fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Those whose connections are counted together: one IPv4 address; of IPv6 what one line of a
/// provider has at least, because its owner has all addresses in it.
pub(crate) fn household(address: IpAddr) -> Network {
    let address = plain(address);
    Network::of(address, if address.is_ipv4() { 32 } else { 64 })
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = plain(address.parse().map_err(|_| NetworkError::Address)?);
        let most = width(address);
        let bits = match bits {
            None => most,
            Some(bits) => match bits.parse() {
                Ok(bits) if bits <= most => bits,
                Ok(_) | Err(_) => return Err(NetworkError::Bits(most)),
            },
        };
        let network = Self::of(address, bits);
        if network.address == address { Ok(network) } else { Err(NetworkError::Beyond(network)) }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Result<Network, String> {
        text.parse().map_err(|error: NetworkError| error.to_string())
    }

    #[test]
    fn a_network_has_the_addresses_with_its_bits() {
        for (text, inside, outside) in [
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("127.0.0.0/8", "127.255.0.1", "128.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::/0", "2001:db8::1", "192.0.2.7"),
        ] {
            let network = network(text).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_says_so() {
        for (text, says) in [
            ("", "no network"),
            ("localhost", "no network"),
            ("10.0.0.0/33", "0 to 32 bits"),
            ("::/129", "0 to 128 bits"),
            ("::/-1", "0 to 128 bits"),
            ("10.0.0.1/8", "this would be 10.0.0.0/8"),
        ] {
            let told = network(text).unwrap_err();
            assert!(told.contains(says), "{text}: {told}");
        }
    }

    #[test]
    fn a_household_is_an_address_or_a_line() {
        let of = |text: &str| household(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7/32");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7/32");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }
}
