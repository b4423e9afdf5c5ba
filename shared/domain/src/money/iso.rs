//! The currencies of ISO 4217 and their decimals.
//!
//! Withdrawn codes are among them: vendors still send them for old sales, and Stripe sends STD and
//! SVC for new ones. Codes to which ISO gives no minor unit (gold, testing, no currency) are not:
//! no amount can be counted in them.

use super::Currency;

/// Codes of list one with two decimals, and the new XAD.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP \
    BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK \
    LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK \
    NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
    YER ZAR ZMW ZWG";

/// Codes that were withdrawn, with two decimals.
const TWO_WITHDRAWN: &str = "AFA ANG ATS AYM AZM BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK \
    IEP LTL LVL MRO MTL MZM NLG RUR SDD SIT SKK SLL SRG STD TMM USS VEB VEF YUM ZMK ZWD ZWL ZWN \
    ZWR";

/// Codes without decimals.
const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";

/// Codes that were withdrawn, without decimals.
const NONE_WITHDRAWN: &str = "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE ROL TPE TRL";

const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

const FOUR: &str = "CLF UYW";

const BY_DECIMALS: [(u32, &str); 6] =
    [(2, TWO), (2, TWO_WITHDRAWN), (0, NONE), (0, NONE_WITHDRAWN), (3, THREE), (4, FOUR)];

/// Returns the number of decimals of `code`, in capital letters; `None` if ISO 4217 does not know
/// it, or gives it no minor unit.
pub(super) fn decimals(code: &str) -> Option<u32> {
    let lists = |codes: &str| codes.split_ascii_whitespace().any(|known| known == code);
    BY_DECIMALS.iter().find(|(_, codes)| lists(codes)).map(|(decimals, _)| *decimals)
}

/// Returns the number of decimals of a currency by ISO 4217; 0 for [`Currency::NONE`].
pub fn exponent(currency: Currency) -> u32 {
    decimals(currency.as_str()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_is_three_capital_letters_and_in_one_list() {
        let all: Vec<&str> =
            BY_DECIMALS.iter().flat_map(|(_, codes)| codes.split_ascii_whitespace()).collect();
        let once: BTreeSet<&&str> = all.iter().collect();
        assert_eq!(all.len(), once.len());
        for code in all {
            assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()), "{code:?}");
        }
    }

    #[test]
    fn trap_33_decimals_follow_iso_4217_for_codes_in_use_and_withdrawn_ones() {
        for (code, expected) in [
            ("USD", Some(2)),
            ("JPY", Some(0)),
            ("ISK", Some(0)),
            ("KWD", Some(3)),
            ("CLF", Some(4)),
            ("STD", Some(2)),
            ("SVC", Some(2)),
            ("HRK", Some(2)),
            ("DEM", Some(2)),
            ("ITL", Some(0)),
            ("BYR", Some(0)),
            ("XBT", None),
            ("BTC", None),
            ("AAA", None),
            ("XAU", None),
            ("XXX", None),
            ("usd", None),
            ("", None),
        ] {
            assert_eq!(decimals(code), expected, "{code:?}");
        }
    }
}
