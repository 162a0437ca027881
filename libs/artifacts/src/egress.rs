//! Which addresses a user's URL may lead to. Pure: no resolving and no connecting happens here.
//!
//! Two lists of the operator and one of ours are asked, as a routing table would be: the longest match decides.
//! `--allow-egress` opens what it covers, `--deny-egress` closes what it covers, and where both cover an address the
//! narrower entry wins (the denial, when both are equally narrow). Where neither covers it, `ranges` decides: every
//! range that is not the public internet is closed. Metadata services stay closed unless an entry is as narrow as
//! the service's own address, so that opening a network never opens the credentials of the node with it.
mod ranges;

use ipnet::IpNet;
use ranges::{Class, Range};
use std::{fmt, net::IpAddr};

/// What may be connected to.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

impl EgressPolicy {
    /// A policy from the values of `--allow-egress` and `--deny-egress`. With both empty, only public addresses are
    /// open.
    pub fn new(allow: Vec<IpNet>, deny: Vec<IpNet>) -> Self {
        Self { allow, deny }
    }

    /// Says whether `address` may be connected to, whatever way it is written: an IPv6 address that stands for an
    /// IPv4 address (mapped, compatible, NAT64, 6to4, ISATAP) is judged as that one, and the lists may name either.
    ///
    /// # Errors
    /// It may not; the error says what the address is and which flag would open it.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let meant = ranges::meant(address);
        let forms = [address, meant];
        let allowed = narrowest(&self.allow, &forms);
        let denied = narrowest(&self.deny, &forms);
        let refuse = |range, cause| Err(Refused { address, meant, range, cause });
        if let Some(range) = denied
            && allowed.is_none_or(|allowed| host_bits(&range) <= host_bits(&allowed))
        {
            return refuse(range, Cause::Denied);
        }
        match ranges::closed(meant) {
            Some(Range { net, class }) if !opens(allowed, &net, class) => refuse(net, Cause::Closed(class)),
            _ => Ok(()),
        }
    }
}

/// Why an address may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    address: IpAddr,
    meant: IpAddr,
    range: IpNet,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// `--deny-egress` lists the range.
    Denied,
    /// The range is closed unless `--allow-egress` lists it.
    Closed(Class),
}

impl Refused {
    /// The address as it was given.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The range that closes it.
    pub fn range(&self) -> IpNet {
        self.range
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if self.meant != self.address {
            write!(f, " stands for {}, which", self.meant)?;
        }
        let Self { range, cause, .. } = self;
        match cause {
            Cause::Denied => {
                write!(
                    f,
                    " lies in {range}, which --deny-egress closes unless --allow-egress lists a narrower range"
                )
            }
            Cause::Closed(class) => {
                write!(f, " is {class} ({range}); the operator may open it with --allow-egress {range}")
            }
        }
    }
}

/// Why a namespace may not reach a host, and who can change that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostRefused(pub(crate) String);

/// The narrowest of `nets` that covers one of `forms`.
fn narrowest(nets: &[IpNet], forms: &[IpAddr]) -> Option<IpNet> {
    let covering = nets.iter().filter(|net| forms.iter().any(|form| net.contains(form)));
    covering.min_by_key(|net| host_bits(net)).copied()
}

/// How wide a net is, comparable between IPv4 and IPv6.
fn host_bits(net: &IpNet) -> u8 {
    net.max_prefix_len() - net.prefix_len()
}

/// Whether the operator's entry opens a range that is closed by default.
fn opens(allowed: Option<IpNet>, closed: &IpNet, class: Class) -> bool {
    allowed.is_some_and(|allowed| class != Class::Metadata || host_bits(&allowed) <= host_bits(closed))
}

#[cfg(test)]
mod tests;
