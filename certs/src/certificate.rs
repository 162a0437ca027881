//! What a TLS listener needs, and what its clients must trust.
use crate::pair::Pair;
use jiff::Timestamp;
use secrecy::SecretSlice;

/// A serving certificate with its key, and the bundle that verifies it.
#[derive(Clone, Debug)]
pub struct ServingCertificate {
    /// The chain in PEM, leaf first.
    pub chain_pem: Vec<u8>,
    /// The key of the leaf in PEM.
    pub key_pem: SecretSlice<u8>,
    /// What clients should trust, in PEM: the CA, and former ones while a leaf of theirs may live. Empty when unknown.
    pub ca_pem: Vec<u8>,
    /// When the leaf ends.
    pub not_after: Timestamp,
}

impl ServingCertificate {
    pub(crate) fn new(pair: &Pair, ca_pem: Vec<u8>) -> Self {
        Self {
            chain_pem: pair.chain_pem.clone(),
            key_pem: pair.key_pem.clone(),
            ca_pem,
            not_after: pair.lives.until,
        }
    }

    /// A leaf is never issued twice, so an equal chain means an equal key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.chain_pem == other.chain_pem && self.ca_pem == other.ca_pem
    }
}
