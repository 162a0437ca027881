//! Numbers and words that look random and are the same on every machine.
use std::sync::LazyLock;

/// SplitMix64: enough for data.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// One of them, the first ones more often: words are used as unevenly as in any language.
    pub(super) fn pick(&mut self, of: &[&'static str]) -> &'static str {
        let count = of.len() as u64;
        let skewed = self.below(count) * (1 + self.below(count)) / count;
        of[usize::try_from(skewed).expect("an index of a slice")]
    }

    /// A common word.
    pub(super) fn word(&mut self) -> &'static str {
        self.pick(&WORDS)
    }

    pub(super) fn hex(&mut self, digits: usize) -> String {
        let mut hex = String::with_capacity(digits + 16);
        while hex.len() < digits {
            hex += &format!("{:016x}", self.next());
        }
        hex.truncate(digits);
        hex
    }

    pub(super) fn uid(&mut self) -> String {
        format!("{}-{}-4{}-a{}-{}", self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12))
    }

    pub(super) fn address(&mut self) -> String {
        format!("10.{}.{}.{}", 96 + self.below(16), self.below(256), self.below(256))
    }

    /// A time in 2026.
    pub(super) fn time(&mut self) -> String {
        let (month, day) = (1 + self.below(12), 1 + self.below(28));
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Up to so many sentences.
    pub(super) fn sentences(&mut self, most: u64) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(most) {
            for _ in 0..6 + self.below(10) {
                text += self.word();
                text.push(' ');
            }
            text += self.word();
            text += ". ";
        }
        text
    }
}

/// The most common ones first.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| VOCABULARY.split_whitespace().collect());

const VOCABULARY: &str = "\
     the to of a in and for is that with on as be by not this it are from or an at if when which will can \
     only has all one have been no each but after before into was must its until may more than other \
     request object source change service version error cluster value field name time user default config \
     server client endpoint number order account address agent amount archive audit balance batch board \
     branch bucket budget cancel carrier column commit contract country coupon currency customer daily \
     deadline delivery deploy detail device digest discount domain draft driver engine entry export \
     factor failed feature feed filter finance folder forecast format global group header health history \
     hour image import index input invoice item journal label language latency ledger letter level limit \
     listing local lookup manifest margin market member merge message method metric mirror model monthly \
     network notice offer origin outcome output owner package parcel partner payment period person pickup \
     policy portal position preview price process product profile project quality quota rating reason \
     receipt record refund region release remote replica report reserve result return review route rule \
     sample schedule schema season secret section segment session setting shipment signal stock storage \
     stream subject summary supply support switch table target tariff template tenant ticket token total \
     trace transfer trigger update usage vendor volume voucher warehouse webhook weekly window zone";
